/**
 * `hikyaku queue retry|cancel|bounce|suspend|resume`: sends the request to the running service and says what it did, in
 * words or as JSON. On a terminal, cancel, bounce and suspend first say how much they mean, and ask. Invariant: without
 * a yes nothing is changed.
 */
import type { Static } from 'typebox';
import type { QueueRequest } from '../contract/operations/mta-mail.ts';
import { confirmed, type Terminal } from './confirm.ts';
import { type Answer, detailOf } from './control-client.ts';
import { plain } from './table.ts';

export type Change = Static<typeof QueueRequest>;
/** The service's answer. */
export interface Changed {
  readonly matched: number;
  readonly changed: number;
  /** Were being tried, and left alone. */
  readonly in_flight: number;
  readonly suspension: string | null;
  readonly expires_at: string | null;
  readonly resumed: number;
  /** Of how many projects; absent: not known. */
  readonly projects?: number;
  /** Nodes that gave no answer in time. */
  readonly silent_nodes?: number;
}
type Counted = Pick<Changed, 'matched' | 'projects' | 'expires_at'>;
export interface ChangeDeps {
  /** Rejects if no service runs. */
  readonly ask: (request: Change) => Promise<Answer>;
  /** The name of the project that the command names; null: none. */
  readonly project: string | null;
  /** null: nobody is asked. */
  readonly terminal: Terminal | null;
  /** The answer as JSON, not in words. */
  readonly json: boolean;
  readonly signal: AbortSignal;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}
const ASKS: ReadonlySet<Change['action']> = new Set(['cancel', 'bounce', 'suspend']);
const DONE = { retry: 'put forward', cancel: 'cancelled', bounce: 'bounced' } as const;
const many = (n: number, one: string) => `${n.toLocaleString('en')} ${one}${n === 1 ? '' : 's'}`;
const untilOf = (end: string | null) =>
  end === null ? 'until it is resumed' : `until ${end.replace(/\.\d+Z$/, 'Z')}`;

/** So many recipients, and whose. */
function recipients(n: number, projects: number | undefined, project: string | null): string {
  const whose =
    project !== null
      ? ` of project ${plain(project)}`
      : projects === undefined || projects === 0
        ? ''
        : ` of ${many(projects, 'project')}`;
  return `${many(n, 'recipient')}${whose}`;
}
/** Which mail the request means, as the options of the command. */
function mailOf({ filter = {} }: Change, project: string | null): string {
  const { site, domain, sender, accepted_before: before } = filter;
  const parts = Object.entries({ site, domain, sender, 'accepted before': before })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${plain(value!)}`);
  const of = project === null ? 'all projects' : `project ${plain(project)}`;
  return `${parts.length === 0 ? 'all mail' : `mail with ${parts.join(', ')}`} of ${of}`;
}

/** What the request will do, in a sentence. */
export function announcement(
  action: Change['action'],
  { matched, projects, expires_at }: Counted,
  project: string | null,
): string {
  const what = `This will ${action} ${recipients(matched, projects, project)}`;
  return action === 'suspend'
    ? `${what}, and new mail of the same kind, ${untilOf(expires_at)}.`
    : `${what}.`;
}
/** What the request did, or, if it only counted, would do. One line each. */
export function report(change: Change, done: Changed, project: string | null): readonly string[] {
  const { action, dry_run: dry = false } = change;
  const { matched, changed, in_flight: inFlight, projects, resumed, silent_nodes: silent = 0 } = done;
  const lines: string[] = [];
  if (action === 'resume') {
    if (dry) lines.push(`would end ${many(resumed, 'suspension')}; nothing was changed`);
    else
      lines.push(
        `ended ${many(resumed, 'suspension')}; the service tries the mail again that nothing else suspends`,
      );
  } else if (action === 'suspend') {
    const what = `${mailOf(change, project)}, ${untilOf(done.expires_at)}`;
    // The mail names the project already.
    const waits = `${project === null ? recipients(matched, projects, null) : many(matched, 'recipient')} that ${matched === 1 ? 'waits' : 'wait'} now, and new mail`;
    if (dry) lines.push(`would suspend ${what}: ${waits}; nothing was changed`);
    else
      lines.push(
        `suspended ${what}: ${waits}`,
        `suspension ${done.suspension}; to end it: hikyaku queue resume --id ${done.suspension}`,
      );
  } else if (dry)
    lines.push(`would ${action} ${recipients(matched, projects, project)}; nothing was changed`);
  else {
    const then = action === 'retry' && changed > 0 ? '; the service tries now what nothing suspends' : '';
    lines.push(`${DONE[action]}: ${recipients(changed, projects, project)}${then}`);
    if (inFlight > 0) lines.push(`left alone, because they were being tried: ${many(inFlight, 'recipient')}`);
    const rest = matched - changed - inFlight;
    if (rest > 0)
      lines.push(
        action === 'retry'
          ? `not put forward, because they are due already or over a sending limit: ${many(rest, 'recipient')}`
          : `not changed, because they moved on meanwhile: ${many(rest, 'recipient')}`,
      );
  }
  if (silent > 0)
    lines.push(
      `${many(silent, 'other node')} gave no answer in time and may still be at work: what is done there is not counted here`,
    );
  return lines;
}

/** Returns the exit status. */
export async function changeQueue(
  change: Change,
  { ask, project, terminal, json, signal, out, err }: ChangeDeps,
): Promise<number> {
  if (ASKS.has(change.action) && change.dry_run !== true && terminal !== null) {
    const counted = await ask({ ...change, dry_run: true });
    if (counted.status !== 200) return failed(counted);
    const question = `${announcement(change.action, counted.json as Counted, project)} Go on?`;
    if (!(await confirmed(question, terminal, signal))) {
      err('nothing was changed\n');
      return 1;
    }
  }
  const answer = await ask(change);
  if (answer.status !== 200) return failed(answer);
  if (json) out(`${JSON.stringify(answer.json)}\n`);
  else for (const line of report(change, answer.json as Changed, project)) out(`${line}\n`);
  return 0;

  /** A request that the service refuses as such is wrong usage. */
  function failed(refused: Answer): number {
    err(`hikyaku queue: ${detailOf(refused)}\n`);
    return refused.status === 400 ? 2 : 1;
  }
}
