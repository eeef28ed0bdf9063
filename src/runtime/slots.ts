/**
 * Which connections a listener keeps. Each network may have a part of the places. If all places are taken,
 * the idlest connection of the network that uses most of its part must go, so a peer without a connection
 * always gets in. Invariants: the cost of a newcomer does not grow with the number of connections; no
 * connection is dropped in favour of a network that has as many; a connection whose message is being
 * committed is never dropped.
 */
import { type PerWidth, type Prefix, type Prefixes, WIDTHS, type Width } from './prefixes.ts';

export interface Guest {
  /** ms since its last activity; null if it may not be dropped now. */
  idle(): number | null;
  /** Drops the connection for another one. Its place is already given away. */
  drop(): void;
}
export type Entered =
  | { readonly kind: 'in'; leave(): void }
  /**
   * `network`: the network whose part is full. null: all places are taken, and nobody has more than the
   * newcomer.
   */
  | { readonly kind: 'full'; readonly network: Prefix | null };
export interface Slots {
  /** `prefixes` null: it counts only toward the total and is never dropped. */
  enter(prefixes: Prefixes | null, guest: Guest): Entered;
  readonly taken: number;
  /** More than 70 % are taken: slow connections must not keep others waiting. */
  readonly pressed: boolean;
}
const PRESSED = 0.7;
/** If several networks use equally much of their part, this many are searched for the idlest connection. */
const LOOKED_AT = 64;

interface Seat {
  readonly guest: Guest;
  readonly host: string;
  readonly groups: readonly Group[];
}
interface Group {
  readonly prefix: Prefix;
  readonly seats: Set<Seat>;
}

export function createSlots({ most, parts }: { most: number; parts: PerWidth }): Slots {
  const groups = new Map<string, Group>();
  /** For each width, the groups by their number of seats; `top` is at or above the highest number. */
  const ranks = Object.fromEntries(
    WIDTHS.map((width) => [width, { top: 0, byCount: new Map<number, Set<Group>>() }]),
  ) as Record<Width, { top: number; byCount: Map<number, Set<Group>> }>;
  let taken = 0;

  function moveRank(group: Group, from: number, to: number): void {
    const rank = ranks[group.prefix.width];
    const before = rank.byCount.get(from);
    before?.delete(group);
    if (before?.size === 0) rank.byCount.delete(from);
    if (to === 0) return;
    const after = rank.byCount.get(to) ?? new Set();
    rank.byCount.set(to, after.add(group));
    rank.top = Math.max(rank.top, to);
  }
  function sit(seat: Seat): void {
    for (const group of seat.groups) {
      groups.set(group.prefix.text, group);
      group.seats.add(seat);
      moveRank(group, group.seats.size - 1, group.seats.size);
    }
    taken += 1;
  }
  /** Frees the seat; further calls do nothing. */
  function stand(seat: Seat): boolean {
    if (!seat.groups[0]!.seats.delete(seat)) return false;
    for (const group of seat.groups) {
      group.seats.delete(seat);
      moveRank(group, group.seats.size + 1, group.seats.size);
      if (group.seats.size === 0) groups.delete(group.prefix.text);
    }
    taken -= 1;
    return true;
  }
  /** The groups of one width that use most of their part. */
  function greediest(): Iterable<Group> {
    let share = 0;
    let found: Iterable<Group> = [];
    for (const width of WIDTHS) {
      const rank = ranks[width];
      while (rank.top > 0 && !rank.byCount.has(rank.top)) rank.top -= 1;
      if (rank.top === 0 || rank.top / parts[width] <= share) continue;
      share = rank.top / parts[width];
      found = rank.byCount.get(rank.top)!;
    }
    return found;
  }
  const seatsOf = (host: string) => groups.get(host)?.seats.size ?? 0;
  /**
   * Of the addresses with most seats in these groups, the idlest connection that may be dropped in favour of
   * one from `host`.
   */
  function toDrop(among: Iterable<Group>, host: string): Seat | null {
    const own = seatsOf(host);
    let chosen: { seat: Seat; many: number; idle: number } | null = null;
    let looked = 0;
    for (const { seats } of among) {
      if (++looked > LOOKED_AT) break;
      for (const seat of seats) {
        const many = seatsOf(seat.host);
        if (seat.host === host || (own > 0 && many <= own + 1)) continue;
        if (chosen !== null && many < chosen.many) continue;
        const idle = seat.guest.idle();
        if (idle === null || (chosen !== null && many === chosen.many && idle <= chosen.idle)) continue;
        chosen = { seat, many, idle };
      }
    }
    return chosen?.seat ?? null;
  }
  /** False if no connection could be dropped. */
  function makeRoom(among: Iterable<Group>, host: string): boolean {
    const seat = toDrop(among, host);
    if (seat === null) return false;
    stand(seat);
    seat.guest.drop();
    return true;
  }

  return {
    get taken() {
      return taken;
    },
    get pressed() {
      return taken > most * PRESSED;
    },
    enter(prefixes, guest) {
      if (prefixes === null) {
        taken += 1;
        let sits = true;
        return {
          kind: 'in',
          leave() {
            if (sits) taken -= 1;
            sits = false;
          },
        };
      }
      const host = prefixes[0].text;
      if (seatsOf(host) >= parts[prefixes[0].width]) return { kind: 'full', network: prefixes[0] };
      for (const prefix of prefixes.slice(1)) {
        const group = groups.get(prefix.text);
        if (group === undefined || group.seats.size < parts[prefix.width]) continue;
        if (!makeRoom([group], host)) return { kind: 'full', network: prefix };
      }
      if (taken >= most && !makeRoom(greediest(), host)) return { kind: 'full', network: null };
      const seat: Seat = {
        guest,
        host,
        groups: prefixes.map((prefix) => groups.get(prefix.text) ?? { prefix, seats: new Set<Seat>() }),
      };
      sit(seat);
      return { kind: 'in', leave: () => void stand(seat) };
    },
  };
}
