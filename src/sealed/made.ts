/**
 * What an unfinished replacement of the secret key has made, in this run and in earlier ones that were interrupted.
 * The audit log says where, and the new key opens what was made. So secrets that are shown once are shown again
 * until the replacement is finished. One-time links cannot be shown again: each call makes new ones, and the earlier
 * ones end. Rejects if the store does.
 */
import { opensDkimKey } from '../domains/dkim-keys.ts';
import type { DkimKey, MtaDomain } from '../domains/mta-domains.ts';
import { openSealed, opensSealed } from '../edj/kinds/sealed.ts';
import { recordLink } from '../iam/links.ts';
import type { Member } from '../iam/people-records.ts';
import { type DomainId, INSTANCE, type MemberId, type ProjectId, type SubscriberId } from '../runtime/ids.ts';
import { type LossDeps, REPLACE } from './accept-loss.ts';
import type { Replacement } from './secret-key.ts';
import { each } from './try-all.ts';

export interface Made {
  readonly keys: { readonly domain: MtaDomain; readonly fresh: readonly DkimKey[] }[];
  /** With the new secret; null if the subscriber was removed, because it needs secrets that only people have. */
  readonly subscribers: {
    readonly projectId: ProjectId;
    readonly id: SubscriberId;
    readonly secret: string | null;
  }[];
  /** Members who have no way to sign in any more; with the token of a one-time link. */
  readonly members: { readonly member: Member; readonly token: string }[];
}

const DOMAIN = /^\/mta\/v1\/domains\/([^/]+)\/dkim_keys$/;
const SUBSCRIBER = /^\/edj\/v1\/topics\/[^/]+\/subscribers\/([^/]+)$/;
const MEMBER = /^\/iam\/v1\/members\/([^/]+)$/;

export async function madeBy(deps: LossDeps, replacement: Replacement): Promise<Made> {
  const { read } = deps;
  const made: Made = { keys: [], subscribers: [], members: [] };
  for await (const { id: project } of each((page) => read.projects(page)))
    for (const target of await targetsOf(deps, project, replacement)) {
      const domain = DOMAIN.exec(target)?.[1];
      if (domain !== undefined) await addKeys(deps, made, project, domain as DomainId);
      const subscriber = SUBSCRIBER.exec(target)?.[1];
      if (subscriber !== undefined) await addSecret(deps, made, project, subscriber as SubscriberId);
    }
  for (const target of await targetsOf(deps, INSTANCE, replacement)) {
    const member = MEMBER.exec(target)?.[1];
    if (member !== undefined) await addLink(deps, made, member as MemberId);
  }
  return made;
}

/** Each once, the earliest first. */
async function targetsOf(
  { read }: LossDeps,
  project: ProjectId,
  { begunAt }: Replacement,
): Promise<readonly string[]> {
  const targets: string[] = [];
  const filter = { operation: REPLACE, from: begunAt };
  for await (const { target } of each((page) => read.auditEvents(project, filter, page)))
    targets.push(target);
  return [...new Set(targets.reverse())];
}

async function addKeys({ read, sealer }: LossDeps, made: Made, project: ProjectId, id: DomainId) {
  const domain = await read.domain(project, id);
  if (domain === null) return;
  const fresh = (await read.dkimKeys(project, id)).filter(
    (key) => key.state !== 'retiring' && key.sealedPrivateKey.length > 0 && opensDkimKey(sealer, key),
  );
  if (fresh.length > 0) made.keys.push({ domain, fresh });
}

async function addSecret({ read, sealer }: LossDeps, made: Made, projectId: ProjectId, id: SubscriberId) {
  const subscriber = await read.subscriber(projectId, id);
  if (subscriber === null) made.subscribers.push({ projectId, id, secret: null });
  else if (subscriber.sealedSettings.length > 0 && opensSealed(sealer, subscriber))
    made.subscribers.push({ projectId, id, secret: String(openSealed(sealer, subscriber)['secret'] ?? '') });
}

async function addLink({ read, transactor, random, clock }: LossDeps, made: Made, id: MemberId) {
  const member = await read.member(id);
  if (member === null || member.password !== null || member.totp !== null) return;
  if ((await read.passkeys(id)).length > 0) return;
  let token = '';
  await transactor.transact(INSTANCE, (tx) => {
    token = recordLink(tx, { random, now: clock.now() }, id);
  });
  made.members.push({ member, token });
}
