/**
 * What the hosts of a target lack for one mail. That a host does not offer 8BITMIME or SMTPUTF8, or takes fewer octets, is
 * our own verdict on that host, so the other candidates are asked. Invariant: the mail bounces only where every host was
 * asked, at one address at least, and lacks it. Without I/O.
 */
import type { Adapted, Lacks, OutgoingTransaction } from './dialogue.ts';
import type { Candidate, Remote, TlsFacts } from './peer.ts';
import { printable, type ServerReply } from './reply-parser.ts';
import type { Verdict } from './verdicts.ts';

/** A server that was asked, and what it would have been to the recipients. */
interface Answer {
  readonly remote: Remote;
  readonly tls: TlsFacts | null;
  /** One per recipient, in order. */
  readonly verdicts: readonly Verdict[];
}
/** A host whose addresses are not known. */
export interface Unknown {
  readonly host: string;
  readonly cause: string;
}
export interface Lacking {
  /** It lacks what the mail needs. */
  add(answer: Answer): void;
  /** Servers that lack it. */
  readonly size: number;
  has(server: Remote | Candidate): boolean;
  /** It could not be asked. */
  failed(server: Candidate, cause: string, reply: ServerReply | null): void;
  /** Those not asked yet. What lacks something at one address is behind the others at its other addresses. */
  rest(candidates: readonly Candidate[]): Iterable<Candidate>;
  /** What it comes to, where no server gave a verdict of its own; null: no server lacks anything. */
  sum(candidates: readonly Candidate[], unknown: readonly Unknown[]): Answer | null;
}
/** Hosts named in a cause. */
const MOST_NAMED = 5;
/** Characters of a cause. */
const MOST_TEXT = 1000;

const nameOf = ({ address, port }: Remote | Candidate) => `${address} ${port}`;

export function createLacking(): Lacking {
  const asked = new Map<string, Answer>();
  const hosts = new Set<string>();
  /** By host, for people. */
  const failures = new Map<string, string>();
  /** Hosts that do answer, at some address, and could not be asked there. */
  const pending = new Set<string>();

  /** Those of better preference first, also where they were asked over connections that were kept. */
  function inOrder(candidates: readonly Candidate[]): Answer[] {
    const found = candidates.flatMap((candidate) => asked.get(nameOf(candidate)) ?? []);
    return [...new Set([...found, ...asked.values()])];
  }
  /** Of one recipient: what is wrong with which hosts. */
  function causeOf(recipient: number, answers: readonly Answer[], unasked: ReadonlySet<string>): string {
    const byCause = new Map<string, Set<string>>();
    const note = (host: string, cause: string) =>
      byCause.set(cause, (byCause.get(cause) ?? new Set()).add(host));
    for (const { remote, verdicts } of answers) note(remote.host, saidOf(verdicts[recipient]!));
    for (const host of unasked) note(host, failures.get(host) ?? 'not asked');
    const [only, ...more] = byCause;
    if (more.length === 0 && only![1].size === 1) return only![0];
    const all = [...byCause].map(([cause, of]) => `${listed([...of])}: ${cause}`).join('; ');
    return all.slice(0, MOST_TEXT);
  }
  return {
    add(answer) {
      asked.set(nameOf(answer.remote), answer);
      hosts.add(answer.remote.host);
    },
    get size() {
      return asked.size;
    },
    has: (server) => asked.has(nameOf(server)),
    failed({ host }, cause, reply) {
      const words = reply === null ? '' : printable(`${reply.code} ${reply.text}`).slice(0, 200);
      failures.set(host, reply === null || cause.includes(words) ? cause : `${cause}: ${words}`);
      if (reply !== null) pending.add(host);
    },
    *rest(candidates) {
      const later: Candidate[] = [];
      for (const candidate of candidates)
        if (hosts.has(candidate.host)) later.push(candidate);
        else if (!asked.has(nameOf(candidate))) yield candidate;
      for (const candidate of later) if (!asked.has(nameOf(candidate))) yield candidate;
    },
    sum(candidates, unknown) {
      const answers = inOrder(candidates);
      const [first] = answers;
      if (first === undefined) return null;
      // Several names may be one server.
      for (const candidate of candidates) if (asked.has(nameOf(candidate))) hosts.add(candidate.host);
      // An address without an answer says nothing of a host that answers at another one.
      const unasked = new Set(
        candidates.filter(({ host }) => !hosts.has(host) || pending.has(host)).map(({ host }) => host),
      );
      for (const { host, cause } of unknown) {
        failures.set(host, cause);
        unasked.add(host);
      }
      const { remote, tls } = first;
      const verdicts = first.verdicts.map((verdict, i): Verdict => {
        const cause = causeOf(i, answers, unasked);
        if (unasked.size > 0) return { kind: 'deferred', reply: null, cause, ambiguous: false };
        return verdict.kind === 'bounced' ? { ...verdict, cause } : verdict;
      });
      return { remote, tls, verdicts };
    },
  };
}
function saidOf(verdict: Verdict): string {
  return verdict.kind === 'delivered' ? '' : verdict.cause;
}
function listed(hosts: readonly string[]): string {
  const named = hosts.slice(0, MOST_NAMED).join(', ');
  return hosts.length > MOST_NAMED ? `${named} and ${hosts.length - MOST_NAMED} more` : named;
}

/** The same mail; what has no form for one server has none for the next one that lacks the same, and is not made again. */
export function refusedOnce(mail: OutgoingTransaction): OutgoingTransaction {
  const { adapt } = mail;
  if (adapt === undefined || !(mail.eightBit || mail.smtputf8)) return mail;
  const refusals = new Map<string, Adapted>();
  return {
    ...mail,
    async adapt(lacks: Lacks) {
      const key = `${lacks.eightBit} ${lacks.smtputf8}`;
      const known = refusals.get(key);
      if (known !== undefined) return known;
      const adapted = await adapt(lacks);
      if (adapted.kind === 'refused') refusals.set(key, adapted);
      return adapted;
    },
  };
}
