/**
 * Connections to a site that all members share: one permit per open connection. Permits are leased from the
 * store in small blocks and given back when the peer has closed its side. Invariant: the permits of living
 * members never exceed the site's cap in total. A member without permits asks for one (`wanting`), and a
 * member that has had its turn gives one up. The member that takes over a dead member frees the dead member's
 * permits.
 */
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Service } from '../../runtime/lifecycle.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { ConnectionPermits } from '../../runtime/permits.ts';
import type { LazyConnection } from './lazy-connection.ts';

const LOOK_MS = 500;
/** Permits without a connection are given back after this time. */
const SPARE_MS = 3000;
/** A waiting connection is told to try again after this time. */
const PATIENCE_MS = 30_000;
const BLOCK = 4;

interface Site {
  readonly name: string;
  granted: number;
  used: number;
  readonly waiters: { readonly give: (granted: boolean) => void; readonly since: number }[];
  asking: boolean;
  /** Other members want a permit: the next connections that can be closed are closed. */
  wanted: boolean;
  spareSince: number;
}

export function createPermits(deps: {
  readonly line: LazyConnection;
  readonly member: string;
  readonly cap: (site: string) => number;
  readonly clock: Clock;
  readonly logger: Logger;
}): ConnectionPermits & Service {
  const { line, member, cap, clock, logger } = deps;
  const sites = new Map<string, Site>();
  let timer: Timer | null = null;
  let stopped = false;
  let looking: Promise<void> | null = null;

  function siteOf(name: string): Site {
    let site = sites.get(name);
    if (site === undefined) {
      site = {
        name,
        granted: 0,
        used: 0,
        waiters: [],
        asking: false,
        wanted: false,
        spareSince: clock.monotonic(),
      };
      sites.set(name, site);
    }
    return site;
  }
  function isIdle({ granted, used, waiters, asking }: Site): boolean {
    return granted === 0 && used === 0 && waiters.length === 0 && !asking;
  }
  function hand(site: Site): void {
    while (site.used < site.granted) {
      const waiter = site.waiters.shift();
      if (waiter === undefined) break;
      site.used += 1;
      waiter.give(true);
    }
    if (site.waiters.length > 0) void ask(site);
  }
  /** Takes free permits of the site: as many as are waited for, and a few more. */
  async function ask(site: Site): Promise<void> {
    if (site.asking || stopped) return;
    site.asking = true;
    try {
      const most = cap(site.name);
      const wish = Math.min(
        most - site.granted,
        Math.max(site.waiters.length, Math.min(BLOCK, Math.floor(most / 4))),
      );
      if (wish <= 0) return;
      const [row] = await line.query<{ got: number }>('SELECT hikyaku_permits($1, $2, $3, $4) AS got', [
        site.name,
        member,
        most,
        wish,
      ]);
      site.granted += row?.got ?? 0;
      site.spareSince = clock.monotonic();
      if ((row?.got ?? 0) > 0) hand(site);
    } catch (error) {
      logger.warn({ err: error, site: site.name }, 'no permits: the store does not answer');
    } finally {
      site.asking = false;
    }
  }
  async function giveBack(site: Site, count: number): Promise<void> {
    site.granted -= count;
    try {
      await line.query('SELECT hikyaku_permits($1, $2, 0, $3)', [site.name, member, -count]);
    } catch (error) {
      site.granted += count;
      throw error;
    }
  }
  async function look(): Promise<void> {
    const now = clock.monotonic();
    for (const site of sites.values()) {
      while (site.waiters.length > 0 && now - site.waiters[0]!.since > PATIENCE_MS)
        site.waiters.shift()!.give(false);
      if (site.waiters.length > 0) await ask(site);
    }
    const mine = [...sites.values()].filter((site) => site.granted > 0).map((site) => site.name);
    const wanted = new Set(
      mine.length === 0
        ? []
        : (
            await line.query<{ site: string }>(
              'SELECT DISTINCT site FROM site_permit WHERE site = ANY($1) AND holder <> $2 AND wanting > 0',
              [mine, member],
            )
          ).map((row) => row.site),
    );
    for (const site of [...sites.values()]) {
      site.wanted = wanted.has(site.name);
      const spare = site.granted - site.used;
      if (spare > 0 && site.waiters.length === 0 && (site.wanted || now - site.spareSince > SPARE_MS))
        await giveBack(site, spare);
      if (isIdle(site)) {
        await giveBack(site, 0); // nor does it want any more
        // A caller may have come in the meantime: permits granted to a forgotten site would be lost to all
        // members.
        if (isIdle(site)) sites.delete(site.name);
      }
    }
  }
  function loop(): void {
    if (stopped) return;
    looking = look()
      .catch((error: unknown) => {
        if (!stopped) logger.warn({ err: error }, 'managing permits failed');
      })
      .finally(() => {
        looking = null;
        if (!stopped) timer = clock.after(LOOK_MS, loop);
      });
  }

  return {
    acquire(name, enough) {
      const site = siteOf(name);
      if (site.used < site.granted && site.waiters.length === 0) {
        site.used += 1;
        return Promise.resolve(true);
      }
      return new Promise((resolve) => {
        const waiter = { give: resolve, since: clock.monotonic() };
        site.waiters.push(waiter);
        enough?.addEventListener('abort', () => {
          const at = site.waiters.indexOf(waiter);
          if (at === -1) return;
          site.waiters.splice(at, 1);
          resolve(false);
        });
        void ask(site);
      });
    },
    mayKeep: (name) => sites.get(name)?.wanted !== true,
    release(name) {
      const site = siteOf(name);
      site.used -= 1;
      site.spareSince = clock.monotonic();
      if (!site.wanted) return hand(site);
      // A member without any permits goes first.
      void giveBack(site, 1)
        .catch(() => {})
        .finally(() => hand(site));
    },
    async start() {
      loop();
    },
    async [Symbol.asyncDispose]() {
      if (stopped) return;
      stopped = true;
      timer?.cancel();
      for (const site of sites.values()) for (const { give } of site.waiters.splice(0)) give(false);
      await line.farewell([['DELETE FROM site_permit WHERE holder = $1', [member]]]);
      await looking;
    },
  };
}
