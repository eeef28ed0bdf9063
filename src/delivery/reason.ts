/** Why a recipient waits, in one line for people. Pure. */
import type { RecipientRow } from '../spool/messages.ts';

export function reasonOf(row: RecipientRow, active: boolean): string {
  if (active) return 'being tried';
  const last = row.lastResult as {
    cause?: string;
    reply?: { code: number; enhanced: string | null; text: string } | null;
  } | null;
  const reply = last?.reply ?? null;
  const words =
    reply === null
      ? (last?.cause ?? '')
      : [reply.code, reply.enhanced, reply.text].filter((part) => part !== null && part !== '').join(' ');
  switch (row.state) {
    case 'queued':
      return words === '' ? 'waits for its first attempt' : `to be tried again at once; last: ${words}`;
    case 'deferred':
      return words;
    case 'held':
      return words;
    default:
      return row.state;
  }
}
