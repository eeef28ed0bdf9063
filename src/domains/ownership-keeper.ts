/**
 * Checks once a day that the TXT record of each verified domain is still in DNS, and again after an hour if DNS was
 * unclear. If the record is clearly gone three days in a row, the project gets an event. If it is clearly gone on
 * fourteen days over fourteen days, the ownership ends, and the mail set-up of the domain with it. Invariants: a
 * DNS failure ends nothing; neither does absence if the record was never seen (sandbox, --verified). Projects share the
 * rounds, so slow domains of one project do not stop the others. Errors of the store are logged; the next round tries
 * again.
 */
import type { PrepareProjectEvents } from '../rules/project-events.ts';
import type { Clock, Timer } from '../runtime/clock.ts';
import type { OwnedDomainId } from '../runtime/ids.ts';
import type { Service } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/logger.ts';
import { createQuestionTime } from '../runtime/question-time.ts';
import type { SharedResolver } from '../runtime/resolver.ts';
import { createRounds } from '../runtime/rounds.ts';
import { StaleError, type Transactor } from '../runtime/transactor.ts';
import { announce, type DomainEventName } from './announce.ts';
import type { OwnershipTx } from './claims.ts';
import type { DomainReader, DomainTx } from './mta-domains.ts';
import {
  afterLook,
  challengeRecord,
  isGoneEverywhere,
  isOver,
  LOST_CHECKS_TOLD,
  LOST_MS,
  type Owned,
  type Proof,
} from './ownership.ts';
import { type CancelQueued, REMOVED_CAUSES, recordRemoval } from './removal.ts';

export interface KeeperDeps<Tx extends DomainTx & OwnershipTx> {
  readonly transactor: Transactor<Tx>;
  readonly reader: Pick<DomainReader, 'findDomain'> & {
    verifiedDomains(after: OwnedDomainId | null, limit: number): Promise<readonly Owned[]>;
  };
  readonly resolvers: readonly SharedResolver[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly mayRun?: () => Promise<boolean>;
  readonly projectEvents: PrepareProjectEvents<Tx>;
  readonly cancelQueued: CancelQueued;
}
const DAY_MS = 86_400_000;
const FIRST_TICK_MS = 30_000;
const TICK_MS = 3_600_000;
/** A little less than a day, so that there is a check on every day. */
const LOOK_AFTER_MS = DAY_MS - TICK_MS / 2;
const PAGE = 100;
const AT_ONCE = 4;
/** All questions about one domain. */
const LOOK_MS = 15_000;

export function createOwnershipKeeper<Tx extends DomainTx & OwnershipTx>(deps: KeeperDeps<Tx>): Service {
  const { transactor, reader, resolvers, clock, logger, mayRun = async () => true } = deps;
  /** Checks that wrote nothing into the store: wall ms by id. */
  const looked = new Map<OwnedDomainId, number>();
  let timer: Timer | null = null;
  let round: Promise<void> = Promise.resolve();
  const stopping = new AbortController();
  const rounds = createRounds<Owned>({ atOnce: AT_ONCE, work: lookInRound });

  async function look(owned: Owned): Promise<void> {
    using time = createQuestionTime(clock, LOOK_MS, stopping.signal);
    const state = await isGoneEverywhere(
      resolvers.map((one) => time.within(one.for(owned.projectId))),
      owned,
    );
    const now = clock.now();
    const next = afterLook(owned.proof, state, now);
    if (next === null) {
      if (state !== 'unclear') looked.set(owned.id, now);
      return;
    }
    looked.delete(owned.id);
    if (isOver(next, now)) return end(owned, next, now);
    const told = (owned.proof?.lostChecks ?? 0) >= LOST_CHECKS_TOLD;
    const event: DomainEventName | null =
      next.lostChecks === LOST_CHECKS_TOLD
        ? 'domain.dns_error'
        : next.lostChecks === 0 && told
          ? 'domain.dns_recovered'
          : null;
    const events = event === null ? null : await deps.projectEvents(owned.projectId);
    const setUp = await domainOf(owned);
    await transactor.transact(owned.projectId, (tx) => {
      tx.noteProof(owned.projectId, owned.id, next);
      if (event !== null && events !== null)
        announce(events, tx, event, contentOf(owned, next, now), setUp?.defaultTopicId ?? null);
    });
  }
  async function end(owned: Owned, proof: Proof, now: number): Promise<void> {
    const events = await deps.projectEvents(owned.projectId);
    const setUp = await domainOf(owned);
    const ended = { ...proof, ended: { at: now, reason: 'lost' as const } };
    await transactor.transact(owned.projectId, (tx) => {
      if (setUp !== null) recordRemoval(tx, setUp, 'lost', now);
      tx.releaseOwnedDomain(owned.projectId, owned.id, ended);
      announce(events, tx, 'domain.dns_error', contentOf(owned, ended, now), setUp?.defaultTopicId ?? null);
    });
    if (setUp !== null) deps.cancelQueued(setUp.projectId, setUp.id, REMOVED_CAUSES.lost);
    logger.warn(
      { domain: owned.name },
      'the ownership of a domain ended: its challenge was gone for too long',
    );
  }
  async function domainOf({ name, projectId }: Owned) {
    const found = await reader.findDomain(name);
    return found?.projectId === projectId ? found : null;
  }
  function isDue({ id, proof }: Owned, now: number): boolean {
    const last = Math.max(proof?.checkedAt ?? 0, looked.get(id) ?? 0);
    // If the check is in the future, the clock was set back.
    return last > now || now - last >= LOOK_AFTER_MS;
  }

  async function lookInRound(owned: Owned): Promise<void> {
    try {
      await look(owned);
    } catch (error) {
      if (!(error instanceof StaleError))
        logger.warn({ domain: owned.name, error: String(error) }, 'the check of an ownership was not stored');
    }
  }
  /** Ends when each domain that still waits is behind slow domains of its own project; the next round finds it again. */
  async function walk(): Promise<void> {
    let after: OwnedDomainId | null = null;
    const there = new Set<OwnedDomainId>();
    rounds.clear();
    while (!stopping.signal.aborted) {
      const page: readonly Owned[] = await reader.verifiedDomains(after, PAGE);
      for (const { id } of page) there.add(id);
      const due = page.filter((owned) => isDue(owned, clock.now()));
      rounds.add(due);
      await rounds.hasRoom();
      if (page.length < PAGE) break;
      after = page.at(-1)!.id;
    }
    if (!stopping.signal.aborted) for (const id of looked.keys()) if (!there.has(id)) looked.delete(id);
  }
  function schedule(ms: number): void {
    timer = clock.after(ms, () => {
      round = mayRun()
        .then((mine) => (mine ? walk() : rounds.clear()))
        .catch((error: unknown) =>
          logger.warn({ error: String(error) }, 'the round of ownership checks broke off'),
        )
        .then(() => {
          if (!stopping.signal.aborted) schedule(TICK_MS);
        });
    });
  }
  function stop(): void {
    stopping.abort();
    timer?.cancel();
  }
  return {
    async start(signal) {
      if (signal.aborted) return stop();
      signal.addEventListener('abort', stop, { once: true });
      schedule(FIRST_TICK_MS);
    },
    async [Symbol.asyncDispose]() {
      stop();
      await rounds.stop();
      await round;
    },
  };
}

function contentOf(owned: Owned, proof: Proof, now: number) {
  const { name, value } = challengeRecord(owned);
  const base = { domain: owned.name, checked_at: new Date(now).toISOString() };
  if (proof.lostSince === null) return { ...base, problems: [] };
  const gone = proof.ended !== null;
  const endsAt = new Date(proof.lostSince + LOST_MS).toISOString();
  return {
    ...base,
    problems: [
      {
        item: 'ownership' as const,
        status: gone ? 'lost' : 'missing',
        expected: [`${name} ${value}`],
        found: [],
      },
    ],
    ...(gone ? {} : { ends_at: endsAt }),
    ...ownershipWords(owned, proof)!,
  };
}

/** The text about a problem of an ownership; null: there is none. */
export function ownershipWords(
  owned: Pick<Owned, 'name' | 'challenge'>,
  proof: Proof | null,
): { readonly message: string; readonly message_ja: string } | null {
  if (proof === null) return null;
  const { name, value } = challengeRecord(owned);
  if (proof.ended?.reason === 'moved')
    return {
      message: `Another project verified its ownership of ${owned.name}. To get the domain back, publish the TXT record ${name} with ${value}, have the record of the other project removed, and verify again.`,
      message_ja: `${owned.name} の所有権は別のプロジェクトで確認されました。取り戻すには、TXT レコード ${name} に ${value} を登録し、別のプロジェクトのレコードを削除してから、もう一度確認してください。`,
    };
  if (proof.ended !== null)
    return {
      message: `The TXT record ${name} was gone for 14 days, so the ownership ended. Publish the record with ${value} and verify again.`,
      message_ja: `TXT レコード ${name} が 14 日間見つからなかったため、所有権の確認が失効しました。${value} を登録して、もう一度確認してください。`,
    };
  if (proof.lostSince === null || proof.lostChecks < LOST_CHECKS_TOLD) return null;
  const day = new Date(proof.lostSince + LOST_MS).toISOString().slice(0, 10);
  return {
    message: `The TXT record ${name} is gone. Put ${value} back before ${day}. Otherwise sending and receiving end on or after that day.`,
    message_ja: `TXT レコード ${name} が見つかりません。${day} より前に ${value} を登録し直してください。登録し直さないと、その日以降に送受信が停止します。`,
  };
}
