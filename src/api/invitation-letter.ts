/** The mail with an invitation, in both languages: the language of the invited person is not known yet. */
import type { Invitation } from '../iam/people-records.ts';

/** `url`: the one-time link. The mail is plain text; names are as their owners wrote them. */
export function invitationLetter(
  invitation: Invitation,
  project: string,
  url: string,
): { readonly subject: string; readonly body: string } {
  const { invitedBy, expiresAt } = invitation;
  const until = new Date(expiresAt).toISOString().slice(0, 16).replace('T', ' ');
  return {
    subject: `Invitation to ${project} / ${project} への招待`,
    body: [
      `${invitedBy} invites you to the project "${project}".`,
      'To join, open this link. The link works once, and only for your address:',
      '',
      url,
      '',
      `The link works until ${until} UTC. If you did not expect an invitation, do nothing.`,
      '',
      '--------',
      '',
      `${invitedBy} さんから、プロジェクト「${project}」に招待されました。`,
      '参加するには、上のリンクを開いてください。リンクは、あなたのメールアドレスで一度だけ使えます。',
      `リンクの有効期限は ${until}（UTC）です。招待に心当たりがない場合は、何もしないでください。`,
      '',
    ].join('\n'),
  };
}
