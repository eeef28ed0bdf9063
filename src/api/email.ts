/** Reads a member's e-mail address from a request. Throws a validation Problem that names the field. */
import { memberEmail } from '../iam/email.ts';
import { invalid } from './problems.ts';

export function emailOf(text: string, field: string): string {
  const email = memberEmail(text);
  if (email === null) throw invalid(field, 'is not an e-mail address');
  return email;
}
