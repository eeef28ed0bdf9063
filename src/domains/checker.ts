/**
 * Checks the DNS of every domain regularly, a few domains at a time: every hour, or every ten minutes in the first
 * three days while a record is not correct. A clear answer updates `mxSeen`. When all keys are published, DKIM
 * signing turns on. Keys take their next step (rotation.ts). When a domain becomes correct or incorrect, the same
 * transaction records a project event. Invariants: a DNS failure changes nothing; the checker never turns DKIM off;
 * a domain with `mxSeen` that was never checked (sandbox, --verified) counts as seen until a requested check really
 * sees our MX; what such a check saw is stored. A check that somebody asks for goes past every cache; so does a second
 * look, before a round stores that something is missing. A check ends after 15 s: what is not known by then is unclear.
 * Projects share the rounds, so slow domains of one project do not stop the others. If a check finds nothing new, it is
 * stored only every six hours, because each write makes all nodes read their directory again. For the same reason,
 * domains that are checked together are written together, with a rest in between. Errors of the store are logged; the
 * next round tries again. At the end of the service, running checks end at once and store nothing.
 */
import type { PrepareProjectEvents } from '../rules/project-events.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { DomainId, ProjectId } from '../runtime/ids.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';
import { createQuestionTime, type QuestionTime } from '../runtime/question-time.ts';
import type { Random } from '../runtime/random.ts';
import type { CheckingResolver, Resolver } from '../runtime/resolver.ts';
import { createRounds } from '../runtime/rounds.ts';
import type { Sealer } from '../runtime/sealing.ts';
import { StaleError, type Transactor } from '../runtime/transactor.ts';
import { announce, type DomainEventContent, type DomainEventName, type DomainProblem } from './announce.ts';
import { checkDomain } from './dns-check.ts';
import type { DnsExpectations } from './dns-records.ts';
import { inWords } from './findings.ts';
import { type KeySteps, prepareKeySteps, recordKeySteps } from './key-steps.ts';
import {
  countsAsSeen,
  type DnsCheck,
  type DnsCheckItem,
  type DomainReader,
  type DomainTx,
  type MtaDomain,
} from './mta-domains.ts';

export interface CheckerDeps<Tx extends DomainTx> {
  readonly transactor: Transactor<Tx>;
  readonly reader: Pick<DomainReader, 'domain' | 'dkimKeys' | 'domainsForCheck'>;
  readonly resolver: CheckingResolver;
  /** One resolver for each DNS server: all of them must see a new key. */
  readonly resolvers: readonly CheckingResolver[];
  readonly expectations: DnsExpectations;
  readonly sealer: Sealer;
  readonly random: Random;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether this node makes the rounds now. Of the nodes that share a store, one does. */
  readonly mayRun?: () => Promise<boolean>;
  readonly projectEvents: PrepareProjectEvents<Tx>;
}
export interface Checker extends Service {
  /** Checks the domain now and stores the result; null if the domain does not exist. Rejects if the store does. */
  checkNow(project: ProjectId, id: DomainId): Promise<MtaDomain | null>;
  /** Call this after a change to the domain. It is checked soon, unless it counts as seen. */
  changed(project: ProjectId, id: DomainId): void;
}

type Due = Pick<MtaDomain, 'id' | 'projectId' | 'name'>;

const TICK_MS = 10 * 60_000;
const FIRST_TICK_MS = 10_000;
const INTERVAL_MS = 3_600_000;
/** Maximum age of the stored check. */
const STORED_MS = 6 * 3_600_000;
const SETTING_UP_MS = 72 * 3_600_000;
/** All questions of one check. */
export const CHECK_MS = 15_000;
/** The first look of a round leaves time for the second look. */
const FIRST_LOOK_MS = 10_000;
const AT_ONCE = 8;
/** Rest after each check: about fifty domains a second, so that a round hardly slows mail. */
const REST_MS = 150;
const PAGE = 100;

export function createChecker<Tx extends DomainTx>(deps: CheckerDeps<Tx>): Checker {
  const { transactor, reader, resolver, expectations, clock, logger, mayRun = async () => true } = deps;
  /** The last clear result of domains whose latest check was unclear, so that a DNS failure causes no event. */
  const lastClear = new Map<DomainId, boolean>();
  /** Wall ms of the checks that found nothing new and were not stored. */
  const looked = new Map<DomainId, number>();
  const underWay = new Set<Promise<unknown>>();
  let timer: Timer | null = null;
  let walk: Promise<void> = Promise.resolve();
  const stopping = new AbortController();
  const rounds = createRounds<Due>({ atOnce: AT_ONCE, work: checkInRound, rest });
  let resting: { readonly over: Promise<void>; readonly end: () => void } | null = null;

  /** All workers that rest continue at the same time. */
  function rest(): Promise<void> {
    if (stopping.signal.aborted) return Promise.resolve();
    if (resting === null) {
      const { promise: over, resolve } = Promise.withResolvers<void>();
      const end = () => {
        resting = null;
        pause.cancel();
        resolve();
      };
      const pause = clock.after(REST_MS, end);
      resting = { over, end };
    }
    return resting.over;
  }

  /** `asked`: somebody requested the check. Its result is always stored, and it makes no new keys. */
  async function check(
    project: ProjectId,
    id: DomainId,
    asked: boolean,
    time: QuestionTime,
  ): Promise<MtaDomain | null> {
    const before = await reader.domain(project, id);
    if (before === null) return null;
    const keys = await reader.dkimKeys(project, id);
    const resolvers = deps.resolvers.map((one) => time.within(asked ? one.fresh(project) : one.for(project)));
    const look = (from: Resolver) =>
      checkDomain(time.within(from), before.name, keys, expectations, clock.now());
    using firstTime = createQuestionTime(clock, asked ? CHECK_MS : FIRST_LOOK_MS, time.signal);
    const [first, steps] = await Promise.all([
      look(firstTime.within(asked ? resolver.fresh(project) : resolver.for(project))),
      prepareKeySteps({ ...deps, resolvers, dkimZone: expectations.dkimZone ?? null }, before, keys, !asked),
    ]);
    const seen =
      !asked && isDoubtful(before, first, clock.now()) ? await look(resolver.fresh(project)) : first;
    // The domain is read again: somebody may have changed a switch while DNS was slow.
    const domain = await reader.domain(project, id);
    if (domain === null) return null;
    const assumed = countsAsSeen(domain) && seen.mx.status !== 'ok';
    const dns: DnsCheck = {
      ...seen,
      dkim: remembering(seen.dkim, domain.dns?.dkim),
      ...(assumed ? { assumed } : {}),
    };
    const next: MtaDomain = {
      ...domain,
      dns,
      mxSeen: assumed || dns.mx.status === 'ok' || (dns.mx.status === 'error' && domain.mxSeen),
      dkimEnabled: domain.dkimEnabled || (dns.dkim.status === 'ok' && !keysWereSeen(domain.dns?.dkim)),
    };
    const wasBroken =
      lastClear.get(id) ?? (domain.dns === null ? null : problems(domain, domain.dns).length > 0);
    const now = problems(next, dns);
    const unclear = [dns.mx, dns.spf, dns.dkim].some(({ status }) => status === 'error');
    const event: DomainEventName | null =
      now.length > 0 && wasBroken === false
        ? 'domain.dns_error'
        : now.length === 0 && !unclear && wasBroken === true
          ? 'domain.dns_recovered'
          : null;
    // What was not known because the service stops says nothing about the domain.
    if (stopping.signal.aborted) return next;
    const idle = event === null && steps.moves.length + steps.fresh.length === 0;
    if (!asked && idle && isStored(domain, next)) {
      looked.set(id, dns.checkedAt);
      return next;
    }
    await note(
      next,
      steps,
      (tx) =>
        tx.noteDnsCheck(project, id, {
          dns,
          mxSeen: next.mxSeen,
          signs: next.dkimEnabled && !domain.dkimEnabled,
        }),
      event === null
        ? null
        : {
            name: event,
            content: {
              domain: next.name,
              problems: now,
              checked_at: new Date(dns.checkedAt).toISOString(),
            },
          },
    );
    looked.delete(id);
    if (unclear && wasBroken !== null) lastClear.set(id, wasBroken || now.length > 0);
    else lastClear.delete(id);
    return next;
  }
  /** Writes the result of the check, the steps of the keys and the events about both, in one transaction. */
  async function note(
    { projectId, defaultTopicId }: MtaDomain,
    steps: KeySteps,
    found: (tx: Tx) => void,
    event: { readonly name: DomainEventName; readonly content: DomainEventContent } | null,
  ): Promise<void> {
    const events = event === null && steps.events.length === 0 ? null : await deps.projectEvents(projectId);
    await transactor.transact(projectId, (tx) => {
      found(tx);
      recordKeySteps(tx, steps);
      if (events === null) return;
      if (event !== null) announce(events, tx, event.name, event.content, defaultTopicId);
      for (const content of steps.events) announce(events, tx, 'dkim.rotated', content, defaultTopicId);
    });
  }
  /** If a key was changed in the meantime, the check runs once more. */
  async function checkNow(project: ProjectId, id: DomainId): Promise<MtaDomain | null> {
    using time = createQuestionTime(clock, CHECK_MS, stopping.signal);
    try {
      return await check(project, id, true, time);
    } catch (error) {
      if (!(error instanceof StaleError)) throw error;
      return await check(project, id, true, time);
    }
  }
  async function checkInRound({ projectId, id, name }: Due): Promise<void> {
    using time = createQuestionTime(clock, CHECK_MS, stopping.signal);
    try {
      await check(projectId, id, false, time);
    } catch (error) {
      if (!(error instanceof StaleError))
        logger.warn({ domain: name, error: String(error) }, 'a DNS check was not stored');
    }
  }
  function changed(project: ProjectId, id: DomainId): void {
    if (stopping.signal.aborted) return;
    const work: Promise<unknown> = reader
      .domain(project, id)
      .then((domain) => (domain === null || countsAsSeen(domain) ? null : checkNow(project, id)))
      .catch((error: unknown) =>
        logger.warn({ domain: id, error: String(error) }, 'the DNS check after a change was not stored'),
      )
      .finally(() => underWay.delete(work));
    underWay.add(work);
  }

  /** Ends when each domain that still waits is behind slow domains of its own project; the next round finds it again. */
  async function walkAll(): Promise<void> {
    let after: DomainId | null = null;
    const there = new Set<DomainId>();
    rounds.clear();
    while (!stopping.signal.aborted) {
      const page: readonly MtaDomain[] = await reader.domainsForCheck(after, PAGE);
      for (const { id } of page) there.add(id);
      const due = page.filter((domain) => isDue(domain, looked.get(domain.id) ?? 0, clock.now()));
      rounds.add(due.map(({ id, projectId, name }) => ({ id, projectId, name })));
      await rounds.hasRoom();
      if (page.length < PAGE) return forgetOthers(there);
      after = page.at(-1)!.id;
    }
  }
  /** Forgets the domains that no longer exist. */
  function forgetOthers(there: ReadonlySet<DomainId>): void {
    for (const memory of [looked, lastClear])
      for (const id of memory.keys()) if (!there.has(id)) memory.delete(id);
  }
  function schedule(ms: number): void {
    timer = clock.after(ms, () => {
      walk = mayRun()
        .then((mine) => (mine ? walkAll() : rounds.clear()))
        .catch((error: unknown) => logger.warn({ error: String(error) }, 'the round of DNS checks broke off'))
        .then(() => {
          if (!stopping.signal.aborted) schedule(TICK_MS);
        });
    });
  }
  function stop(): void {
    stopping.abort();
    timer?.cancel();
    resting?.end();
  }

  return {
    checkNow,
    changed,
    async start(signal) {
      if (signal.aborted) return stop();
      signal.addEventListener('abort', stop, { once: true });
      schedule(FIRST_TICK_MS);
    },
    async [Symbol.asyncDispose]() {
      stop();
      await rounds.stop();
      await walk;
      await Promise.all(underWay);
    },
  };
}

/**
 * Signing turns on when the keys first appear, not at every later check: if somebody turns it off, it stays off. So an
 * unclear check keeps, in `found`, the keys that the check before it has found.
 */
function remembering(item: DnsCheckItem, before: DnsCheckItem | undefined): DnsCheckItem {
  return item.status === 'error' && keysWereSeen(before) ? { ...item, found: before?.found ?? [] } : item;
}
function keysWereSeen(before: DnsCheckItem | undefined): boolean {
  return (
    before !== undefined && (before.status === 'ok' || (before.status === 'error' && before.found.length > 0))
  );
}
function isDue(domain: MtaDomain, looked: number, now: number): boolean {
  if (countsAsSeen(domain)) return false;
  if (domain.dns === null) return true;
  const settingUp = isNew(domain, now) && sendingItems(domain.dns).some(({ status }) => status !== 'ok');
  const age = now - Math.max(domain.dns.checkedAt, looked);
  // If the check is in the future, the clock was set back.
  return age < 0 || age >= (settingUp ? TICK_MS : INTERVAL_MS);
}
function isNew({ createdAt }: MtaDomain, now: number): boolean {
  return now - createdAt < SETTING_UP_MS;
}
function sendingItems({ mx, spf, dkim }: DnsCheck): readonly DnsCheckItem[] {
  return [mx, spf, dkim];
}
/**
 * Whether a cache may have kept an answer from before the record was set: something is not there that was there at the
 * last check, or that somebody is setting now.
 */
function isDoubtful(domain: MtaDomain, seen: DnsCheck, now: number): boolean {
  const before = domain.dns === null ? [] : sendingItems(domain.dns);
  return sendingItems(seen).some(
    ({ status }, i) =>
      (status === 'missing' || status === 'wrong') && (isNew(domain, now) || before[i]?.status === 'ok'),
  );
}
/** Whether the store already has this result, and it is not too old. */
function isStored(before: MtaDomain, next: MtaDomain): boolean {
  if (before.dns === null || next.dns === null) return false;
  const age = next.dns.checkedAt - before.dns.checkedAt;
  const untimed = { checkedAt: 0, observedAt: 0, authoritative: false };
  const told = ({ dns, ...domain }: MtaDomain) =>
    JSON.stringify([domain, { ...untimed, ...dns, ...untimed }]);
  return age >= 0 && age < STORED_MS && told(before) === told(next);
}
/** The records that are clearly missing or wrong: MX only if the domain receives, DKIM only if it signs. */
export function problems(domain: MtaDomain, dns: DnsCheck): readonly DomainProblem[] {
  const items = (['mx', 'spf', 'dkim'] as const).filter(
    (name) => (name !== 'mx' || domain.receiving) && (name !== 'dkim' || domain.dkimEnabled),
  );
  return items
    .filter((name) => dns[name].status === 'missing' || dns[name].status === 'wrong')
    .map((name) => {
      const { status, expected, found, finding = null } = dns[name];
      return { item: name, status, expected, found, ...(finding === null ? {} : inWords(finding)) };
    });
}
