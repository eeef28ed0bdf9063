/**
 * One budget of octets for message bodies in memory. The whole size is granted at once, at DATA with SIZE= or when a
 * body passes 256 KiB, so that bodies that grow bit by bit cannot all stop unfinished; a part is kept for small mail.
 * It is shared by project, or by network where nobody has signed in: who finds no room takes that of the slowest
 * mail of whoever would still have more; who has nothing also that of mail that would take over a minute, anybody that
 * of mail that cannot come in time. Invariants: nobody is dropped in vain, nor for its own address or project while it can
 * come, nor once its message is whole; what is taken is given back once.
 */
import type { Clock } from '../../runtime/clock.ts';

export interface ByteBudget {
  /** Whether `take` would grant so much now. */
  fits(octets: number, shares: readonly string[]): boolean;
  /** A grant of `octets`, or null where they do not fit now. Others may be dropped for it. */
  take(octets: number, holder: Holder): Grant | null;
  readonly used: number;
}
/** Who wants room for a message. */
export interface Holder {
  /** The project, or the networks, the narrowest first. */
  readonly shares: readonly string[];
  /** Octets that have come; null: the message is whole, and may not be dropped. */
  received(): number | null;
  /** It is to go for another, and releases its grant at once. */
  drop(): void;
}
export interface Grant {
  readonly octets: number;
  /** Gives back; more than once is harmless. */
  release(): void;
}
export const SMALL = 256 * 1024;

/** ms for a message to show how fast it comes, those it may take in all while others find no room, and those of DATA. */
const GRACE_MS = 10_000;
const LATE_MS = 60_000;
const TOO_LATE_MS = 600_000;

interface Held {
  readonly octets: number;
  readonly since: number;
  readonly holder: Holder;
}

export function createByteBudget(
  clock: Clock,
  released: (octets: number) => void = () => {},
  total = 64 * 1024 * 1024,
  reservedForSmall = 32 * 1024 * 1024,
): ByteBudget {
  const all = new Set<Held>();
  const byShare = new Map<string, number>();
  let used = 0;

  const room = (octets: number) => used + octets <= (octets <= SMALL ? total : total - reservedForSmall);
  function add(held: Held): void {
    all.add(held);
    count(held, held.octets);
  }
  function remove(held: Held): void {
    if (all.delete(held)) count(held, -held.octets);
  }
  function count(held: Held, octets: number): void {
    used += octets;
    for (const share of held.holder.shares) {
      const now = (byShare.get(share) ?? 0) + octets;
      if (now === 0) byShare.delete(share);
      else byShare.set(share, now);
    }
  }
  /** The most that one of these shares has which is not among the others. */
  function most(shares: readonly string[], others: readonly string[]): number {
    return Math.max(0, ...shares.map((one) => (others.includes(one) ? 0 : (byShare.get(one) ?? 0))));
  }
  /** The slowest of the greediest that may be dropped for so many octets of these shares. */
  function toDrop(octets: number, shares: readonly string[]): Held | null {
    const now = clock.monotonic();
    let chosen: { held: Held; share: number; pace: number } | null = null;
    for (const held of all) {
      const received = held.holder.received();
      if (received === null) continue;
      const age = now - held.since;
      const pace = received / Math.max(1, age);
      const share = most(held.holder.shares, shares);
      const own = most(shares, held.holder.shares);
      const takes = age > GRACE_MS ? held.octets / pace : 0;
      const another = held.holder.shares[0] !== shares[0];
      const makesRoom = share > own + octets || (own === 0 && takes > LATE_MS);
      if (!(another && makesRoom) && takes <= TOO_LATE_MS) continue;
      if (chosen !== null && (share < chosen.share || (share === chosen.share && pace >= chosen.pace)))
        continue;
      chosen = { held, share, pace };
    }
    return chosen?.held ?? null;
  }
  /** Who has to go for so many octets; null: even so they would not fit. */
  function whoGoes(octets: number, shares: readonly string[]): Held[] | null {
    const going: Held[] = [];
    while (!room(octets)) {
      const next = toDrop(octets, shares);
      if (next === null) break;
      remove(next);
      going.push(next);
    }
    const enough = room(octets);
    for (const held of going) add(held);
    return enough ? going : null;
  }

  return {
    get used() {
      return used;
    },
    fits: (octets, shares) => whoGoes(octets, shares) !== null,
    take(octets, holder) {
      const going = whoGoes(octets, holder.shares);
      if (going === null) return null;
      for (const { holder: other } of going) other.drop();
      const held: Held = { octets, since: clock.monotonic(), holder };
      add(held);
      return {
        octets,
        release() {
          if (!all.has(held)) return;
          remove(held);
          released(octets);
        },
      };
    },
  };
}
