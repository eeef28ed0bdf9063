/**
 * Connections per site: reused while warm, capped, closed when idle, used up or broken.
 * Invariants: a site never has more than its cap of connections, idle ones included; a connection serves one
 * transaction at a time and is reused only for the very same target; disposing closes every socket.
 * A kept connection that turns out to be dead before it answered anything, or over which the server takes no more mail,
 * costs nothing: a fresh one is tried. A host that lacks what a mail needs binds it to nothing: the other hosts are asked,
 * and the mail bounces only where they all lack it (lacking.ts).
 */
import { createSecureContext, rootCertificates } from 'node:tls';
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Network } from '../../runtime/network.ts';
import type { ConnectionPermits } from '../../runtime/permits.ts';
import { type ClientConnection, openConnection } from './connection.ts';
import { lackOf, type OutgoingTransaction } from './dialogue.ts';
import { createFailures } from './failures.ts';
import { createLacking, type Lacking, refusedOnce, type Unknown } from './lacking.ts';
import { createLeasing, type Leasing } from './leasing.ts';
import {
  type Candidate,
  type ConnectionDeps,
  type Remote,
  RFC_TIMEOUTS,
  type Timeouts,
  type TlsFacts,
} from './peer.ts';
import { createUseLimits } from './use-limits.ts';
import { APART, STOPPED, type Verdict } from './verdicts.ts';

export interface Target {
  /** Connections are shared by those with the same key: the same servers, TLS demands and credentials. */
  readonly key: string;
  /** What the cap counts: the provider behind the servers. */
  readonly site: string;
  /** In the order to be tried. */
  readonly candidates: readonly Candidate[];
  /** Hosts that mail may go to as well, and that cannot be asked now. */
  readonly unknown?: readonly Unknown[];
}
export interface Report {
  /** One per recipient, in order. */
  readonly verdicts: readonly Verdict[];
  /** The server that answered, or the last one tried. */
  readonly remote: Remote | null;
  readonly tls: TlsFacts | null;
  /** A server was reached and opened a session. */
  readonly reached: boolean;
  /** Servers were reached and lack what the mail needs, and no other gave a verdict: that says nothing of the site. */
  readonly lacks?: true;
}
export interface Pool extends AsyncDisposable {
  /** Never rejects for what peers do. Waits for a place under the site's cap. */
  deliver(target: Target, mail: OutgoingTransaction): Promise<Report>;
  /** Open connections, idle ones included. */
  readonly size: number;
  /** Ends every connection at once: what was under way is broken off. New ones may be opened afterwards. */
  breakOff(): void;
}
export interface PoolOptions {
  readonly network: Network;
  readonly clock: Clock;
  /** Our name in EHLO. */
  readonly hostname: string;
  readonly timeouts?: Partial<Timeouts>;
  /** Connections per site; 20 each. */
  readonly perSite?: (site: string) => number;
  /** Where connections to a site are shared with other nodes. */
  readonly permits?: ConnectionPermits | null;
  /** ms a connection is kept without work; 10,000. */
  readonly idleMs?: number;
  /** Transactions per connection; 100. */
  readonly maxUses?: number;
  /** Servers tried for one transaction, however long it takes; 5. More are tried as long as they fail at once. */
  readonly maxTries?: number;
  /** PEM certificates to trust beside the well-known ones (tests, private relays). */
  readonly extraCa?: readonly string[];
}
/** Servers tried for one transaction at all; and the time in which more than `maxTries` are. */
const MOST_TRIES = 40;
const QUICK_MS = 5000;
/** The same where fewer than `maxTries` fail, and the others answer and lack what the mail needs. */
const PATIENT_MS = 60_000;
interface Idle {
  readonly key: string;
  readonly connection: ClientConnection;
  readonly timer: Timer;
}
interface Site {
  readonly name: string;
  readonly cap: number;
  active: number;
  readonly idle: Idle[];
  readonly waiters: (() => void)[];
  /** Who waits for a permit, and would rather have a connection that becomes free. */
  readonly hungry: Hungry[];
}
interface Hungry {
  readonly key: string;
  readonly give: (connection: ClientConnection) => void;
}

export function createPool(options: PoolOptions): Pool {
  const { network, clock, hostname } = options;
  const { permits = null, perSite = () => 20, idleMs = 10_000, maxUses = 100, maxTries = 5 } = options;
  const sites = new Map<string, Site>();
  const stop = new AbortController();
  const open = new Set<ClientConnection>();
  const failures = createFailures(clock);
  const limits = createUseLimits(clock, maxUses);
  const ca = options.extraCa === undefined ? undefined : [...rootCertificates, ...options.extraCa];
  const deps: ConnectionDeps = {
    network,
    clock,
    hostname,
    timeouts: { ...RFC_TIMEOUTS, ...options.timeouts },
    contexts: {
      // An old peer's TLS beats clear text where nothing was promised (RFC 7435).
      opportunistic: createSecureContext({ minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0', ca }),
      required: createSecureContext({ minVersion: 'TLSv1.2', ca }),
    },
    signal: stop.signal,
  };

  function siteOf(name: string): Site {
    let site = sites.get(name);
    if (site === undefined) {
      site = { name, cap: perSite(name), active: 0, idle: [], waiters: [], hungry: [] };
      sites.set(name, site);
    }
    return site;
  }
  function forget(site: Site, idle: Idle): void {
    idle.timer.cancel();
    const at = site.idle.indexOf(idle);
    if (at !== -1) site.idle.splice(at, 1);
  }
  function retire(connection: ClientConnection): void {
    open.delete(connection);
    if (stop.signal.aborted) connection.destroy();
    else connection.quit();
  }
  /**
   * A warm connection for the key, to a host that is not known to lack what the mail needs: the latest used first, but
   * those that offer it before those for which it would be converted. Dead ones are thrown away on the way.
   */
  function takeIdle(
    site: Site,
    key: string,
    mail: OutgoingTransaction,
    lacking: Lacking,
  ): ClientConnection | null {
    let found: Idle | null = null;
    for (let i = site.idle.length - 1; i >= 0; i--) {
      const idle = site.idle[i]!;
      if (idle.key !== key || lacking.has(idle.connection.remote)) continue;
      if (!idle.connection.usable()) {
        forget(site, idle);
        open.delete(idle.connection);
        idle.connection.destroy();
        continue;
      }
      const offers = lackOf(mail, idle.connection.capabilities) === null;
      if (offers || found === null) found = idle;
      if (offers) break;
    }
    if (found !== null) forget(site, found);
    return found?.connection ?? null;
  }
  /** Idle connections to other servers of the site make room for a new one. */
  function makeRoom(site: Site): void {
    while (site.idle.length > 0 && (permits !== null || site.active + site.idle.length > site.cap)) {
      const oldest = site.idle[0]!;
      forget(site, oldest);
      retire(oldest.connection);
    }
  }
  function giveBack(site: Site, key: string, connection: ClientConnection): void {
    if (!connection.usable()) {
      open.delete(connection);
      connection.destroy();
      return;
    }
    if (connection.uses() >= limits.of(key) || stop.signal.aborted || permits?.mayKeep(site.name) === false) {
      retire(connection);
      return;
    }
    const next = site.hungry.findIndex((one) => one.key === key);
    if (next !== -1) {
      site.hungry.splice(next, 1)[0]!.give(connection);
      return;
    }
    const idle: Idle = {
      key,
      connection,
      timer: clock.after(idleMs, () => {
        forget(site, idle);
        retire(connection);
        sweep(site);
      }),
    };
    site.idle.push(idle);
  }
  /** Sites without anything are forgotten: the map stays as small as what is open. */
  function sweep(site: Site): void {
    if (site.active > 0 || site.idle.length > 0 || site.waiters.length > 0) return;
    for (const [name, candidate] of sites) if (candidate === site) sites.delete(name);
  }

  async function attempt(site: Site, target: Target, mail: OutgoingTransaction): Promise<Report> {
    const lacking = createLacking();
    let warm = takeIdle(site, target.key, mail, lacking);
    /** Transactions over the connection that was refused another one. */
    let spentAfter: number | null = null;
    for (;;) {
      if (warm !== null) {
        const result = await warm.send(mail);
        if (result.spent) retire(warm);
        else giveBack(site, target.key, warm);
        if (result.lacks) lacking.add({ remote: warm.remote, tls: warm.tls, verdicts: result.verdicts });
        else if (!result.untouched)
          return { verdicts: result.verdicts, remote: warm.remote, tls: warm.tls, reached: true };
        if (result.spent) spentAfter = warm.uses() - 1;
        // Other warm connections were used, too.
        warm = spentAfter === null ? takeIdle(site, target.key, mail, lacking) : null;
        continue;
      }
      if (target.candidates.every(lacking.has)) return lacked(lacking, target)!;
      makeRoom(site);
      if (permits === null) return tryCandidates(site, target, mail, deps, spentAfter, lacking);
      const leasing = createLeasing(permits, site.name, network, clock);
      // What becomes free may be a connection to a host that lacks it, again and again.
      const asks = spentAfter !== null || lacking.size > 0;
      const got = asks ? await leasing.ready() : await warmOrPermit(site, target.key, leasing);
      if (got === false)
        return (
          lacked(lacking, target) ?? nothingTried(mail, 'other nodes use all connections allowed to the site')
        );
      if (got !== true) {
        warm = got;
        continue;
      }
      try {
        const dialling = { ...deps, network: leasing.network };
        return await tryCandidates(site, target, mail, dialling, spentAfter, lacking);
      } finally {
        leasing.end();
      }
    }
  }
  /** What comes first: a connection of ours that becomes free, or a permit for a new one; false: neither in time. */
  async function warmOrPermit(
    site: Site,
    key: string,
    leasing: Leasing,
  ): Promise<ClientConnection | boolean> {
    const { promise, resolve } = Promise.withResolvers<ClientConnection>();
    const hungry: Hungry = { key, give: resolve };
    site.hungry.push(hungry);
    const enough = new AbortController();
    const permitted = leasing.ready(enough.signal);
    const got = await Promise.race([promise, permitted]);
    const at = site.hungry.indexOf(hungry);
    if (at !== -1) {
      site.hungry.splice(at, 1);
      return got;
    }
    // It was given a connection, perhaps in the very moment of the permit, which goes back then.
    enough.abort();
    void permitted.then(() => leasing.end());
    return promise;
  }
  async function tryCandidates(
    site: Site,
    target: Target,
    mail: OutgoingTransaction,
    dialling: ConnectionDeps,
    spentAfter: number | null,
    lacking: Lacking,
  ): Promise<Report> {
    let last: Report | null = null;
    const begun = clock.monotonic();
    let tries = 0;
    let failed = 0;
    for (const candidate of lacking.rest(failures.inTurn(target.candidates, maxTries))) {
      if (stop.signal.aborted || tries >= MOST_TRIES) break;
      const limit = failed >= maxTries ? QUICK_MS : PATIENT_MS;
      if (tries >= maxTries && clock.monotonic() - begun > limit) break;
      if (lacking.size > 0) makeRoom(site);
      tries += 1;
      const result = await openConnection(candidate, dialling);
      const { host, address, port } = candidate;
      failures.learn(candidate, result.kind === 'open');
      if (result.kind === 'failed') {
        const verdict: Verdict = stop.signal.aborted
          ? { kind: 'deferred', reply: null, cause: STOPPED, ambiguous: false, stopped: true }
          : { kind: 'deferred', reply: result.reply, cause: result.cause, ambiguous: false };
        last = {
          verdicts: mail.recipients.map(() => verdict),
          remote: { host, address, port },
          tls: null,
          reached: false,
        };
        failed += 1;
        lacking.failed(candidate, result.cause, result.reply);
        continue;
      }
      const { connection } = result;
      open.add(connection);
      const sent = await connection.send(mail);
      // The server takes such mail, only not over a connection that was used so often.
      if (spentAfter !== null && sent.verdicts.some(({ kind }) => kind === 'delivered'))
        limits.learn(target.key, spentAfter);
      giveBack(site, target.key, connection);
      const { remote, tls } = connection;
      if (sent.lacks) {
        lacking.add({ remote, tls, verdicts: sent.verdicts });
        continue;
      }
      last = { verdicts: sent.verdicts, remote, tls, reached: true };
      if (!sent.untouched) return last;
      failed += 1;
      for (const verdict of sent.verdicts)
        if (verdict.kind === 'deferred' && verdict.cause !== APART)
          lacking.failed(candidate, verdict.cause, verdict.reply);
    }
    if (stop.signal.aborted) return last ?? nothingTried(mail, STOPPED, true);
    return lacked(lacking, target) ?? last ?? nothingTried(mail, STOPPED);
  }
  /** The mail where no server gave a verdict of its own; null: none lacks what it needs. */
  function lacked(lacking: Lacking, { candidates, unknown = [] }: Target): Report | null {
    const sum = lacking.sum(candidates, unknown);
    return sum === null ? null : { ...sum, reached: true, lacks: true };
  }

  return {
    async deliver(target, mail) {
      const site = siteOf(target.site);
      // The place is handed over by the one that leaves, so that no newcomer slips in between.
      if (site.active >= site.cap) await new Promise<void>((resolve) => site.waiters.push(resolve));
      else site.active += 1;
      try {
        return await attempt(site, target, refusedOnce(mail));
      } finally {
        const next = site.waiters.shift();
        if (next === undefined) {
          site.active -= 1;
          sweep(site);
        } else next();
      }
    },
    get size() {
      return open.size;
    },
    breakOff() {
      for (const site of sites.values()) for (const idle of [...site.idle]) forget(site, idle);
      for (const connection of open) connection.destroy();
      open.clear();
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      for (const site of sites.values()) for (const idle of [...site.idle]) forget(site, idle);
      for (const connection of open) connection.stop();
      open.clear();
      sites.clear();
    },
  };
}

function nothingTried(mail: OutgoingTransaction, cause: string, stopped = false): Report {
  const verdict: Verdict = {
    kind: 'deferred',
    reply: null,
    cause,
    ambiguous: false,
    ...(stopped ? { stopped: true } : {}),
  };
  return { verdicts: mail.recipients.map(() => verdict), remote: null, tls: null, reached: false };
}
