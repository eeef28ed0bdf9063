/**
 * The attempts at a recipient, for the trace. While the recipient waits, each attempt has a row. The final
 * attempt is stored only as the last result of the recipient's row, so a delivery at the first attempt costs
 * no attempt row. A change without an attempt (held, cancelled, returned) is not an attempt.
 */
import type { AttemptRow, RecipientRow } from './messages.ts';

const DETAILS = ['remote', 'tls', 'reply', 'cause', 'status', 'classification', 'ambiguous'] as const;
const SETTLED: readonly string[] = ['delivered', 'bounced', 'expired'];
const OUTCOMES = ['delivered', 'deferred', 'bounced'] as const;

/** What the trace shows of an outcome. */
export function attemptDetail(lastResult: unknown): Record<string, unknown> {
  const result = lastResult as Record<string, unknown>;
  return Object.fromEntries(
    DETAILS.flatMap((name) =>
      result[name] === undefined || result[name] === false ? [] : [[name, result[name]]],
    ),
  );
}
/** All attempts at the recipient, oldest first; `kept` are the attempt rows of its message. */
export function attemptsAt(row: RecipientRow, kept: readonly AttemptRow[]): readonly AttemptRow[] {
  const own = kept.filter(({ recipientId }) => recipientId === row.id);
  const { kind, at } = (row.lastResult ?? {}) as { kind?: string; at?: number };
  const outcome = OUTCOMES.find((one) => one === kind);
  if (!SETTLED.includes(row.state) || outcome === undefined) return own;
  const { projectId, messageId, id: recipientId, attempts: number } = row;
  const detail = attemptDetail(row.lastResult);
  return [
    ...own,
    { projectId, messageId, recipientId, number, at: at ?? row.settledAt ?? 0, outcome, detail },
  ];
}
