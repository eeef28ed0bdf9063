/**
 * Planning of mail that a project sends: who may send it as whom, which fields are added or cut, which events it
 * makes. Used by SMTP submission and the HTTP API alike, so that both refuse the same things.
 */
import type { DomainReader, MtaDomain } from '../domains/types.ts';
import { SEND_OPERATIONS } from '../iam/policy.ts';
import type { Principal } from '../iam/types.ts';
import { DEFAULT_SENDING, type LimitReader } from '../limits/types.ts';
import { type Address, parseAddress, parseMailboxList } from '../mail/address.ts';
import { formatDate } from '../mail/dates.ts';
import type { Domain } from '../mail/domain.ts';
import { findHeader, type HeaderField, readHeaderSection, unfold } from '../mail/headers.ts';
import { newMessageId, parseMessageId } from '../mail/message-id.ts';
import type { RuleReader } from '../rules/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { type DsnRequest, HELD_LANES, type MessageFacts, type RecipientRow } from '../spool/types.ts';
import { stripForgedResults } from '../verify/forged-results.ts';
import { MAX_HOPS } from './limits.ts';
import type { PlannedEvent, PlannedMessage } from './planned.ts';
import { cutSpans, fieldSpans } from './trace.ts';

/** Why a sender or message is refused; the door (SMTP, HTTP) words it in its own form. */
export type SendRefusal =
  | { readonly kind: 'missing-operation'; readonly operation: string }
  | { readonly kind: 'sender-invalid' }
  | { readonly kind: 'sender-foreign'; readonly domain: string }
  | { readonly kind: 'author-missing' }
  | { readonly kind: 'author-several' }
  | { readonly kind: 'author-invalid'; readonly field: string }
  | { readonly kind: 'author-foreign'; readonly field: string; readonly domain: string }
  | { readonly kind: 'idempotency-key-invalid' }
  | { readonly kind: 'loop' };

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: SendRefusal };

/** The first of the three sending operations that the principal lacks, or null. */
export function missingSendOperation(principal: Principal): string | null {
  return SEND_OPERATIONS.find((operation) => !principal.operations.has(operation)) ?? null;
}

/** MAIL FROM's domain must be an MTA domain of the principal's project; the null reverse-path is refused. */
export async function checkSender(
  read: DomainReader,
  principal: Principal,
  mailFrom: string,
): Promise<Checked<{ address: Address; domain: MtaDomain }>> {
  const operation = missingSendOperation(principal);
  if (operation !== null) return { ok: false, refusal: { kind: 'missing-operation', operation } };
  const address = parseAddress(mailFrom);
  if (address === null) return { ok: false, refusal: { kind: 'sender-invalid' } };
  const domain = await read.findDomain(address.domain);
  if (domain === null || domain.projectId !== principal.projectId) {
    return { ok: false, refusal: { kind: 'sender-foreign', domain: address.domain } };
  }
  return { ok: true, value: { address, domain } };
}

const NEVER_LEAVES = new Set(['bcc', 'resent-bcc', 'idempotency-key']);
/** Fields that claim an author or sender: their domains must be the project's. */
const CLAIMS = ['from', 'sender', 'resent-from', 'resent-sender'];

export interface OutgoingMessage {
  readonly raw: Buffer;
  /** Date and Message-ID where missing, CRLF-ended; goes behind Received in the prefix. */
  readonly added: string;
  readonly messageIdHeader: string;
  readonly eightBit: boolean;
  readonly utf8Header: boolean;
  /** The project marked it to go first: MT-Priority above 0 (RFC 6758). */
  readonly priority: boolean;
  /** The Idempotency-Key field, which does not leave with the message. */
  readonly idempotencyKey: string | null;
}

/** Judges the header of a message to be sent, and makes it ready: Bcc and forged results cut, Date and Message-ID added. */
export async function prepareOutgoing(
  read: DomainReader,
  principal: Principal,
  domain: MtaDomain,
  message: Buffer,
  context: { readonly clock: Clock; readonly random: Random; readonly hostname: string },
): Promise<Checked<OutgoingMessage>> {
  const { fields, bodyStart } = readHeaderSection(message);
  const from = fields.filter((field) => field.name === 'from');
  if (from.length === 0) return { ok: false, refusal: { kind: 'author-missing' } };
  if (from.length > 1) return { ok: false, refusal: { kind: 'author-several' } };
  if (fields.filter((field) => field.name === 'received').length >= MAX_HOPS) {
    return { ok: false, refusal: { kind: 'loop' } };
  }
  const seen = new Set<Domain>([domain.name]);
  for (const field of fields) {
    if (!CLAIMS.includes(field.name)) continue;
    const mailboxes = parseMailboxList(unfold(field.rawValue));
    if (mailboxes === null || mailboxes.length === 0) {
      return { ok: false, refusal: { kind: 'author-invalid', field: field.rawName } };
    }
    for (const { address } of mailboxes) {
      if (seen.has(address.domain)) continue;
      const owner = await read.findDomain(address.domain);
      if (owner === null || owner.projectId !== principal.projectId) {
        return {
          ok: false,
          refusal: { kind: 'author-foreign', field: field.rawName, domain: address.domain },
        };
      }
      seen.add(address.domain);
    }
  }
  const key = fieldValue(fields, 'Idempotency-Key');
  if (key !== null && !/^[\x21-\x7e]{1,255}$/.test(key))
    return { ok: false, refusal: { kind: 'idempotency-key-invalid' } };
  const existing = findHeader(fields, 'Message-ID');
  const given = existing === undefined ? null : unfold(existing.rawValue);
  const messageIdHeader = given ?? newMessageId(context.random, domain.name);
  const added =
    (findHeader(fields, 'Date') === undefined ? `Date: ${formatDate(context.clock.now())}\r\n` : '') +
    (existing === undefined ? `Message-ID: ${messageIdHeader}\r\n` : '');
  const spans = [
    ...fieldSpans(fields, NEVER_LEAVES),
    ...stripForgedResults(message, context.hostname).removed,
  ].sort((a, b) => a.start - b.start);
  const header = message.subarray(0, bodyStart);
  return {
    ok: true,
    value: {
      raw: cutSpans(message, spans),
      added,
      messageIdHeader: parseMessageId(messageIdHeader) ?? messageIdHeader,
      eightBit: hasHighOctet(message),
      utf8Header: hasHighOctet(header),
      priority: /^\+?[1-9]$/.test(fieldValue(fields, 'MT-Priority') ?? ''),
      idempotencyKey: fieldValue(fields, 'Idempotency-Key'),
    },
  };
}

/** The unfolded value of a field, or null. */
function fieldValue(fields: readonly HeaderField[], name: string): string | null {
  const field = findHeader(fields, name);
  return field === undefined ? null : unfold(field.rawValue).trim();
}

function hasHighOctet(bytes: Buffer): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! > 127) return true;
  return false;
}

export interface OutgoingRecipient {
  readonly address: Address;
  readonly dsn: DsnRequest | null;
  /** Over the limit: taken, and sent when the window allows; null: goes at once. */
  readonly held: { readonly until: number; readonly cause: string } | null;
}
export interface OutgoingPlan {
  readonly id: PlannedMessage['message']['id'];
  readonly principal: Principal;
  readonly domain: MtaDomain;
  readonly source: 'smtp' | 'api';
  readonly mailFrom: Address;
  readonly recipients: readonly OutgoingRecipient[];
  readonly message: OutgoingMessage;
  /** The Received field, CRLF-ended. */
  readonly received: string;
  readonly smtputf8: boolean;
  readonly facts: MessageFacts;
}

/** The rows and events of a message to be sent: `outgoing` per send rule, `accepted` per event rule and recipient. */
export async function planOutgoing(
  read: RuleReader & Pick<LimitReader, 'sendingSettings'>,
  plan: OutgoingPlan,
  context: { readonly clock: Clock; readonly random: Random },
): Promise<PlannedMessage> {
  const { clock, random } = context;
  const { domain, principal, message, mailFrom } = plan;
  const now = clock.now();
  const { retrySeconds } = (await read.sendingSettings(principal.projectId)) ?? DEFAULT_SENDING;
  const hurries = message.priority || plan.facts.priority === true;
  const rows = plan.recipients.map(
    ({ address, dsn, held }): RecipientRow => ({
      id: random.id(),
      messageId: plan.id,
      projectId: principal.projectId,
      address: address.wire,
      domain: address.domain,
      lane: held === null ? address.domain : hurries ? HELD_LANES.priority : HELD_LANES.quota,
      state: held === null ? 'queued' : 'held',
      attempts: 0,
      nextAttemptAt: held === null ? now : held.until,
      heldSince: held === null ? null : now,
      heldMs: 0,
      dsn,
      lastResult: held === null ? null : { kind: 'held', cause: held.cause, at: now },
      createdAt: now,
      settledAt: null,
    }),
  );
  const sendRules = await read.rules(principal.projectId, domain.id, 'outgoing');
  const eventRules = await read.rules(principal.projectId, domain.id, 'event');
  const events: PlannedEvent[] = sendRules.map((rule) => ({
    topicId: rule.topicId,
    name: 'outgoing',
    summary: null,
    content: {
      rule: { id: rule.id },
      domain: { id: domain.id, name: domain.name },
      envelope: { mail_from: mailFrom.wire, recipients: rows.map((row) => row.address) },
    },
  }));
  for (const rule of eventRules) {
    for (const { row, name } of rows.flatMap((row) => [
      { row, name: 'accepted' as const },
      ...(row.state === 'held' ? [{ row, name: 'held' as const }] : []),
    ])) {
      if (!rule.names.includes(name)) continue;
      events.push({
        topicId: rule.topicId,
        name,
        summary: `${name === 'held' ? 'Held' : 'Accepted'}: mail from ${mailFrom.wire} to ${row.address}`,
        content: {
          id: plan.id,
          message_id: message.messageIdHeader,
          domain: { id: domain.id, name: domain.name },
          recipient: { id: row.id, address: row.address },
          sender: mailFrom.wire,
          attempt: 0,
          ...(name === 'held' ? { cause: (row.lastResult as { cause: string }).cause } : {}),
        },
      });
    }
  }
  return {
    message: {
      id: plan.id,
      projectId: principal.projectId,
      domainId: domain.id,
      direction: 'outgoing',
      source: plan.source,
      mailFrom: mailFrom.wire,
      messageIdHeader: message.messageIdHeader,
      prefix: Buffer.from(plan.received + message.added, 'utf8'),
      raw: message.raw,
      smtputf8: mailFrom.utf8 || message.utf8Header || plan.recipients.some(({ address }) => address.utf8),
      eightBit: message.eightBit,
      acceptedAt: now,
      expiresAt: now + retrySeconds * 1000,
      facts: {
        ...plan.facts,
        recipients: rows.map((row) => row.address),
        ...(hurries ? { priority: true } : {}),
      },
    },
    recipients: rows,
    events,
  };
}
