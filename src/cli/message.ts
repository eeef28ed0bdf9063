/** `hikyaku message`: tells in words what happened to one message. */
import { ACCESS_OPTIONS, type ApiClient, clientOf } from './api-client.ts';
import { plain } from './table.ts';
import { type CommandContext, parseWordsAndOptions, UsageError } from './usage.ts';

interface Reply {
  readonly code: number;
  readonly enhanced: string | null;
  readonly text: string;
}
interface Detail {
  readonly converted?: boolean;
  readonly remote?: { readonly host: string; readonly address: string } | null;
  readonly tls?: { readonly version: string } | null;
  readonly reply?: Reply | null;
  readonly cause?: string;
}
interface Attempt {
  readonly number: number;
  readonly at: string;
  readonly outcome: string;
  readonly detail: Detail;
}
export interface Trace {
  readonly id: string;
  readonly direction: string;
  readonly source: string;
  readonly message_id: string;
  readonly mail_from: string;
  readonly size: number;
  readonly accepted_at: string;
  readonly expires_at: string;
  readonly recipients: readonly TracedRecipient[];
}
interface TracedRecipient {
  readonly address: string;
  readonly state: string;
  readonly attempts: readonly Attempt[];
  readonly next_attempt_at: string | null;
  readonly last_result: Detail | null;
  readonly settled_at: string | null;
}

function said({ reply, cause }: Detail): string {
  if (reply != null)
    return `: ${plain([reply.code, reply.enhanced, reply.text].filter((part) => part != null && part !== '').join(' '))}`;
  return cause === undefined ? '' : `: ${plain(cause)}`;
}
function inWords({ number, at, outcome, detail }: Attempt): string {
  const where = detail.remote == null ? '' : ` at ${plain(detail.remote.host)} (${detail.remote.address})`;
  const tls = detail.tls == null ? '' : ` over ${detail.tls.version}`;
  const converted = detail.converted === true ? ', converted' : '';
  return `    ${at}  attempt ${number}: ${outcome}${where}${tls}${converted}${said(detail)}`;
}
export function describeTrace(trace: Trace): string {
  const { id, direction, source, message_id: messageId, mail_from: from, size } = trace;
  const lines = [
    `${direction} message ${id}, Message-ID ${plain(messageId)}`,
    `  from <${plain(from)}>, ${size} octets, accepted at ${trace.accepted_at} by ${source}`,
  ];
  for (const { address, state, attempts, next_attempt_at: next, ...rest } of trace.recipients) {
    const when = rest.settled_at === null ? '' : ` at ${rest.settled_at}`;
    lines.push(`  <${plain(address)}> is ${state}${when}`, ...attempts.map(inWords));
    if (attempts.length === 0 && rest.last_result !== null)
      lines.push(`    ${said(rest.last_result).slice(2)}`);
    if (next !== null) lines.push(`    next attempt at ${next}; the service tries until ${trace.expires_at}`);
  }
  return lines.join('\n');
}

/** The trace with all recipients, read page by page. */
async function traceOf(client: ApiClient, id: string): Promise<Trace> {
  const path = `/mta/v1/messages/${encodeURIComponent(id)}`;
  const { next_cursor: first, ...trace } = await client.get(path);
  for (let cursor = first; cursor !== null; ) {
    const page = await client.get(`${path}?cursor=${encodeURIComponent(cursor)}`);
    trace.recipients.push(...page.recipients);
    cursor = page.next_cursor;
  }
  return trace;
}

export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const { words, options } = parseWordsAndOptions(args, { ...ACCESS_OPTIONS, json: { type: 'boolean' } });
  const [id] = words;
  if (id === undefined || words.length > 1) throw new UsageError('the id of one message is needed');
  const trace = await traceOf(clientOf(options, context), id);
  process.stdout.write(`${options.json === true ? JSON.stringify(trace) : describeTrace(trace)}\n`);
  return 0;
}
