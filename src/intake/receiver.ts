/**
 * The SMTP server's Receiver for the MX and for submission. At each verb it makes the cheapest check that can
 * refuse. Without AUTH, a connection may only deliver to hosted recipients; with AUTH, it may only send as
 * the project's own domains. Invariant: a 2xx reply after DATA means that `intake.accept` has committed.
 */
import { isAscii } from 'node:buffer';
import type { DomainReader } from '../domains/mta-domains.ts';
import type { Authenticator } from '../iam/authenticate.ts';
import type { Principal } from '../iam/projects.ts';
import type { Limiter, OverLimit, Reservation } from '../limits/limiter.ts';
import { DEFAULT_SENDING, type LimitReader } from '../limits/usage.ts';
import { parseAddress } from '../mail/address.ts';
import { findHeader, readHeaderSection, unfold } from '../mail/headers.ts';
import { newMessageId } from '../mail/message-id.ts';
import type { RuleReader } from '../rules/rules.ts';
import type { Clock } from '../runtime/clock.ts';
import type { MessageId } from '../runtime/ids.ts';
import type { InFlight } from '../runtime/in-flight.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Notices } from '../runtime/notices.ts';
import type { Random } from '../runtime/random.ts';
import type { Resolver } from '../runtime/resolver.ts';
import { ConflictError, StoreError } from '../runtime/transactor.ts';
import type { Turnstile } from '../runtime/turnstile.ts';
import { NoPlace } from '../runtime/workers.ts';
import { closing, type Reply, reply } from '../smtp/reply.ts';
import type { Connection, MailParameters, Receiver, Transaction, Verdict } from '../smtp/server/receiver.ts';
import { SENT_KEYS_KEPT_MS, type SpoolReader } from '../spool/messages.ts';
import type { BodyHasher } from '../verify/body-hash.ts';
import { verifyMessage } from '../verify/verify-message.ts';
import { incomingShares, type TakenRecipient, takeRecipient } from './incoming.ts';
import { MAX_HOPS, MAX_QUEUE_MS, MX_SIZE_LIMIT, SUBMISSION_SIZE_LIMIT } from './limits.ts';
import { checkSender, type OutgoingRecipient, planOutgoing, prepareOutgoing } from './outgoing.ts';
import { Abandoned, type Intake, type IntakeTx } from './planned.ts';
import { isHostPostmaster, type PostmasterDeps, takePostmaster } from './postmaster.ts';
import { createReachable, type Leaves, type Unreachable } from './reachable.ts';
import { defectText, longLineText, octetsText, type SendRefusal, signatureText } from './send-refusal.ts';
import { protocolName, receivedField, returnPathField } from './trace.ts';

export interface ReceiverDeps {
  readonly read: DomainReader & RuleReader & LimitReader & SpoolReader & PostmasterDeps['read'];
  readonly intake: Intake;
  readonly authenticator: Authenticator;
  readonly limiter: Limiter;
  readonly resolver: Resolver;
  readonly hashBody: BodyHasher;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly notices: Notices;
  readonly turnstile: Turnstile;
  readonly inFlight: InFlight;
  readonly hostname: string;
  readonly leaves: Leaves;
  /** The principal of the trusted network that contains the address, or null. */
  readonly trusted: (remoteAddress: string) => Promise<Principal | null>;
  /** False while no new mail can be accepted (the disk is nearly full): 452 at MAIL. */
  readonly hasSpace: () => boolean;
}

const NO_SPACE = reply(452, '4.3.1', 'insufficient system storage, try again later');
/** RFC 4954 §6: a stranger's attempt is counted before it is judged, and counting needs a write. */
const NO_SPACE_TO_COUNT = reply(
  454,
  '4.7.0',
  'temporary authentication failure, insufficient system storage, try again later',
);
const NO_STORE_TO_COUNT = reply(454, '4.7.0', 'temporary authentication failure, try again later');
const TRY_LATER = reply(451, '4.3.0', 'temporary failure, try again later');
const TOO_BUSY = reply(451, '4.3.2', 'too much mail is being read at once, try again later');
const TOO_MANY_IN_FLIGHT = reply(451, '4.3.2', 'too many messages of the project at once, try again later');
/** The client never sees this reply: it closed the connection before the message was stored. */
const GONE = reply(451, '4.3.2', 'the connection was closed before the message was taken');
const AUTH_REQUIRED = reply(530, '5.7.0', 'authentication required');
const TLS_REQUIRED = reply(530, '5.7.0', 'must issue a STARTTLS command first');
const BAD_CREDENTIALS = reply(535, '5.7.8', 'authentication credentials invalid');
const NO_SUCH_RECIPIENT = reply(550, '5.1.1', 'no such recipient here');
const NO_RELAY = reply(550, '5.7.1', 'relaying denied');
const BAD_SENDER = reply(553, '5.1.7', 'sender address is not valid');
const BAD_RECIPIENT = reply(553, '5.1.3', 'recipient address is not valid');
const TOO_LARGE = reply(552, '5.3.4', 'message size exceeds the limit');
const LOOP = reply(554, '5.4.6', 'too many hops, this message is looping');

const UNREACHABLE: Readonly<Record<Unreachable, Reply>> = {
  'no-recipient': NO_SUCH_RECIPIENT,
  sandbox: reply(
    550,
    '5.7.1',
    'mail of the sandbox stays on this machine: only hosted domains, and delivered@, bounce@ and defer@simulator.test',
  ),
};

const refuse = (refusal: Reply) => ({ ok: false, reply: refusal }) as const;
const take = <T>(value: T) => ({ ok: true, value }) as const;

export function createReceiver(deps: ReceiverDeps): Receiver {
  return {
    async connect(connection) {
      return take(connection.role === 'submission' ? await deps.trusted(connection.remoteAddress) : null);
    },
    async authenticate(connection, username, secret): Promise<Verdict<unknown>> {
      const result = await deps.authenticator
        .authenticate(username, secret, connection.remoteAddress)
        .catch((error: unknown) => {
          if (error instanceof StoreError && error.retryable)
            return { kind: 'not-stored', full: error.full } as const;
          throw error;
        });
      switch (result.kind) {
        case 'ok':
          return take(result.principal);
        case 'not-stored':
          return refuse(result.full ? NO_SPACE_TO_COUNT : NO_STORE_TO_COUNT);
        case 'refused':
          deps.notices.tell(
            'auth-refused',
            connection.remoteAddress,
            connection.id,
            result.key === null ? {} : { key: result.key },
          );
          return refuse(BAD_CREDENTIALS);
        case 'throttled':
          deps.notices.tell('auth-capped', connection.remoteAddress, connection.id);
          return refuse(closing(421, '4.7.0', 'too many failed authentications, try again later'));
      }
    },
    async mail(connection, mail) {
      if (!deps.hasSpace()) return refuse(NO_SPACE);
      const principal = connection.principal as Principal | null;
      if (principal !== null) return beginSubmission(deps, connection, principal, mail);
      if (connection.role === 'mx') return beginIncoming(deps, connection, mail);
      return refuse(connection.tls === null ? TLS_REQUIRED : AUTH_REQUIRED);
    },
  };
}

/**
 * The reply to a refused sender or author. The texts name the field and the peer's own domain, and nothing of
 * other projects.
 */
export function refusalReply(refusal: SendRefusal): Reply {
  switch (refusal.kind) {
    case 'missing-operation':
      return reply(550, '5.7.1', `not permitted: the role lacks ${refusal.operation}`);
    case 'sender-invalid':
      return BAD_SENDER;
    case 'sender-foreign':
      return reply(550, '5.7.1', `sender domain ${refusal.domain} is not set up in this project`);
    case 'author-missing':
      return reply(554, '5.6.0', 'the From header field is missing');
    case 'author-several':
      return reply(554, '5.6.0', 'more than one From header field');
    case 'author-invalid':
      return reply(
        554,
        '5.6.0',
        `the ${refusal.field} header field is not a list of mailboxes; quote names that hold ( ) , : ;`,
      );
    case 'author-foreign':
      return reply(
        550,
        '5.7.1',
        `domain ${refusal.domain} in ${refusal.field} is not set up in this project`,
      );
    case 'header-defect':
      return reply(554, '5.6.0', defectText(refusal.defect));
    case 'field-octets':
      return reply(554, refusal.why === 'address' ? '5.6.7' : '5.6.0', octetsText(refusal));
    case 'line-too-long':
      return reply(554, '5.6.0', longLineText(refusal));
    case 'signature':
      return reply(554, '5.6.0', signatureText(refusal));
    case 'body-nul':
      return reply(554, '5.6.0', 'the body holds NUL');
    case 'idempotency-key-invalid':
      return reply(554, '5.6.0', 'the Idempotency-Key header field is not 1 to 255 printable characters');
    case 'loop':
      return LOOP;
  }
}

/** ms: a reservation older than this is made again before the mail is accepted. */
const FRESH_MS = 1_000;

async function beginSubmission(
  deps: ReceiverDeps,
  connection: Connection,
  principal: Principal,
  mail: MailParameters,
): Promise<Verdict<Transaction>> {
  const sender = await checkSender(deps.read, principal, mail.address);
  if (!sender.ok) return refuse(refusalReply(sender.refusal));
  if (mail.size !== null && mail.size > SUBMISSION_SIZE_LIMIT) return refuse(TOO_LARGE);
  const { address: mailFrom, domain } = sender.value;
  const { overLimit } = (await deps.read.sendingSettings(principal.projectId)) ?? DEFAULT_SENDING;
  const recipients = new Map<string, OutgoingRecipient>();
  const reachable = createReachable(deps, principal.projectId);
  /** By recipient. */
  const held = new Map<string, Reservation>();
  const release = async () => {
    const given = [...held.values()].map((reservation) => reservation.release());
    held.clear();
    await Promise.all(given);
  };
  const overReply = ({ window, retryAfterSeconds }: OverLimit) =>
    reply(452, '4.7.1', `sending limit per ${window} reached, try again in ${retryAfterSeconds} s`);
  const holding = ({ limit, window, retryAfterSeconds }: OverLimit) => ({
    until: deps.clock.now() + retryAfterSeconds * 1000,
    cause: `over the sending limit of ${limit} recipients per ${window}`,
  });
  /**
   * Reservations that RCPT commands made a while ago may lie outside the window in which they must count, so
   * they are made again. null if there was room, or if the mail without room is held; otherwise the refusal.
   */
  async function renewed(): Promise<Reply | null> {
    const now = deps.clock.now();
    const old = [...held].filter(([, { at }]) => now - at > FRESH_MS);
    if (old.length === 0) return null;
    for (const [wire] of old) held.delete(wire);
    await Promise.all(old.map(([, reservation]) => reservation.release()));
    const reserved = await deps.limiter.reserve(principal.projectId, domain.id, domain, old.length);
    if (reserved.kind === 'ok') {
      held.set(old[0]![0], reserved);
      return null;
    }
    if (overLimit === 'hold') {
      void reserved.tell();
      for (const [wire] of old) recipients.set(wire, { ...recipients.get(wire)!, held: holding(reserved) });
      return null;
    }
    await reserved.tell();
    return overReply(reserved);
  }
  return take<Transaction>({
    sizeLimit: SUBMISSION_SIZE_LIMIT,
    async rcpt({ address: text, notify, orcpt }) {
      const address = parseAddress(text);
      if (address === null) return refuse(BAD_RECIPIENT);
      if (address.utf8 && !mail.smtputf8) return refuse(reply(553, '5.6.7', 'address needs SMTPUTF8'));
      if (recipients.has(address.wire)) return take(null);
      const unreachable = await reachable(address);
      if (unreachable !== null) return refuse(UNREACHABLE[unreachable]);
      const dsn = notify === undefined && orcpt === undefined ? null : { notify, orcpt };
      const reserved = await deps.limiter.reserve(principal.projectId, domain.id, domain, 1);
      if (reserved.kind === 'over' && overLimit === 'hold') {
        // Committed before the mail that it tells of; nothing waits for it.
        void reserved.tell();
        recipients.set(address.wire, { address, dsn, held: holding(reserved) });
        return take(null);
      }
      if (reserved.kind === 'over') {
        await reserved.tell();
        return refuse(overReply(reserved));
      }
      held.set(address.wire, reserved);
      recipients.set(address.wire, { address, dsn, held: null });
      return take(null);
    },
    async data(raw, committing, longLine) {
      try {
        if (raw.length > SUBMISSION_SIZE_LIMIT) return TOO_LARGE;
        using place = await deps.inFlight.enter(principal.projectId, 'smtp');
        if (place === null) return TOO_MANY_IN_FLIGHT;
        using _ = await deps.turnstile.start(principal.projectId);
        await deps.turnstile.turn(principal.projectId);
        const prepared = await prepareOutgoing(
          deps.read,
          principal,
          domain,
          { message: raw, smtputf8: mail.smtputf8, longLine },
          deps,
        );
        if (!prepared.ok) return refusalReply(prepared.refusal);
        const { idempotencyKey } = prepared.value;
        let forgotten: number | null = null;
        if (idempotencyKey !== null) {
          const { known, over } = await sentBefore(deps, principal.projectId, idempotencyKey);
          forgotten = over;
          const first = [...recipients.keys()].map((wire) => known.get(wire)).find((id) => id !== undefined);
          for (const wire of known.keys()) {
            recipients.delete(wire);
            void held.get(wire)?.release();
            held.delete(wire);
          }
          if (recipients.size === 0) return reply(250, '2.0.0', `accepted ${first}`);
        }
        const over = await renewed();
        if (over !== null) return over;
        const id: MessageId = deps.random.id();
        const planned = await planOutgoing(
          deps.read,
          {
            id,
            principal,
            domain,
            source: 'smtp',
            mailFrom,
            recipients: [...recipients.values()],
            message: prepared.value,
            received: receivedField({
              by: deps.hostname,
              with: protocolName(
                connection,
                mail.smtputf8,
                principal.actor.kind === 'key' && principal.actor.keyId !== null,
              ),
              tls: connection.tls === null ? null : `${connection.tls.version} ${connection.tls.cipher}`,
              id,
              now: deps.clock.now(),
            }),
            smtputf8: mail.smtputf8,
            facts: {
              peerAddress: connection.remoteAddress,
              helo: connection.helo ?? '',
              tls: connection.tls?.version ?? null,
              ...(mail.ret === undefined ? {} : { ret: mail.ret }),
              ...(mail.envid === undefined ? {} : { envid: mail.envid }),
            },
          },
          deps,
        );
        const counted = [...held.values()];
        const record = (tx: IntakeTx) => {
          for (const reservation of counted) reservation.record(tx);
          if (idempotencyKey === null) return;
          const createdAt = deps.clock.now();
          if (forgotten !== null) tx.forgetSentKey(principal.projectId, idempotencyKey, forgotten);
          for (const { address } of planned.recipients)
            tx.insertSentKey({
              projectId: principal.projectId,
              key: idempotencyKey,
              address,
              messageId: id,
              createdAt,
            });
        };
        await deps.intake.send(planned, record, committing);
        held.clear();
        return reply(250, '2.0.0', `accepted ${id}`);
      } catch (error) {
        return storeReply(deps.logger, connection, error);
      } finally {
        await release();
      }
    },
    abort: () => void release(),
  });
}

/**
 * Which recipients got a message under this Idempotency-Key in the last 24 h, and which message. `over`: the
 * key was used before these 24 h as well; null if it was not.
 */
async function sentBefore(
  deps: ReceiverDeps,
  project: Principal['projectId'],
  key: string,
): Promise<{ readonly known: ReadonlyMap<string, MessageId>; readonly over: number | null }> {
  const since = deps.clock.now() - SENT_KEYS_KEPT_MS;
  const sent = await deps.read.sentKeys(project, key);
  const recent = sent.filter(({ createdAt }) => createdAt >= since);
  return {
    known: new Map(recent.map((one) => [one.address, one.messageId])),
    over: recent.length < sent.length ? since : null,
  };
}

async function beginIncoming(
  deps: ReceiverDeps,
  connection: Connection,
  mail: MailParameters,
): Promise<Verdict<Transaction>> {
  if (mail.size !== null && mail.size > MX_SIZE_LIMIT) return refuse(TOO_LARGE);
  const mailFrom = mail.address === '' ? '' : (parseAddress(mail.address)?.wire ?? null);
  if (mailFrom === null) return refuse(BAD_SENDER);
  const taken: TakenRecipient[] = [];
  return take<Transaction>({
    sizeLimit: MX_SIZE_LIMIT,
    async rcpt({ address: text }) {
      const verdict = await findRecipient(deps, text);
      if (!verdict.ok) return verdict;
      const recipient = verdict.value;
      if (!taken.some(({ address }) => address === text)) taken.push(recipient);
      return take(null);
    },
    async data(raw, committing) {
      try {
        if (raw.length > MX_SIZE_LIMIT) return TOO_LARGE;
        // A separate share: a flood of mail to a project's mailboxes does not delay what the project sends.
        await deps.turnstile.turn(`to ${taken[0]!.projectId}`);
        return await acceptIncoming(deps, connection, mail, mailFrom, taken, raw, committing);
      } catch (error) {
        return storeReply(deps.logger, connection, error);
      }
    },
    abort() {},
  });
}

async function findRecipient(deps: ReceiverDeps, text: string): Promise<Verdict<TakenRecipient>> {
  if (isHostPostmaster(text, deps.hostname)) {
    const recipient = await takePostmaster(deps, text);
    return recipient === null ? refuse(NO_SUCH_RECIPIENT) : take(recipient);
  }
  const address = parseAddress(text);
  if (address === null) return refuse(BAD_RECIPIENT);
  const domain = await deps.read.findDomain(address.domain);
  if (domain === null || !domain.receiving) return refuse(NO_RELAY);
  const rules = await deps.read.rules(domain.projectId, domain.id, 'incoming');
  const recipient = takeRecipient(text, address.localPart, domain, rules);
  return recipient === null ? refuse(NO_SUCH_RECIPIENT) : take(recipient);
}

async function acceptIncoming(
  deps: ReceiverDeps,
  connection: Connection,
  mail: MailParameters,
  mailFrom: string,
  taken: readonly TakenRecipient[],
  raw: Buffer,
  committing: () => boolean,
): Promise<Reply> {
  const section = readHeaderSection(raw);
  const { fields } = section;
  if (fields.filter((field) => field.name === 'received').length > MAX_HOPS) return LOOP;
  const now = deps.clock.now();
  const { authentication, authenticationResults } = await verifyMessage({
    message: raw,
    section,
    hashBody: deps.hashBody,
    share: taken[0]!.projectId,
    peerAddress: connection.remoteAddress,
    helo: connection.helo ?? '',
    mailFrom,
    hostname: deps.hostname,
    resolver: deps.resolver,
    now,
  });
  const existing = findHeader(fields, 'Message-ID');
  const messageIdHeader =
    existing === undefined ? newMessageId(deps.random, deps.hostname) : unfold(existing.rawValue);
  const eightBit = !isAscii(raw);
  const messages = incomingShares(taken, mailFrom, authentication).map((share) => {
    const id: MessageId = deps.random.id();
    const received = receivedField({
      from: { helo: connection.helo ?? '', address: connection.remoteAddress },
      by: deps.hostname,
      with: protocolName(connection, mail.smtputf8, false),
      tls: connection.tls === null ? null : `${connection.tls.version} ${connection.tls.cipher}`,
      id,
      now,
    });
    return {
      message: {
        id,
        projectId: share.projectId,
        domainId: share.domainId,
        direction: 'incoming' as const,
        source: 'mx' as const,
        mailFrom,
        messageIdHeader,
        prefix: Buffer.from(
          `${returnPathField(mailFrom)}Authentication-Results: ${authenticationResults.trim()}\r\n${received}`,
          'utf8',
        ),
        raw,
        smtputf8: mail.smtputf8,
        eightBit,
        acceptedAt: now,
        expiresAt: now + MAX_QUEUE_MS,
        facts: {
          recipients: share.recipients,
          peerAddress: connection.remoteAddress,
          helo: connection.helo ?? '',
          tls: connection.tls?.version ?? null,
          authentication,
        },
      },
      recipients: [],
      received: share.received,
      events: share.events,
    };
  });
  await deps.intake.accept({ messages, committing });
  return reply(250, '2.0.0', `accepted ${messages[0]!.message.id}`);
}

function storeReply(logger: Logger, connection: Connection, error: unknown): Reply {
  // Two copies came at once under one Idempotency-Key: the second client must try again later, and then finds
  // the first message.
  if (error instanceof ConflictError) return TRY_LATER;
  if (error instanceof NoPlace) return TOO_BUSY;
  if (error instanceof Abandoned) return GONE;
  logger.error({ connection: connection.id, err: error }, 'accepting mail failed');
  // A store that did not answer in time may have taken the mail. The client tries again all the same: mail may
  // come twice, but is never lost (RFC 5321 §4.5.3.2.6, RFC 1047).
  return error instanceof StoreError && error.full ? NO_SPACE : TRY_LATER;
}
