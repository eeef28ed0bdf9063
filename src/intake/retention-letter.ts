/** The mail that tells the owner of the instance that retention falls behind, in the language they chose. Pure. */
export interface FallenBehind {
  readonly hostname: string;
  /** Messages that are over and still there, as far as they are counted. */
  readonly due: number;
  /** When the oldest of them should have gone, wall ms. */
  readonly since: number;
  /** Removing failed; else it is too slow. */
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
          `${hostname} では、保存期間を過ぎたメールが残っています (${due} 通以上)。`,
          `最も古いものは ${at} に削除されるはずでした。`,
          failed
            ? '削除に失敗しています。原因はサービスのログにあります。'
            : '期限切れになる量に、削除が追いついていません。ディスクの速度と負荷を確かめてください。',
          'その間、ストアは大きくなり続け、メールは設定より長く残ります。メールの送受信は続きます。',
          '',
          '現在の状態: hikyaku doctor、またはコンソールの最初のページ',
          '',
        ].join('\n'),
      }
    : {
        subject: `${hostname}: what is over is not removed in time`,
        body: [
          `On ${hostname} mail is kept beyond its time: at least ${due} messages are over and still there.`,
          `The oldest of them should have gone at ${at}.`,
          failed
            ? 'Removing it fails; the log of the service says why.'
            : 'More becomes over than is removed: look whether the disk is slow, or full of other work.',
          'Meanwhile the store grows, and keeps mail longer than the projects were told. Mail goes on.',
          '',
          'How it stands now: `hikyaku doctor`, or the first page of the console.',
          '',
        ].join('\n'),
      };
}
