/**
 * Dialling under permits that are shared with other nodes: each open socket holds one until it is closed and the peer
 * has closed its side, too; where the peer's end cannot be seen, until a moment later.
 */
import type { Clock } from '../../runtime/clock.ts';
import type { Network } from '../../runtime/network.ts';
import type { ConnectionPermits } from '../../runtime/permits.ts';

const GRACE_MS = 1000;

export interface Leasing {
  /** Dials with the permit at hand, or waits for one. */
  readonly network: Network;
  /** Waits for a permit for the next dialling; false: none is to be had now, or none is wanted any more. */
  ready(enough?: AbortSignal): Promise<boolean>;
  /** Gives back a permit that was not used. */
  end(): void;
}

export function createLeasing(
  permits: ConnectionPermits,
  site: string,
  network: Network,
  clock: Clock,
): Leasing {
  let spare = false;
  async function ready(enough?: AbortSignal): Promise<boolean> {
    spare ||= await permits.acquire(site, enough);
    return spare;
  }
  return {
    ready,
    end() {
      if (spare) permits.release(site);
      spare = false;
    },
    network: {
      ...network,
      async dial(options) {
        if (!(await ready())) throw new Error('no connection to this site is allowed now');
        const socket = await network.dial(options); // where it rejects, the permit stays at hand
        spare = false;
        let peerEnded = false;
        socket.once('end', () => {
          peerEnded = true;
        });
        socket.once('close', () => {
          if (peerEnded) permits.release(site);
          else clock.after(GRACE_MS, () => permits.release(site));
        });
        return socket;
      },
    },
  };
}
