/**
 * Delivery status notifications for senders (RFC 3461 and 3464). A notification never goes to the null
 * reverse-path and is never about a notification. Mail of the HTTP API is reported by events and requests no
 * notification.
 */
import { isAscii } from 'node:buffer';
import type { LimitReader } from '../limits/usage.ts';
import { parseAddress } from '../mail/address.ts';
import { composeDsn, type DsnAction, type DsnRecipient } from '../mail/dsn.ts';
import { headerBounds } from '../mail/headers.ts';
import { newMessageId } from '../mail/message-id.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { NewMessage, RecipientRow, SpoolReader, StoredMessage } from '../spool/messages.ts';
import { MAX_QUEUE_MS } from './limits.ts';

export interface NoticeDeps {
  readonly read: SpoolReader & LimitReader;
  readonly clock: Clock;
  readonly random: Random;
  readonly hostname: string;
}
/** What happened to one recipient. */
export interface News {
  readonly row: RecipientRow;
  readonly action: DsnAction;
  readonly status: string;
  readonly remoteMta?: string;
  readonly diagnostic?: string;
  readonly explanation: string;
  readonly willRetryUntil?: number;
}
export interface PlannedNotice {
  readonly message: NewMessage;
  readonly recipients: readonly RecipientRow[];
}
/** Up to this many octets the notification contains the whole original; beyond that, only its header. */
const MOST_RETURNED = 1024 * 1024;
const WANTED: Readonly<Record<DsnAction, 'FAILURE' | 'DELAY' | 'SUCCESS'>> = {
  failed: 'FAILURE',
  delayed: 'DELAY',
  delivered: 'SUCCESS',
  relayed: 'SUCCESS',
};

/** RFC 3461 §4.1: without NOTIFY, the sender is notified of failures. */
export function wantsNews({ dsn }: RecipientRow, action: DsnAction): boolean {
  const notify = dsn?.notify ?? ['FAILURE'];
  return notify.includes(WANTED[action]);
}

/**
 * The notification for these recipients (all with the same action); null if none is due. Rejects if the store
 * does.
 */
export async function planNotice(
  head: Omit<StoredMessage, 'raw' | 'prefix'>,
  all: readonly News[],
  deps: NoticeDeps,
): Promise<PlannedNotice | null> {
  const news = all.filter(({ row, action }) => wantsNews(row, action));
  const sender = parseAddress(head.mailFrom);
  const speaks = head.direction === 'outgoing' && head.source !== 'dsn' && head.source !== 'edj';
  if (news.length === 0 || sender === null || !speaks) return null;
  const original = await deps.read.message(head.projectId, head.id);
  if (original === null) return null;
  const now = deps.clock.now();
  const whole = head.facts.ret === 'FULL' && original.raw.length <= MOST_RETURNED;
  const { bodyStart } = headerBounds(original.raw);
  const raw = composeDsn({
    reportingMta: deps.hostname,
    to: head.mailFrom,
    messageId: newMessageId(deps.random, deps.hostname),
    unique: deps.random.bytes(12).toString('hex'),
    now,
    arrival: head.acceptedAt,
    envid: head.facts.envid,
    originalMessageId: head.messageIdHeader,
    recipients: news.map(
      ({ row, ...facts }): DsnRecipient => ({
        ...facts,
        address: row.address,
        ...(row.dsn?.orcpt === undefined ? {} : { orcpt: row.dsn.orcpt }),
        lastAttempt:
          row.attempts === 0 && facts.action === 'failed' && facts.remoteMta === undefined ? null : now,
      }),
    ),
    original: Buffer.concat([original.prefix, whole ? original.raw : original.raw.subarray(0, bodyStart)]),
    whole,
  });
  const id = deps.random.id<'message'>();
  const eightBit = !isAscii(raw);
  return {
    message: {
      id,
      projectId: head.projectId,
      domainId: null,
      direction: 'outgoing',
      source: 'dsn',
      mailFrom: '',
      messageIdHeader: /^Message-ID: (\S+)/m.exec(raw.toString('latin1'))![1]!,
      prefix: Buffer.alloc(0),
      raw,
      smtputf8: sender.utf8,
      eightBit,
      acceptedAt: now,
      expiresAt: now + MAX_QUEUE_MS,
      facts: { recipients: [sender.wire] },
    },
    recipients: [
      {
        id: deps.random.id(),
        messageId: id,
        projectId: head.projectId,
        address: sender.wire,
        domain: sender.domain,
        lane: sender.domain,
        state: 'queued',
        attempts: 0,
        nextAttemptAt: now,
        heldSince: null,
        heldMs: 0,
        moves: 0,
        dsn: { notify: ['NEVER'] },
        lastResult: null,
        createdAt: now,
        settledAt: null,
      },
    ],
  };
}
