/**
 * Plans mail that a project sends: who may send as whom, which fields are added or removed, which events the
 * mail makes. SMTP submission and the HTTP API both use it, so both refuse the same mail.
 */
import { isAscii } from 'node:buffer';
import type { DomainReader, MtaDomain } from '../domains/mta-domains.ts';
import { SEND_OPERATIONS } from '../iam/policy.ts';
import type { Principal } from '../iam/projects.ts';
import { DEFAULT_SENDING, type LimitReader } from '../limits/usage.ts';
import { type Address, parseAddress } from '../mail/address.ts';
import { formatDate } from '../mail/dates.ts';
import { findHeader, type HeaderField, readHeaderSection, unfold } from '../mail/headers.ts';
import { findLongLine, MAX_LINE } from '../mail/long-lines.ts';
import { newMessageId, parseMessageId } from '../mail/message-id.ts';
import type { RuleReader } from '../rules/rules.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { type DsnRequest, HELD_LANES, type MessageFacts, type RecipientRow } from '../spool/messages.ts';
import { stripForgedResults } from '../verify/forged-results.ts';
import { judgeHeader } from './outgoing-header.ts';
import type { PlannedEvent, PlannedMessage } from './planned.ts';
import type { Checked } from './send-refusal.ts';
import { signatureHarm } from './signature-harm.ts';
import { type Edit, editSpans } from './trace.ts';

/** The first of the three sending permissions that the principal lacks, or null. */
export function missingSendOperation(principal: Principal): string | null {
  return SEND_OPERATIONS.find((operation) => !principal.operations.has(operation)) ?? null;
}

/**
 * The domain of MAIL FROM must be an MTA domain of the principal's project. The null reverse-path is refused.
 */
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

/** What is judged, and how. */
export interface Submission {
  readonly message: Buffer;
  readonly smtputf8: boolean;
  readonly longLine: boolean;
}
export interface OutgoingMessage {
  readonly raw: Buffer;
  /** Missing Date and Message-ID fields, CRLF-ended; they come after Received in the prefix. */
  readonly added: string;
  readonly messageIdHeader: string;
  /** The body has octets above 127. */
  readonly eightBit: boolean;
  /** The header needs a server that supports SMTPUTF8. */
  readonly utf8Header: boolean;
  /** The project gave this message priority: MT-Priority above 0 (RFC 6758). */
  readonly priority: boolean;
  /** The value of the Idempotency-Key field, which is removed before the message leaves. */
  readonly idempotencyKey: string | null;
}

/**
 * Judges a message to be sent and prepares it: removes fields that must not leave, encodes raw text beyond
 * ASCII, folds lines of the header that are too long, adds Date and Message-ID. `smtputf8`: UTF-8 in the header
 * stays as it is. `longLine`: the message has a line over 998 octets.
 */
export async function prepareOutgoing(
  read: DomainReader,
  principal: Pick<Principal, 'projectId'>,
  domain: MtaDomain,
  given: Submission,
  context: { readonly clock: Clock; readonly random: Random; readonly hostname: string },
): Promise<Checked<OutgoingMessage>> {
  const { message, longLine } = given;
  const section = readHeaderSection(message);
  const { fields } = section;
  const judged = await judgeHeader(read, principal.projectId, domain.name, { ...given, section });
  if (!judged.ok) return judged;
  const long = longLine ? findLongLine(message, MAX_LINE, section.bodyStart) : null;
  if (long !== null) return { ok: false, refusal: { kind: 'line-too-long', long } };
  const key = fieldValue(fields, 'Idempotency-Key');
  if (key !== null && !/^[\x21-\x7e]{1,255}$/.test(key))
    return { ok: false, refusal: { kind: 'idempotency-key-invalid' } };
  const id = fieldValue(fields, 'Message-ID');
  const messageIdHeader = id ?? newMessageId(context.random, domain.name);
  const added =
    (findHeader(fields, 'Date') === undefined ? `Date: ${formatDate(context.clock.now())}\r\n` : '') +
    (id === null ? `Message-ID: ${messageIdHeader}\r\n` : '');
  const { removed } = stripForgedResults(message, context.hostname);
  const isRemoved = ({ start, end }: Edit) => removed.some((span) => span.start <= start && end <= span.end);
  const edits = [...judged.value.edits.filter((edit) => !isRemoved(edit)), ...removed].sort(
    (a, b) => a.start - b.start,
  );
  const harm = await signatureHarm(read, domain, { message, section, edits, added });
  if (harm !== null) return { ok: false, refusal: harm };
  return {
    ok: true,
    value: {
      raw: editSpans(message, edits),
      added,
      messageIdHeader: parseMessageId(messageIdHeader) ?? messageIdHeader,
      eightBit: !isAscii(message.subarray(section.bodyStart)),
      utf8Header: judged.value.utf8,
      priority: /^\+?[1-9]$/.test(fieldValue(fields, 'MT-Priority') ?? ''),
      idempotencyKey: key,
    },
  };
}

/** The unfolded value of a field, or null. */
function fieldValue(fields: readonly HeaderField[], name: string): string | null {
  const field = findHeader(fields, name);
  return field === undefined ? null : unfold(field.rawValue);
}

export interface OutgoingRecipient {
  readonly address: Address;
  readonly dsn: DsnRequest | null;
  /**
   * The message is over the limit: it is accepted and sent when the window has room. null: it is sent at
   * once.
   */
  readonly held: { readonly until: number; readonly cause: string } | null;
}
export interface OutgoingPlan {
  readonly id: PlannedMessage['message']['id'];
  readonly principal: Pick<Principal, 'projectId'>;
  readonly domain: MtaDomain;
  readonly source: 'smtp' | 'api' | 'edj';
  /** null: the null reverse-path. */
  readonly mailFrom: Address | null;
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
  const { domain, principal, message } = plan;
  const { wire: mailFrom, utf8 } = plan.mailFrom ?? { wire: '', utf8: false };
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
      // Being held at once is told, too.
      moves: held === null ? 0 : 1,
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
      envelope: { mail_from: mailFrom, recipients: rows.map((row) => row.address) },
    },
  }));
  for (const rule of eventRules) {
    for (const { row, name } of rows.flatMap((row) => [
      { row, name: 'accepted' as const },
      ...(row.state === 'held' ? [{ row, name: 'held' as const }] : []),
    ])) {
      if (!rule.names.includes(name)) continue;
      const sequence = name === 'held' ? 2 : 1;
      events.push({
        topicId: rule.topicId,
        order: { key: row.id, sequence },
        name,
        summary: `${name === 'held' ? 'Held' : 'Accepted'}: mail from ${mailFrom || '<>'} to ${row.address}`,
        content: {
          id: plan.id,
          message_id: message.messageIdHeader,
          domain: { id: domain.id, name: domain.name },
          recipient: { id: row.id, address: row.address },
          sender: mailFrom,
          sequence,
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
      mailFrom,
      messageIdHeader: message.messageIdHeader,
      prefix: Buffer.from(plan.received + message.added, 'utf8'),
      raw: message.raw,
      smtputf8: utf8 || message.utf8Header || plan.recipients.some(({ address }) => address.utf8),
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
