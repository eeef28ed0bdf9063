/**
 * Checks the operator's own records (operator-check.ts) every hour, past every cache, and again when somebody looks while
 * something is wrong. A new problem and its end are logged once. Every node checks itself, because its addresses are its
 * own. Without a host name that can be in DNS, nothing is checked, and the standing says so.
 */
import type { X509Certificate } from 'node:crypto';
import { parseDomain } from '../mail/domain.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';
import { createQuestionTime } from '../runtime/question-time.ts';
import type { CheckingResolver } from '../runtime/resolver.ts';
import type { Words } from './findings.ts';
import { checkOperatorRecords, type OperatorItem, operatorProblems } from './operator-check.ts';
import type { ServiceNames } from './operator-records.ts';
import { operatorWords } from './operator-words.ts';

export interface OperatorKeeperDeps {
  readonly resolver: CheckingResolver;
  readonly names: ServiceNames;
  readonly addresses: () => readonly string[];
  /** null: it is self-signed. Rejects if it cannot be read. */
  readonly certificate: () => Promise<X509Certificate | null>;
  readonly clock: Clock;
  readonly logger: Logger;
}
export interface Unchecked {
  readonly code: 'host_name_not_public' | 'not_yet';
  readonly words: Words;
}
export interface OperatorStanding {
  /** Wall ms; null: `unchecked` says why. */
  readonly checkedAt: number | null;
  /** Why nothing was checked; null: it was. */
  readonly unchecked: Unchecked | null;
  readonly items: readonly OperatorItem[];
}
export interface OperatorKeeper extends Service {
  /** What the last check saw. */
  last(): OperatorStanding;
  /** The same, but checked again if something was wrong a minute ago or longer. */
  standing(): Promise<OperatorStanding>;
}
const FIRST_MS = 60_000;
const HOUR_MS = 3_600_000;
const AGAIN_MS = 60_000;
/** All questions of one check; what is not known by then is unclear. */
const CHECK_MS = 30_000;
/** The share of questions that belong to no project. */
const SERVICE = '';

/** Whether a host name can be in public DNS. */
function isPublicName(hostname: string): boolean {
  return parseDomain(hostname) !== null && hostname.includes('.');
}

/** Why the service's own records cannot be checked; null: they can. */
export function uncheckable(hostname: string): Unchecked | null {
  return isPublicName(hostname) ? null : unchecked('host_name_not_public', hostname);
}
const unchecked = (code: Unchecked['code'], name: string): Unchecked => ({
  code,
  words: operatorWords(code, { name }),
});

export function createOperatorKeeper(deps: OperatorKeeperDeps): OperatorKeeper {
  const { resolver, names, addresses, certificate, clock, logger } = deps;
  let standing: OperatorStanding = {
    checkedAt: null,
    unchecked: uncheckable(names.hostname) ?? unchecked('not_yet', names.hostname),
    items: [],
  };
  let running: Promise<void> | null = null;
  let timer: Timer | null = null;
  const stopping = new AbortController();

  async function look(): Promise<void> {
    using time = createQuestionTime(clock, CHECK_MS, stopping.signal);
    try {
      const items = await checkOperatorRecords(time.within(resolver.fresh(SERVICE)), {
        names,
        addresses: addresses(),
        certificate: await certificate(),
        now: clock.now(),
      });
      if (stopping.signal.aborted) return;
      tell(standing.items, items);
      standing = { checkedAt: clock.now(), unchecked: null, items };
    } catch (error) {
      logger.warn({ error: String(error) }, "the check of the operator's own records failed");
    }
  }
  function tell(before: readonly OperatorItem[], after: readonly OperatorItem[]): void {
    const keyOf = ({ check, name }: OperatorItem) => `${check} ${name}`;
    const known = new Set(operatorProblems(before).map(keyOf));
    for (const one of operatorProblems(after))
      if (!known.has(keyOf(one)))
        logger.warn(
          { check: one.check, name: one.name, state: one.state, found: one.found },
          one.words?.message ?? 'a record is wrong',
        );
    for (const one of after)
      if (one.state === 'ok' && known.has(keyOf(one)))
        logger.info({ check: one.check, name: one.name }, 'this record of the operator is right again');
  }
  function once(): Promise<void> {
    running ??= look().finally(() => {
      running = null;
    });
    return running;
  }
  function schedule(ms: number): void {
    timer = clock.after(ms, () => {
      void once().then(() => {
        if (!stopping.signal.aborted) schedule(HOUR_MS);
      });
    });
  }
  function stop(): void {
    stopping.abort();
    timer?.cancel();
  }
  return {
    last: () => standing,
    async standing() {
      const age = standing.checkedAt === null ? 0 : clock.now() - standing.checkedAt;
      const wrong = standing.items.some(({ state }) => state !== 'ok');
      if (!stopping.signal.aborted && wrong && Math.abs(age) >= AGAIN_MS) await once();
      return standing;
    },
    async start(signal) {
      if (signal.aborted) return stop();
      signal.addEventListener('abort', stop, { once: true });
      if (isPublicName(names.hostname)) schedule(FIRST_MS);
    },
    async [Symbol.asyncDispose]() {
      stop();
      await running;
    },
  };
}
