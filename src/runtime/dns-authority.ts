/**
 * Asks the servers of the zone itself, without recursion (RFC 1034 §4.3.1), so that no cache in between can repeat an
 * older answer. Invariants: an answer counts only if the server says that it is authoritative; servers at addresses
 * that `mayAsk` refuses get no packet; the number of servers and of referrals is bounded. Returns null if no server of
 * the zone gave a clear answer; then a recursive server has to be asked. Never throws.
 */
import type { DnsReply, DnsServer, ExchangeResult, QuestionType } from './dns-exchange.ts';
import { judge, plainName, type Verdict } from './dns-replies.ts';
import type { DnsAnswer } from './resolver.ts';

export interface AuthorityDeps {
  /** Through the recursive servers. */
  readonly ns: (name: string) => Promise<DnsAnswer<string>>;
  readonly addresses: (host: string) => Promise<readonly string[]>;
  readonly mayAsk: (address: string) => boolean;
  /** The server at the address of a name server. */
  readonly serverAt: (address: string) => DnsServer;
  readonly exchange: (server: DnsServer, name: string, type: QuestionType) => Promise<ExchangeResult>;
}
/** Labels below the top that are looked at for a zone. */
const MOST_STEPS = 8;
const MOST_HOSTS = 4;
const MOST_SERVERS = 3;
const MOST_REFERRALS = 2;

export type AskZone = (name: string, type: QuestionType) => Promise<Verdict | null>;

export function createAuthority({ ns, addresses, mayAsk, serverAt, exchange }: AuthorityDeps): AskZone {
  /** The hosts of the nearest zone that contains the name. */
  async function hostsOf(name: string): Promise<readonly string[]> {
    const labels = name.split('.');
    // A question for a name with an underscore could make a recursive server remember that the name does not exist,
    // just before the customer sets it.
    let from = labels.findLastIndex((label) => label.startsWith('_')) + 1;
    for (let steps = 0; from < labels.length && steps < MOST_STEPS; from += 1, steps += 1) {
      const answer = await ns(labels.slice(from).join('.'));
      if (answer.kind === 'failed') return [];
      if (answer.kind === 'found') return answer.records;
    }
    return [];
  }
  async function serversOf(hosts: readonly string[]): Promise<DnsServer[]> {
    const lists = await Promise.all(hosts.slice(0, MOST_HOSTS).map(addresses));
    const first = lists.flatMap((list) => list.slice(0, 1));
    const others = lists.flatMap((list) => list.slice(1));
    return [...new Set([...first, ...others])].filter(mayAsk).slice(0, MOST_SERVERS).map(serverAt);
  }

  return async function askZone(name, type) {
    let hosts = await hostsOf(name);
    for (let referrals = 0; referrals <= MOST_REFERRALS; referrals += 1) {
      let absence: Verdict | null = null;
      let below: readonly string[] | null = null;
      for (const server of await serversOf(hosts)) {
        const result = await exchange(server, name, type);
        if (result.kind === 'failed') continue;
        below ??= referral(result.reply, name);
        if (!result.reply.flag_aa) continue;
        const verdict = judge(result.reply, name, type);
        if (verdict.kind === 'found' || verdict.kind === 'alias') return verdict;
        // A second server is asked: a new record may have reached only one of them.
        if (verdict.kind !== 'failed' && absence !== null) return absence;
        if (verdict.kind !== 'failed') absence = verdict;
      }
      if (absence !== null || below === null) return absence;
      hosts = below;
    }
    return null;
  };
}

/** The hosts of the zone below to which the reply refers (RFC 1034 §4.3.2); null: it is no referral. */
function referral(reply: DnsReply, name: string): readonly string[] | null {
  if (reply.flag_aa || reply.rcode !== 'NOERROR' || reply.answers.length > 0) return null;
  const hosts = reply.authorities.flatMap((record) =>
    record.type === 'NS' && `.${name}`.endsWith(`.${plainName(record.name)}`) ? [plainName(record.data)] : [],
  );
  return hosts.length === 0 ? null : hosts;
}
