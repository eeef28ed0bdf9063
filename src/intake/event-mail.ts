/**
 * Takes a letter that a subscriber makes of an event (edj/event-mail.ts) as mail of the project: from a domain of the
 * project, within its limits, signed as its other mail. The reverse-path is null, so nothing answers it (RFC 3834 §3.3),
 * and no notification is asked for. Invariant: within 24 h, one message for a key. Rejects with NoPlace, or if the store
 * does in another way than by StoreError.
 */
import type { Handed, HandedOver } from '../edj/event-mail.ts';
import { DEFAULT_SENDING } from '../limits/usage.ts';
import type { Address } from '../mail/address.ts';
import type { MessageId, ProjectId } from '../runtime/ids.ts';
import { ConflictError, StaleError, StoreError } from '../runtime/transactor.ts';
import { SENT_KEYS_KEPT_MS, type SpoolReader } from '../spool/messages.ts';
import { planOutgoing, prepareOutgoing } from './outgoing.ts';
import type { IntakeTx } from './planned.ts';
import { createReachable } from './reachable.ts';
import type { SubmitDeps } from './submit.ts';
import { receivedField } from './trace.ts';

/** Seconds until mail is offered again that the store did not take. */
const STORE_WAIT_S = 30;

export function createEventMail(deps: SubmitDeps & { readonly read: Pick<SpoolReader, 'sentKeys'> }) {
  const { read, clock, hostname } = deps;
  const before = () => clock.now() - SENT_KEYS_KEPT_MS;

  async function accepted(project: ProjectId, key: string): Promise<MessageId | null> {
    const known = (await read.sentKeys(project, key)).find(({ createdAt }) => createdAt >= before());
    return known?.messageId ?? null;
  }
  async function send({ project, from, recipients, raw, key }: HandedOver): Promise<Handed> {
    using _ = await deps.turnstile.start(project);
    const known = await accepted(project, key);
    if (known !== null) return { kind: 'accepted', id: known };
    const domain = await read.findDomain(from.domain);
    if (domain === null || domain.projectId !== project)
      return refused(`${from.domain} is not a domain of the project`);
    if (!deps.hasSpace()) return later(STORE_WAIT_S, 'the disk is full or nearly full');
    const reachable = createReachable(deps, project);
    const reached: Address[] = [];
    for (const recipient of recipients) if ((await reachable(recipient)) === null) reached.push(recipient);
    if (reached.length === 0) return refused('none of the recipients can be reached from here');
    const principal = { projectId: project };
    const given = { message: raw, smtputf8: false, longLine: false };
    const prepared = await prepareOutgoing(read, principal, domain, given, deps);
    if (!prepared.ok) return refused(`the message is refused: ${prepared.refusal.kind}`);
    const reserved = await deps.limiter.reserve(project, domain.id, domain, reached.length);
    try {
      const { overLimit } = (await read.sendingSettings(project)) ?? DEFAULT_SENDING;
      if (reserved.kind === 'over') {
        void reserved.tell();
        if (overLimit === 'reject') return later(reserved.retryAfterSeconds, causeOf(reserved));
      }
      const now = clock.now();
      const held =
        reserved.kind === 'over'
          ? { until: now + reserved.retryAfterSeconds * 1000, cause: causeOf(reserved) }
          : null;
      const id: MessageId = deps.random.id();
      const planned = await planOutgoing(
        read,
        {
          id,
          principal,
          domain,
          source: 'edj',
          mailFrom: null,
          recipients: reached.map((address) => ({ address, dsn: { notify: ['NEVER'] }, held })),
          message: prepared.value,
          received: receivedField({ by: hostname, with: 'local', tls: null, id, now }),
          smtputf8: false,
          facts: {},
        },
        deps,
      );
      const used = { projectId: project, key, address: from.wire, messageId: id, createdAt: now };
      await deps.intake.send(planned, (tx: IntakeTx) => {
        if (reserved.kind === 'ok') reserved.record(tx);
        tx.forgetSentKey(project, key, before());
        tx.insertSentKey(used);
      });
      return { kind: 'accepted', id };
    } finally {
      if (reserved.kind === 'ok') await reserved.release();
    }
  }

  return async (mail: HandedOver): Promise<Handed> => {
    try {
      return await send(mail);
    } catch (error) {
      if (error instanceof StoreError || error instanceof StaleError)
        return later(STORE_WAIT_S, 'the store did not take the message');
      if (!(error instanceof ConflictError)) throw error;
      // Another attempt, of this node or of another one, was first.
      const id = await accepted(mail.project, mail.key);
      return id === null ? later(STORE_WAIT_S, error.message) : { kind: 'accepted', id };
    }
  };
}
const refused = (why: string): Handed => ({ kind: 'refused', why });
const later = (retryAfter: number, why: string): Handed => ({ kind: 'later', retryAfter, why });
const causeOf = ({ limit, window }: { readonly limit: number; readonly window: string }) =>
  `over the sending limit of ${limit} recipients per ${window}`;
