/**
 * Keeps every domain's DNS check fresh: each is looked at every hour, one not yet in order every ten minutes in its first
 * three days, a few at a time. A clear answer moves `mxSeen`, sightings of all keys turn DKIM signing on, keys take their
 * next step (rotation.ts), and changes between order and disorder become project events in the same transaction.
 * Invariants: what DNS fails to tell changes nothing; DKIM is never turned off here; a domain with `mxSeen` that was never
 * checked (sandbox, --verified) counts as seen until an asked-for check really sees our MX; a round that finds nothing new
 * is written down every six hours only, for each write makes all nodes read their directory anew; for the same reason those
 * that are looked at together are written together, with a rest between. Errors of the store are logged and tried again
 * next round.
 */
import type { PrepareProjectEvents } from '../rules/project-events.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { DomainId, ProjectId } from '../runtime/ids.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Random } from '../runtime/random.ts';
import type { Resolver } from '../runtime/resolver.ts';
import type { Sealer } from '../runtime/sealing.ts';
import { StaleError, type Transactor } from '../runtime/transactor.ts';
import { announce, type DomainEventContent, type DomainEventName, type DomainProblem } from './announce.ts';
import { checkDomain } from './dns-check.ts';
import type { DnsExpectations } from './dns-records.ts';
import { inWords } from './findings.ts';
import { type KeySteps, prepareKeySteps, recordKeySteps } from './key-steps.ts';
import type { DnsCheck, DnsCheckItem, DomainReader, DomainTx, MtaDomain } from './mta-domains.ts';

export interface CheckerDeps<Tx extends DomainTx> {
  readonly transactor: Transactor<Tx>;
  readonly reader: Pick<DomainReader, 'domain' | 'dkimKeys' | 'domainsForCheck'>;
  readonly resolver: Resolver;
  /** Each DNS server by itself: a new key must be seen by all of them. */
  readonly resolvers: readonly Resolver[];
  readonly expectations: DnsExpectations;
  readonly sealer: Sealer;
  readonly random: Random;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether this node makes the rounds now: one of those that share a store does. */
  readonly mayRun?: () => Promise<boolean>;
  readonly projectEvents: PrepareProjectEvents<Tx>;
}
export interface Checker extends Service {
  /** Checks now and stores; null where there is no such domain. Rejects with what the store rejects with. */
  checkNow(project: ProjectId, id: DomainId): Promise<MtaDomain | null>;
  /** Something about the domain was changed: it is checked soon, unless it counts as seen. */
  changed(project: ProjectId, id: DomainId): void;
}

const TICK_MS = 10 * 60_000;
const FIRST_TICK_MS = 10_000;
const INTERVAL_MS = 3_600_000;
/** At most so long ago is the check that is stored. */
const STORED_MS = 6 * 3_600_000;
const SETTING_UP_MS = 72 * 3_600_000;
const AT_ONCE = 8;
/** Behind each of them: some fifty domains a second, so that mail is hardly slower during a round. */
const REST_MS = 150;
const PAGE = 100;

export function createChecker<Tx extends DomainTx>(deps: CheckerDeps<Tx>): Checker {
  const { transactor, reader, resolver, expectations, clock, logger, mayRun = async () => true } = deps;
  /** Last clear verdict of domains whose latest check was unclear, so that a gap makes no event. */
  const lastClear = new Map<DomainId, boolean>();
  /** Wall ms of checks that found nothing new and were not stored. */
  const looked = new Map<DomainId, number>();
  const underWay = new Set<Promise<unknown>>();
  let timer: Timer | null = null;
  let walk: Promise<void> = Promise.resolve();
  let stopped = false;
  let resting: { readonly over: Promise<void>; readonly end: () => void } | null = null;

  /** Those who rest go on at the same time. */
  function rest(): Promise<void> {
    if (stopped) return Promise.resolve();
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

  /** `asked`: by someone; it is stored in any case, and makes no new keys. */
  async function check(project: ProjectId, id: DomainId, asked: boolean): Promise<MtaDomain | null> {
    const before = await reader.domain(project, id);
    if (before === null) return null;
    const keys = await reader.dkimKeys(project, id);
    const [seen, steps] = await Promise.all([
      checkDomain(resolver, before.name, keys, expectations, clock.now()),
      prepareKeySteps({ ...deps, dkimZone: expectations.dkimZone ?? null }, before, keys, !asked),
    ]);
    // Read again: somebody may have changed a switch while DNS was slow.
    const domain = await reader.domain(project, id);
    if (domain === null) return null;
    const dns: DnsCheck = { ...seen, dkim: remembering(seen.dkim, domain.dns?.dkim) };
    // Shown, not stored: see the third invariant.
    if (countsAsSeen(domain) && dns.mx.status !== 'ok') {
      await note(domain, steps, () => {}, null);
      return { ...domain, dns };
    }
    const next: MtaDomain = {
      ...domain,
      dns,
      mxSeen: dns.mx.status === 'ok' || (dns.mx.status === 'error' && domain.mxSeen),
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
  /** One transaction: what was found, the steps of the keys, and the events that tell of both. */
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
  /** A key that someone else has moved meanwhile is looked at once more. */
  async function checkNow(project: ProjectId, id: DomainId): Promise<MtaDomain | null> {
    try {
      return await check(project, id, true);
    } catch (error) {
      if (!(error instanceof StaleError)) throw error;
      return check(project, id, true);
    }
  }
  function changed(project: ProjectId, id: DomainId): void {
    if (stopped) return;
    const work: Promise<unknown> = reader
      .domain(project, id)
      .then((domain) => (domain === null || countsAsSeen(domain) ? null : checkNow(project, id)))
      .catch((error: unknown) =>
        logger.warn({ domain: id, error: String(error) }, 'DNS check after a change not stored'),
      )
      .finally(() => underWay.delete(work));
    underWay.add(work);
  }

  async function walkAll(): Promise<void> {
    let after: DomainId | null = null;
    const there = new Set<DomainId>();
    while (!stopped) {
      const page: readonly MtaDomain[] = await reader.domainsForCheck(after, PAGE);
      for (const { id } of page) there.add(id);
      const due = page.filter((domain) => isDue(domain, looked.get(domain.id) ?? 0, clock.now()));
      const worker = async () => {
        for (let domain = due.shift(); domain !== undefined && !stopped; domain = due.shift()) {
          try {
            await check(domain.projectId, domain.id, false);
          } catch (error) {
            if (!(error instanceof StaleError))
              logger.warn({ domain: domain.name, error: String(error) }, 'DNS check not stored');
          }
          if (due.length > 0) await rest();
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      if (page.length < PAGE) return forgetOthers(there);
      after = page.at(-1)!.id;
    }
  }
  /** What was remembered of domains that are no more. */
  function forgetOthers(there: ReadonlySet<DomainId>): void {
    for (const memory of [looked, lastClear])
      for (const id of memory.keys()) if (!there.has(id)) memory.delete(id);
  }
  function schedule(ms: number): void {
    timer = clock.after(ms, () => {
      walk = mayRun()
        .then((mine) => (mine ? walkAll() : undefined))
        .catch((error: unknown) => logger.warn({ error: String(error) }, 'DNS checks broke off'))
        .then(() => {
          if (!stopped) schedule(TICK_MS);
        });
    });
  }
  function stop(): void {
    stopped = true;
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
      await walk;
      await Promise.all(underWay);
    },
  };
}

/**
 * Signing turns itself on when the keys appear, not at every later check: a switch somebody has turned off stays off.
 * So an unclear check remembers, in `found`, the keys that were there before it.
 */
function remembering(item: DnsCheckItem, before: DnsCheckItem | undefined): DnsCheckItem {
  return item.status === 'error' && keysWereSeen(before) ? { ...item, found: before?.found ?? [] } : item;
}
function keysWereSeen(before: DnsCheckItem | undefined): boolean {
  return (
    before !== undefined && (before.status === 'ok' || (before.status === 'error' && before.found.length > 0))
  );
}
function countsAsSeen(domain: MtaDomain): boolean {
  return domain.mxSeen && domain.dns === null;
}
function isDue(domain: MtaDomain, looked: number, now: number): boolean {
  if (countsAsSeen(domain)) return false;
  if (domain.dns === null) return true;
  const settingUp =
    now - domain.createdAt < SETTING_UP_MS &&
    [domain.dns.mx, domain.dns.spf, domain.dns.dkim].some(({ status }) => status !== 'ok');
  const age = now - Math.max(domain.dns.checkedAt, looked);
  // A check from the future is a clock that was set back.
  return age < 0 || age >= (settingUp ? TICK_MS : INTERVAL_MS);
}
/** Whether the store tells what this check found, and not from too long ago. */
function isStored(before: MtaDomain, next: MtaDomain): boolean {
  if (before.dns === null || next.dns === null) return false;
  const age = next.dns.checkedAt - before.dns.checkedAt;
  const told = (domain: MtaDomain) => JSON.stringify({ ...domain, dns: { ...domain.dns, checkedAt: 0 } });
  return age >= 0 && age < STORED_MS && told(before) === told(next);
}
/** What is clearly not in order and matters to this domain: MX only when it receives, DKIM only when it signs. */
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
