/** The mail that tells the owner of the instance that retention falls behind, in the language the owner chose. Pure. */
export interface FallenBehind {
  readonly hostname: string;
  /** Messages past their retention period that are still stored, as far as they are counted. */
  readonly due: number;
  /** When the oldest of them should have been deleted, wall ms. */
  readonly since: number;
  /** true: deleting failed; false: deleting is too slow. */
  readonly failed: boolean;
}
export function retentionLetter(
  { hostname, due, since, failed }: FallenBehind,
  language: 'ja' | 'en',
): { readonly subject: string; readonly body: string } {
  const at = `${new Date(since).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return language === 'ja'
    ? {
        subject: `${hostname}: 保存期間を過ぎたメールの削除が遅れています`,
        body: [
          `${hostname} に、保存期間を過ぎたメールが ${due} 通以上残っています。`,
          `最も古いものは ${at} に削除されるはずでした。`,
          failed
            ? '削除に失敗しています。原因はサービスのログにあります。'
            : '期限切れになる量に、削除が追いついていません。ディスクの速度と負荷を確認してください。',
          'この状態の間、データベースは大きくなり続け、メールは設定した期間より長く残ります。メールの送受信は続きます。',
          '',
          '現在の状態は、hikyaku doctor またはコンソールの最初のページで確認できます。',
          '',
        ].join('\n'),
      }
    : {
        subject: `${hostname}: mail is not deleted in time`,
        body: [
          `On ${hostname}, at least ${due} messages are still stored after the end of their retention period.`,
          `The oldest of them should have been deleted at ${at}.`,
          failed
            ? 'The service cannot delete them. Its log shows the cause.'
            : 'The service deletes them more slowly than their retention periods end. Check whether the disk is slow or busy.',
          'Until this is solved, the database grows, and mail is kept longer than the projects have set. Sending and receiving continue.',
          '',
          'To see the current state, run `hikyaku doctor` or open the first page of the console.',
          '',
        ].join('\n'),
      };
}
