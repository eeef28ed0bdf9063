/**
 * `hikyaku queue retry|cancel|bounce|suspend|resume`: sends the request to the running service. On a terminal, cancel,
 * bounce and suspend first say how much they mean, and ask. Invariant: without a yes nothing is changed.
 */
import type { Static } from 'typebox';
import type { QueueRequest } from '../contract/operations/mta-mail.ts';
import { confirmed, type Terminal } from './confirm.ts';
import { type Answer, detailOf } from './control-client.ts';

export type Change = Static<typeof QueueRequest>;
interface Counted {
  readonly matched: number;
  readonly projects?: number;
  readonly expires_at: string | null;
}
export interface ChangeDeps {
  /** Rejects if no service runs. */
  readonly ask: (request: Change) => Promise<Answer>;
  /** null: nobody is asked. */
  readonly terminal: Terminal | null;
  readonly signal: AbortSignal;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}
const ASKS: ReadonlySet<Change['action']> = new Set(['cancel', 'bounce', 'suspend']);
const many = (n: number, one: string) => `${n.toLocaleString('en')} ${one}${n === 1 ? '' : 's'}`;

/** What the request will do, in a sentence. */
export function announcement(action: Change['action'], { matched, projects, expires_at }: Counted): string {
  const of = projects === undefined ? '' : ` of ${many(projects, 'project')}`;
  const what = `This will ${action} ${many(matched, 'recipient')}${of}`;
  if (action !== 'suspend') return `${what}.`;
  const end = expires_at === null ? 'until it is resumed' : `until ${expires_at}`;
  return `${what}, and new mail of the same kind, ${end}.`;
}

/** Returns the exit status. */
export async function changeQueue(
  change: Change,
  { ask, terminal, signal, out, err }: ChangeDeps,
): Promise<number> {
  if (ASKS.has(change.action) && change.dry_run !== true && terminal !== null) {
    const counted = await ask({ ...change, dry_run: true });
    if (counted.status !== 200) return failed(counted);
    const question = `${announcement(change.action, counted.json as Counted)} Go on?`;
    if (!(await confirmed(question, terminal, signal))) {
      err('nothing was changed\n');
      return 1;
    }
  }
  const answer = await ask(change);
  if (answer.status !== 200) return failed(answer);
  out(`${JSON.stringify(answer.json)}\n`);
  return 0;

  function failed(refused: Answer): number {
    err(`${detailOf(refused)}\n`);
    return 1;
  }
}
