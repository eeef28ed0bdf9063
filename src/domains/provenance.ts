/** How old the answers of a check are, and whether they come from the servers of the zones themselves. */
import { around } from '../runtime/question-time.ts';
import type { DnsAnswer, Provenance, Resolver } from '../runtime/resolver.ts';

export interface Watched {
  readonly resolver: Resolver;
  /** Of all clear answers so far: the time of the oldest, and whether all are authoritative. `now`: without answers. */
  provenance(now: number): Required<Provenance>;
}
export function watched(resolver: Resolver): Watched {
  let oldest = Number.POSITIVE_INFINITY;
  let authoritative = true;
  const note = async <T>(ask: () => Promise<DnsAnswer<T>>): Promise<DnsAnswer<T>> => {
    const answer = await ask();
    if (answer.kind === 'failed') return answer;
    oldest = Math.min(oldest, answer.observedAt ?? Number.POSITIVE_INFINITY);
    authoritative &&= answer.authoritative === true;
    return answer;
  };
  return {
    resolver: around(resolver, note),
    provenance: (now) => ({
      observedAt: Number.isFinite(oldest) ? Math.min(oldest, now) : now,
      authoritative,
    }),
  };
}
