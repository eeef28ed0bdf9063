/**
 * Agents of the HTTP client. Connections are kept per share, so shares never share a connection or wait for
 * each other's. Invariant: the address is checked when it is connected to. A bounded number of shares without
 * running requests is kept.
 */
import { isIP, type LookupFunction } from 'node:net';
import { Agent } from 'undici';
import type { FindHost, HostNames } from './host-names.ts';

/** Whether an address may be connected to. */
export type Judge = (address: string) => boolean;

/** To one origin. Who sends has fewer requests under way: none waits behind another that hangs. */
const MOST_CONNECTIONS = 256;
/** ms for which a connection without a request is kept open. */
const KEPT_MS = 2_000;

/** `most`: the most octets of an answer; a longer answer is an error. */
export function agentFor(allowed: Judge, find: FindHost, most?: number): Agent {
  const guarded: LookupFunction = (hostname, options, callback) => {
    const answer = (addresses: readonly string[]) => {
      // A private address among public ones is an attack or a mistake: fail closed.
      if (!addresses.every(allowed))
        return callback(Object.assign(new Error('address not allowed'), { code: 'EBLOCKED' }), '', 0);
      const found = addresses.map((address) => ({ address, family: isIP(address) }));
      // The caller connects to these and does not look the name up again.
      if (options.all) return callback(null, found);
      callback(null, found[0]!.address, found[0]!.family);
    };
    find(hostname).then(answer, (error: NodeJS.ErrnoException) => callback(error, '', 0));
  };
  return new Agent({
    connect: { lookup: guarded, timeout: 10_000 },
    connections: MOST_CONNECTIONS,
    pipelining: 1,
    keepAliveTimeout: KEPT_MS,
    // Without this, the peer decides how long it holds our descriptors.
    keepAliveMaxTimeout: KEPT_MS,
    maxHeaderSize: 16 * 1024,
    ...(most === undefined ? {} : { maxResponseSize: most }),
  });
}

/** The most shares without running requests whose connections are kept. */
const IDLE = 64;

export interface Agents extends AsyncDisposable {
  /** The share's agent, until it is disposed. */
  lend(share: string): { readonly agent: Agent } & Disposable;
}
export function createAgents(allowed: Judge, names: HostNames): Agents {
  const lent = new Map<string, { readonly agent: Agent; users: number }>();
  /** The share that has been idle longest comes first. */
  const idle = new Map<string, Agent>();
  return {
    lend(share) {
      const mine = lent.get(share) ?? {
        agent: idle.get(share) ?? agentFor(allowed, names.for(share)),
        users: 0,
      };
      mine.users += 1;
      lent.set(share, mine);
      idle.delete(share);
      return {
        agent: mine.agent,
        [Symbol.dispose]() {
          mine.users -= 1;
          if (mine.users > 0) return;
          lent.delete(share);
          idle.set(share, mine.agent);
          const [oldest] = idle;
          if (idle.size <= IDLE || oldest === undefined) return;
          idle.delete(oldest[0]);
          void oldest[1].destroy();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      const agents = [...idle.values(), ...[...lent.values()].map(({ agent }) => agent)];
      await Promise.all(agents.map((agent) => agent.destroy()));
    },
  };
}
