/**
 * Automatic DNS setting of a domain: plan, apply, undo, with a history. Invariants: the service applies exactly the plan
 * that it showed; a plan is used once and within the hour; a change is stored before the provider is called, so a change
 * whose result is never learnt is still known and can be undone. Fails: passes on the store's errors; a provider's
 * failure is an outcome, not an error.
 */
import { isWithin } from '../../runtime/ahead.ts';
import type { Clock } from '../../runtime/clock.ts';
import { createPlaces, NoPlace } from '../../runtime/places.ts';
import type { Random } from '../../runtime/random.ts';
import type { Transactor } from '../../runtime/transactor.ts';
import type { MtaDomain } from '../mta-domains.ts';
import type { OpenProvider } from './accounts.ts';
import { applyChanges, type ChangeOutcome, reversed, undoChanges } from './apply.ts';
import { existingSpf, keysFor, planChanges, type WantedRecord } from './plan.ts';
import {
  type DnsAccount,
  type DnsAccountReader,
  type DnsAccountTx,
  type DnsChange,
  type DnsProvider,
  DnsProviderError,
  type StoredPlan,
  type Zone,
} from './provider.ts';

export interface AutomaticDnsDeps {
  readonly read: Pick<DnsAccountReader, 'dnsAccount'>;
  readonly transactor: Transactor<DnsAccountTx>;
  readonly open: OpenProvider;
  readonly clock: Clock;
  readonly random: Random;
  /** The records that the domain needs, with `existingSpf` merged. */
  readonly recordsOf: (domain: MtaDomain, existingSpf: string | null) => Promise<readonly WantedRecord[]>;
}
type Failed = { readonly kind: 'failed'; readonly error: DnsProviderError };
export type PlanResult =
  | { readonly kind: 'planned'; readonly plan: StoredPlan }
  | { readonly kind: 'no-zone' }
  | Failed;
export type ApplyResult =
  | { readonly kind: 'ended'; readonly change: DnsChange; readonly outcome: ChangeOutcome }
  | { readonly kind: 'expired' }
  /** The plan would remove these foreign MX, and the caller has not said whether it may. */
  | { readonly kind: 'mx-unconfirmed'; readonly foreignMx: readonly string[] }
  | Failed;
export type UndoResult =
  | { readonly kind: 'ended'; readonly change: DnsChange; readonly outcome: ChangeOutcome }
  | { readonly kind: 'account-gone' }
  /** The change may still be under way. */
  | { readonly kind: 'running' }
  | Failed;
export interface CheckResult {
  readonly error: DnsProviderError | null;
  readonly zones: ReadonlyMap<string, Zone | null>;
}
export interface AutomaticDns {
  plan(domain: MtaDomain, account: DnsAccount): Promise<PlanResult>;
  /** `replaceMx`: true replaces foreign MX, false leaves MX alone, null says nothing. */
  apply(
    account: DnsAccount,
    plan: StoredPlan,
    replaceMx: boolean | null,
    actor: string,
  ): Promise<ApplyResult>;
  undo(change: DnsChange, actor: string): Promise<UndoResult>;
  /** Whether the account works, and which of its zones the names lie in. */
  check(account: DnsAccount, names: readonly string[]): Promise<CheckResult>;
}
/** Concurrent calls to providers: in all, and for one project. So a slow server blocks only its project's share. */
const CALLS = 16;
const CALLS_OF_A_PROJECT = 2;
const WAITING_OF_A_PROJECT = 8;
const WAIT_MS = 20_000;
const TOO_BUSY = () =>
  new DnsProviderError('unreachable', 'other calls to DNS providers are under way: try again in a minute');
export const PLAN_LIFE_MS = 3_600_000;
/** After this time no node is still working on a change, because each call to a provider has a shorter deadline. */
const LONGEST_CHANGE_MS = 10 * 60_000;

export function createAutomaticDns(deps: AutomaticDnsDeps): AutomaticDns {
  const { read, transactor, open, clock, random, recordsOf } = deps;
  const calls = createPlaces(CALLS, clock, { places: CALLS_OF_A_PROJECT, waiting: WAITING_OF_A_PROJECT });

  /** Opens the provider, uses it and closes it. Returns a provider's failure as a value. */
  async function using<T>(
    account: DnsAccount,
    use: (provider: DnsProvider) => Promise<T>,
  ): Promise<T | Failed> {
    let provider: DnsProvider | null = null;
    try {
      using _ = await calls.take(account.projectId, { waitMs: WAIT_MS });
      provider = await open(account);
      return await use(provider);
    } catch (error) {
      if (error instanceof DnsProviderError) return { kind: 'failed', error };
      if (error instanceof NoPlace) return { kind: 'failed', error: TOO_BUSY() };
      throw error;
    } finally {
      provider?.close?.();
    }
  }
  const ended = (change: DnsChange, outcome: ChangeOutcome): DnsChange => ({
    ...change,
    state: outcome.kind === 'changed' ? 'failed' : outcome.kind,
    done:
      outcome.kind === 'applied'
        ? change.changes.map(({ name, type }) => ({ name, type }))
        : outcome.kind === 'partial'
          ? outcome.done
          : outcome.kind === 'unknown'
            ? null
            : [],
    cause:
      outcome.kind === 'applied'
        ? null
        : outcome.kind === 'changed'
          ? 'DNS was changed meanwhile'
          : outcome.kind === 'failed'
            ? outcome.error.message
            : outcome.cause,
    revert: outcome.kind === 'applied' ? outcome.revert : null,
    completedAt: clock.now(),
  });
  async function finish(change: DnsChange, outcome: ChangeOutcome): Promise<DnsChange> {
    const over = ended(change, outcome);
    await transactor.transact(change.projectId, (tx) => tx.updateDnsChange(over));
    return over;
  }

  return {
    plan: (domain, account) =>
      using<PlanResult>(account, async (provider) => {
        const zone = await provider.findZone(domain.name);
        if (zone === null) return { kind: 'no-zone' };
        const apex = { name: domain.name, type: 'TXT' } as const;
        const [there] = await provider.read(zone, [apex]);
        const records = await recordsOf(domain, existingSpf(there));
        const elsewhere = new Set<string>();
        for (const name of new Set(records.map((record) => record.name)))
          if ((await provider.findZone(name))?.id !== zone.id) elsewhere.add(name);
        const here = records.filter(({ name }) => !elsewhere.has(name));
        const sets = await provider.read(zone, keysFor(here));
        const plan: StoredPlan = {
          id: random.id(),
          projectId: domain.projectId,
          domainId: domain.id,
          accountId: account.id,
          zone,
          plan: planChanges({ records, sets, elsewhere }),
          createdAt: clock.now(),
        };
        await transactor.transact(domain.projectId, (tx) => {
          tx.pruneDnsPlans(domain.projectId, domain.id, clock.now() - PLAN_LIFE_MS);
          tx.insertDnsPlan(plan);
        });
        return { kind: 'planned', plan };
      }),

    async apply(account, stored, replaceMx, actor) {
      if (clock.now() - stored.createdAt > PLAN_LIFE_MS) return { kind: 'expired' };
      const { foreignMx } = stored.plan;
      if (foreignMx.length > 0 && replaceMx === null) return { kind: 'mx-unconfirmed', foreignMx };
      const changes = stored.plan.changes
        .filter(({ type }) => type !== 'MX' || foreignMx.length === 0 || replaceMx === true)
        .map(({ purpose: _purpose, message: _en, message_ja: _ja, ...change }) => change);
      return using<ApplyResult>(account, async (provider) => {
        const change: DnsChange = {
          id: random.id(),
          projectId: stored.projectId,
          domainId: stored.domainId,
          accountId: account.id,
          kind: 'apply',
          undoes: null,
          zone: stored.zone,
          changes,
          state: 'applying',
          done: null,
          cause: null,
          revert: null,
          actor,
          createdAt: clock.now(),
          completedAt: null,
        };
        await transactor.transact(stored.projectId, (tx) => {
          tx.useDnsPlan(stored.projectId, stored.domainId, stored.id);
          tx.insertDnsChange(change);
        });
        const outcome: ChangeOutcome =
          changes.length === 0
            ? { kind: 'applied', revert: null, propagated: true }
            : await applyChanges(provider, stored.zone, changes);
        return { kind: 'ended', change: await finish(change, outcome), outcome };
      });
    },

    async undo(undone, actor) {
      if (undone.state === 'applying' && isWithin(undone.createdAt, LONGEST_CHANGE_MS, clock.now()))
        return { kind: 'running' };
      const account = await read.dnsAccount(undone.projectId, undone.accountId);
      if (account === null) return { kind: 'account-gone' };
      return using<UndoResult>(account, async (provider) => {
        const change: DnsChange = {
          ...undone,
          id: random.id(),
          kind: 'undo',
          undoes: undone.id,
          changes: undone.changes.map(reversed),
          state: 'applying',
          done: null,
          cause: null,
          revert: null,
          actor,
          createdAt: clock.now(),
          completedAt: null,
        };
        await transactor.transact(undone.projectId, (tx) => tx.insertDnsChange(change));
        const { changes, ...outcome } = await undoChanges(
          provider,
          undone.zone,
          undone.changes,
          undone.revert,
        );
        const over = ended(change, outcome);
        // `done` leaves out the sets that were already as they should be: this undo did not change them.
        const shown: DnsChange =
          outcome.kind === 'applied'
            ? { ...over, done: changes.map(({ name, type }) => ({ name, type })) }
            : over;
        await transactor.transact(undone.projectId, (tx) => tx.updateDnsChange(shown));
        return { kind: 'ended', change: shown, outcome };
      });
    },

    async check(account, names) {
      const zones = new Map<string, Zone | null>();
      const result = await using<null>(account, async (provider) => {
        await provider.check();
        for (const name of names) zones.set(name, await provider.findZone(name));
        return null;
      });
      return { error: result?.error ?? null, zones };
    },
  };
}
