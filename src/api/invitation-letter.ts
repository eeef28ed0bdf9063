/** The mail that takes an invitation to the invited, in both languages: nobody knows yet which one they read. */
import type { Invitation } from '../iam/people-types.ts';

/** `url`: the one-time link. What is said stands in plain text; names are as their owners wrote them. */
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
      'Open this link to join. It works once, and only for your address:',
      '',
      url,
      '',
      `It ends at ${until} UTC. If you expected no invitation, do nothing.`,
      '',
      '--------',
      '',
      `${invitedBy} さんから、プロジェクト「${project}」に招待されました。`,
      '上のリンクを開いて参加してください。リンクは一度だけ、あなたのアドレスでのみ使えます。',
      `有効期限は ${until} (UTC) です。心当たりがない場合は、何もしないでください。`,
      '',
    ].join('\n'),
  };
}
