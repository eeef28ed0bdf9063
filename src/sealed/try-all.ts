/**
 * Tries to open every sealed value of the store: private DKIM keys, the secrets of subscribers, the credentials
 * of DNS accounts, and the secrets of one-time codes. An empty value counts as not sealed. Rejects if the store
 * does.
 */
import { opensDkimKey } from '../domains/dkim-keys.ts';
import { opensSettings } from '../domains/dns-providers/accounts.ts';
import type { DnsAccount, DnsAccountReader } from '../domains/dns-providers/provider.ts';
import type { DkimKey, DomainReader, MtaDomain } from '../domains/mta-domains.ts';
import { opensSealed } from '../edj/kinds/sealed.ts';
import type { EdjReader, Subscriber } from '../edj/topics.ts';
import { opensTotp } from '../iam/one-time-codes.ts';
import type { Member } from '../iam/people-records.ts';
import type { IamReader } from '../iam/projects.ts';
import type { MemberId } from '../runtime/ids.ts';
import type { Sealer } from '../runtime/sealing.ts';
import type { Page, PageRequest } from '../runtime/transactor.ts';
import type { SecretKeyReader } from './secret-key.ts';

export type SealedReader = SecretKeyReader &
  Pick<IamReader, 'projects'> &
  Pick<DomainReader, 'domains' | 'dkimKeys'> &
  Pick<EdjReader, 'topics' | 'subscribers'> &
  Pick<DnsAccountReader, 'dnsAccounts'>;

/** The values that the key does not open. */
export interface Lost {
  readonly domains: { readonly domain: MtaDomain; readonly keys: readonly DkimKey[] }[];
  readonly subscribers: Subscriber[];
  readonly accounts: DnsAccount[];
  readonly members: Member[];
}
export interface Tried {
  /** The number of values that the key opens. */
  readonly opened: number;
  readonly lost: Lost;
  /** The number of values that the key does not open. */
  readonly unreadable: number;
}
const PAGE = 500;

export async function* each<T>(read: (page: PageRequest) => Promise<Page<T>>): AsyncGenerator<T> {
  let cursor: string | null = null;
  do {
    const page: Page<T> = await read({ limit: PAGE, cursor });
    yield* page.items;
    cursor = page.nextCursor;
  } while (cursor !== null);
}
async function* membersWithTotp(read: SealedReader): AsyncGenerator<Member> {
  let after: MemberId | null = null;
  for (;;) {
    const members: readonly Member[] = await read.membersWithTotp(after, PAGE);
    yield* members;
    if (members.length < PAGE) return;
    after = members.at(-1)!.id;
  }
}

export async function tryAll(read: SealedReader, sealer: Sealer): Promise<Tried> {
  const lost: Lost = { domains: [], subscribers: [], accounts: [], members: [] };
  let [opened, unreadable] = [0, 0];
  function counted(opens: boolean): boolean {
    if (opens) opened += 1;
    else unreadable += 1;
    return opens;
  }
  for await (const { id: project } of each((page) => read.projects(page))) {
    for await (const domain of each((page) => read.domains(project, page))) {
      const keys = (await read.dkimKeys(project, domain.id)).filter(
        (key) => key.sealedPrivateKey.length > 0 && !counted(opensDkimKey(sealer, key)),
      );
      if (keys.length > 0) lost.domains.push({ domain, keys });
    }
    for await (const { id: topic } of each((page) => read.topics(project, page)))
      for await (const subscriber of each((page) => read.subscribers(project, topic, page)))
        if (subscriber.sealedSettings.length > 0 && !counted(opensSealed(sealer, subscriber)))
          lost.subscribers.push(subscriber);
    for await (const account of each((page) => read.dnsAccounts(project, page)))
      if (account.sealedSettings.length > 0 && !counted(opensSettings(sealer, account)))
        lost.accounts.push(account);
  }
  for await (const member of membersWithTotp(read))
    if (!counted(opensTotp(sealer, member.totp!.sealedSecret))) lost.members.push(member);
  return { opened, lost, unreadable };
}
