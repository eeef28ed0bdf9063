/**
 * Replaces what a lost secret key has sealed. It makes new DKIM keys and new hook secrets. It removes DNS
 * credentials, one-time codes and recovery codes. Static keys stay valid: their SCRAM verifiers do not depend on
 * the key (iam/static-keys.ts). Invariants: the check value of the new key is written last, so that an
 * interrupted run can be repeated; a lost DKIM key that signed stays published until its mail has arrived.
 * Rejects if the store does.
 */
import { announce } from '../domains/announce.ts';
import { delegationTarget, freeSelector } from '../domains/delegation.ts';
import { kindOf, makeDkimKey } from '../domains/dkim-keys.ts';
import type { DnsAccountTx } from '../domains/dns-providers/provider.ts';
import { keyWords, replacedBy, tellPending } from '../domains/key-steps.ts';
import type { DkimKey, DomainReader, DomainTx, MtaDomain } from '../domains/mta-domains.ts';
import { subscriberKindOf } from '../edj/kinds/kinds.ts';
import { sealNew } from '../edj/kinds/sealed.ts';
import type { EdjTx, Subscriber } from '../edj/topics.ts';
import { recordLink } from '../iam/links.ts';
import type { Member, PeopleReader, PeopleTx } from '../iam/people-records.ts';
import type { AuditTx } from '../ledger/audit.ts';
import type { PrepareProjectEvents } from '../rules/project-events.ts';
import type { Clock } from '../runtime/clock.ts';
import { INSTANCE, type ProjectId } from '../runtime/ids.ts';
import type { Random } from '../runtime/random.ts';
import type { Sealer } from '../runtime/sealing.ts';
import type { Transactor } from '../runtime/transactor.ts';
import { keyCheckOf, type SecretKeyTx } from './secret-key.ts';
import type { Lost, SealedReader } from './try-all.ts';

type Tx = SecretKeyTx & DomainTx & EdjTx & DnsAccountTx & PeopleTx & AuditTx;
export interface LossDeps {
  readonly read: SealedReader & Pick<DomainReader, 'dkimKeys'> & Pick<PeopleReader, 'passkeys'>;
  readonly transactor: Transactor<Tx>;
  /** With the new key. */
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  /** The zone of delegated keys, or null. */
  readonly dkimZone: string | null;
  readonly projectEvents: PrepareProjectEvents<Tx>;
}
export interface Replaced {
  readonly keys: { readonly domain: MtaDomain; readonly fresh: readonly DkimKey[] }[];
  /** With the new secret; null if the subscriber was removed, because it needs secrets that only people have. */
  readonly subscribers: { readonly subscriber: Subscriber; readonly secret: string | null }[];
  /** Members who have no second factor any more; with the token of a one-time link. */
  readonly members: { readonly member: Member; readonly token: string }[];
}

export async function acceptLoss(deps: LossDeps, lost: Lost): Promise<Replaced> {
  const { read, transactor, sealer } = deps;
  const replaced: Replaced = { keys: [], subscribers: [], members: [] };
  for (const { domain, keys } of lost.domains)
    replaced.keys.push({ domain, fresh: await renewKeys(deps, domain, keys) });
  for (const subscriber of lost.subscribers)
    replaced.subscribers.push({ subscriber, secret: await renewSecret(deps, subscriber) });
  for (const account of lost.accounts)
    await transactor.transact(account.projectId, (tx) => {
      tx.updateDnsAccount({ ...account, sealedSettings: Buffer.alloc(0) });
      audit(deps, tx, account.projectId, `/mta/v1/dns_accounts/${account.id}`);
    });
  for (const member of lost.members) {
    const token = await removeCodes(deps, member);
    if (token !== null) replaced.members.push({ member, token });
  }
  const was = await read.keyCheck();
  await transactor.transact(INSTANCE, (tx) => {
    tx.voidKeyedHashes();
    tx.setKeyCheck(keyCheckOf(sealer), was);
    audit(deps, tx, INSTANCE, '/iam/v1');
  });
  return replaced;
}

async function renewKeys(
  deps: LossDeps,
  domain: MtaDomain,
  lost: readonly DkimKey[],
): Promise<readonly DkimKey[]> {
  const { projectId, id, name } = domain;
  const { read, transactor, clock, dkimZone } = deps;
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
  await transactor.transact(projectId, (tx) => {
    for (const { key, from } of retiring) tx.moveDkimKey(key, from);
    for (const key of [...gone, ...replacedBy(fresh, kept)]) tx.deleteDkimKey(projectId, id, key.id);
    for (const key of fresh) {
      tx.insertDkimKey(key);
      const content = tellPending(domain, key, dkimZone);
      announce(
        told,
        tx,
        'dkim.rotated',
        key.state === 'active'
          ? { ...content, stage: 'active', ...keyWords(domain, key, dkimZone) }
          : content,
        domain.defaultTopicId,
      );
    }
    audit(deps, tx, projectId, `/mta/v1/domains/${id}/dkim_keys`);
  });
  return fresh;
}

async function renewSecret(deps: LossDeps, subscriber: Subscriber): Promise<string | null> {
  const { projectId, id, topicId, settings } = subscriber;
  const kind = subscriberKindOf(subscriber.type);
  const target = `/edj/v1/topics/${topicId}/subscribers/${id}`;
  const needsPeople = kind === null || Object.values(kind.fields).some(({ secret }) => secret === true);
  if (needsPeople) {
    await deps.transactor.transact(projectId, (tx) => {
      tx.deleteSubscriber(projectId, id);
      audit(deps, tx, projectId, target);
    });
    return null;
  }
  const { told, ...sealed } = sealNew(deps, subscriber, kind, settings);
  await deps.transactor.transact(projectId, (tx) => {
    tx.updateSubscriber({ ...subscriber, ...sealed });
    audit(deps, tx, projectId, target);
  });
  return told['secret'] === undefined ? '' : String(told['secret']);
}

/**
 * Removes the one-time codes. If no passkey remains, a password alone must not open the account: it is removed,
 * too, and the token of a one-time link is returned.
 */
async function removeCodes(deps: LossDeps, member: Member): Promise<string | null> {
  const { read, transactor, random, clock } = deps;
  const hasPasskey = (await read.passkeys(member.id)).length > 0;
  let token: string | null = null;
  await transactor.transact(INSTANCE, (tx) => {
    if (hasPasskey) tx.deleteTotp(member.id);
    else {
      tx.clearFactors(member.id);
      tx.setPassword(member.id, null);
      tx.deleteSessions(member.id);
      token = recordLink(tx, { random, now: clock.now() }, member.id);
    }
    audit(deps, tx, INSTANCE, `/iam/v1/members/${member.id}`);
  });
  return token;
}

function audit({ random, clock }: LossDeps, tx: AuditTx, projectId: ProjectId, target: string): void {
  tx.insertAuditEvent({
    id: random.id(),
    projectId,
    actor: { kind: 'command', id: null },
    operation: 'command.secret_key.replace',
    target,
    address: null,
    at: clock.now(),
    fields: [],
    outcome: 'succeeded',
  });
}
