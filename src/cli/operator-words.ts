/** What `hikyaku serve` and `hikyaku doctor` say about the operators of the instance. Pure. */
import type { OperatorStanding } from '../iam/links.ts';
import { type Finding, ok, warning } from './finding.ts';

/** For the person who starts the service; empty if there is nothing to say. `url`: the link that this start has made. */
export function operatorNotice(standing: OperatorStanding, url: string | null): string {
  switch (standing.kind) {
    case 'ready':
      return '';
    case 'none':
      return `\nNo operator can sign in yet. Whoever opens this link becomes the operator (works once, within 24 hours; every start prints a new one until there is an operator):\n\n  ${url}\n\n`;
    case 'has-link':
      return `\n${hasLink(standing)}\n\n`;
    case 'locked-out':
      return `\nThe operator ${standing.member.email} cannot sign in. With this link, this person sets a password and a second factor (works once, within 24 hours):\n\n  ${url}\n\n`;
  }
}
export function operatorFinding(standing: OperatorStanding): Finding {
  const check = 'operator';
  switch (standing.kind) {
    case 'ready':
      return ok(check, standing.member.email);
    case 'none':
      return warning(
        check,
        'there is none: open the link that the service prints when it starts, or run `hikyaku bootstrap --email ADDRESS --operator`',
      );
    case 'has-link':
      return warning(check, hasLink(standing));
    case 'locked-out':
      return warning(
        check,
        `${standing.member.email} cannot sign in, and has no one-time link: the next start prints one, and \`hikyaku member reset ${standing.member.email}\` prints one now`,
      );
  }
}
function hasLink({ member, expiresAt }: Extract<OperatorStanding, { kind: 'has-link' }>): string {
  const until = new Date(expiresAt).toISOString().replace(/\.\d+Z$/, 'Z');
  return `The operator ${member.email} cannot sign in yet: this person has a one-time link and has not used it (valid until ${until}). If the link is lost, \`hikyaku member reset ${member.email}\` prints a new one.`;
}
