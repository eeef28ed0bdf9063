/**
 * Replaces what a lost secret key has sealed. It makes new DKIM keys and new hook secrets. It removes DNS
 * credentials, one-time codes and recovery codes. Static keys stay valid: their SCRAM verifiers do not depend on
 * the key (iam/static-keys.ts). Invariants: the first write notes the replacement and the last one ends it, so that
 * an interrupted run can be repeated and no key passes for the store's own meanwhile; every write is refused once
 * another replacement is noted (StaleError); a lost DKIM key that signed stays published until its mail has
 * arrived. Rejects if the store does.
 */
import { announce } from '../domains/announce.ts';
import { delegationTarget, freeSelector } from '../domains/delegation.ts';
import { kindOf, makeDkimKey } from '../domains/dkim-keys.ts';
import type { DnsAccountTx } from '../domains/dns-providers/provider.ts';
import { keyWords, replacedBy, tellPending } from '../domains/key-steps.ts';
import type { DkimKey, DomainReader, DomainTx, MtaDomain } from '../domains/mta-domains.ts';
import { subscriberKindOf } from '../edj/kinds/kinds.ts';
import { sealNew } from '../edj/kinds/sealed.ts';
import type { EdjReader, EdjTx, Subscriber } from '../edj/topics.ts';
import type { Member, PeopleReader, PeopleTx } from '../iam/people-records.ts';
import type { AuditReader, AuditTx } from '../ledger/audit.ts';
import type { PrepareProjectEvents } from '../rules/project-events.ts';
import type { Clock } from '../runtime/clock.ts';
import { INSTANCE, type ProjectId } from '../runtime/ids.ts';
import type { Random } from '../runtime/random.ts';
import type { Sealer } from '../runtime/sealing.ts';
import type { Transactor } from '../runtime/transactor.ts';
import { keyCheckOf, type Replacement, type SecretKeyTx } from './secret-key.ts';
import type { Lost, SealedReader } from './try-all.ts';

type Tx = SecretKeyTx & DomainTx & EdjTx & DnsAccountTx & PeopleTx & AuditTx;
export interface LossDeps {
  readonly read: SealedReader &
    Pick<DomainReader, 'domain'> &
    Pick<EdjReader, 'subscriber'> &
    Pick<PeopleReader, 'member' | 'passkeys'> &
    Pick<AuditReader, 'auditEvents'>;
  readonly transactor: Transactor<Tx>;
  /** With the new key. */
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  /** The zone of delegated keys, or null. */
  readonly dkimZone: string | null;
  readonly projectEvents: PrepareProjectEvents<Tx>;
}
export const REPLACE = 'command.secret_key.replace';

/** What the writes of one run have in common. */
interface Run extends LossDeps {
  readonly replacement: Replacement;
}

/**
 * Replaces what is lost. If an earlier run did not finish, continues it, or takes its place if that run had
 * another key. Afterwards, `madeBy` (made.ts) says what was made, and `finish` must follow.
 */
export async function acceptLoss(deps: LossDeps, lost: Lost): Promise<Replacement> {
  const before = await deps.read.replacement();
  const begunAt = before?.begunAt ?? deps.clock.now();
  const run: Run = { ...deps, replacement: { check: keyCheckOf(deps.sealer), begunAt } };
  await deps.transactor.transact(INSTANCE, (tx) => tx.setReplacement(run.replacement, before?.check ?? null));
  for (const { domain, keys } of lost.domains) await renewKeys(run, domain, keys);
  for (const subscriber of lost.subscribers) await renewSecret(run, subscriber);
  for (const account of lost.accounts)
    await write(run, account.projectId, `/mta/v1/dns_accounts/${account.id}`, (tx) =>
      tx.updateDnsAccount({
        projectId: account.projectId,
        id: account.id,
        sealedSettings: Buffer.alloc(0),
      }),
    );
  for (const member of lost.members) await removeCodes(run, member);
  return run.replacement;
}

/** The last write: the key of this replacement is the store's key. */
export async function finish(deps: LossDeps, replacement: Replacement): Promise<void> {
  const was = await deps.read.keyCheck();
  await write({ ...deps, replacement }, INSTANCE, '/iam/v1', (tx) => {
    // With the store's own key back, they are as they were.
    if (replacement.check !== was) tx.voidKeyedHashes();
    tx.setKeyCheck(replacement.check, was);
    tx.endReplacement(replacement);
  });
}

async function renewKeys(deps: Run, domain: MtaDomain, lost: readonly DkimKey[]): Promise<void> {
  const { projectId, id, name } = domain;
  const { read, clock, dkimZone } = deps;
  const now = clock.now();
  const isLost = (key: DkimKey) => lost.some((one) => one.id === key.id);
  const keys = await read.dkimKeys(projectId, id);
  const kept = keys.filter((key) => !isLost(key));
  const fresh: DkimKey[] = [];
  const gone: DkimKey[] = [];
  const retiring: { key: DkimKey; from: DkimKey['state'] }[] = [];
  for (const algorithm of ['rsa-sha256', 'ed25519-sha256'] as const) {
    const mine = lost.filter((key) => key.algorithm === algorithm);
    const signed = mine.find(({ state }) => state === 'active');
    const model = signed ?? mine.find(({ state }) => state === 'pending');
    const delegated = model !== undefined && delegationTarget(model, name, dkimZone) !== null;
    for (const key of mine) {
      // Of two delegated names, the new key needs one.
      if (key.state === 'pending' || (delegated && key.state === 'retiring' && signed !== undefined))
        gone.push(key);
      else
        retiring.push({
          key: {
            ...key,
            state: 'retiring',
            changedAt: key.state === 'retiring' ? key.changedAt : now,
            sealedPrivateKey: Buffer.alloc(0),
          },
          from: key.state,
        });
    }
    const signs = kept.some((key) => key.algorithm === algorithm && key.state === 'active');
    if (model === undefined || signs) continue;
    const left = [...kept, ...retiring.map(({ key }) => key)];
    const selector = delegated ? freeSelector(left, algorithm) : null;
    fresh.push(
      await makeDkimKey(deps, { projectId, domainId: id }, kindOf(model), {
        ...(selector === null ? {} : { selector }),
        // Nothing looks for the key of a domain that was never checked: it signs at once, as the first keys did.
        state: domain.dns === null ? 'active' : 'pending',
      }),
    );
  }
  const told = await deps.projectEvents(projectId);
  await write(deps, projectId, `/mta/v1/domains/${id}/dkim_keys`, (tx) => {
    for (const { key, from } of retiring) tx.moveDkimKey(key, from);
    for (const key of [...gone, ...replacedBy(fresh, kept)]) tx.deleteDkimKey(projectId, id, key.id);
    for (const key of fresh) {
      tx.insertDkimKey(key);
      const content = tellPending(domain, key, kept, dkimZone);
      announce(
        told,
        tx,
        'dkim.rotated',
        key.state === 'active'
          ? { ...content, stage: 'active', ...keyWords(domain, key, kept, dkimZone) }
          : content,
        domain.defaultTopicId,
      );
    }
  });
}

async function renewSecret(deps: Run, subscriber: Subscriber): Promise<void> {
  const { projectId, id, topicId, settings } = subscriber;
  const kind = subscriberKindOf(subscriber.type);
  const target = `/edj/v1/topics/${topicId}/subscribers/${id}`;
  const needsPeople = kind === null || Object.values(kind.fields).some(({ secret }) => secret === true);
  if (needsPeople) {
    await write(deps, projectId, target, (tx) => tx.deleteSubscriber(projectId, id));
    return;
  }
  const { told: _, ...sealed } = sealNew(deps, subscriber, kind, settings);
  await write(deps, projectId, target, (tx) => tx.updateSubscriber({ ...subscriber, ...sealed }));
}

/**
 * Removes the one-time codes. If no passkey remains, a password alone must not open the account: it is removed,
 * too, and the member needs a one-time link (made.ts).
 */
async function removeCodes(deps: Run, member: Member): Promise<void> {
  const hasPasskey = (await deps.read.passkeys(member.id)).length > 0;
  await write(deps, INSTANCE, `/iam/v1/members/${member.id}`, (tx) => {
    if (hasPasskey) tx.deleteTotp(member.id);
    else {
      tx.clearFactors(member.id);
      tx.setPassword(member.id, null);
      tx.deleteSessions(member.id);
    }
  });
}

/** A write of the replacement with its audit event; refused if another replacement is noted. */
function write(
  { transactor, random, clock, replacement }: Run,
  projectId: ProjectId,
  target: string,
  record: (tx: Tx) => void,
): Promise<void> {
  return transactor.transact(projectId, (tx) => {
    tx.setReplacement(replacement, replacement.check);
    record(tx);
    tx.insertAuditEvent({
      id: random.id(),
      projectId,
      actor: { kind: 'command', id: null },
      operation: REPLACE,
      target,
      address: null,
      // made.ts finds what an earlier run has made by its time, also if the clock was set back.
      at: Math.max(clock.now(), replacement.begunAt),
      fields: [],
      outcome: 'succeeded',
    });
  });
}
