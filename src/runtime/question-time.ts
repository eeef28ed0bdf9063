/**
 * One end for many DNS questions. A question without an answer by then is 'failed', and a later question is not asked.
 * A question that is on its way goes on until its own time-out; its answer is kept for other callers.
 */
import type { Clock } from './clock.ts';
import type { DnsAnswer, Resolver } from './resolver.ts';

export interface QuestionTime extends Disposable {
  /** The answer to one question, or a failure when the time is over. */
  of<T>(ask: () => Promise<DnsAnswer<T>>): Promise<DnsAnswer<T>>;
  /** The resolver, until the time is over. */
  within(resolver: Resolver): Resolver;
  /** Aborted when the time is over. */
  readonly signal: AbortSignal;
}

/** The time ends after `ms`, or as soon as the signal is aborted. */
export function createQuestionTime(clock: Clock, ms: number, signal: AbortSignal): QuestionTime {
  const { promise: end, resolve } = Promise.withResolvers<DnsAnswer<never>>();
  const over = new AbortController();
  const finish = (cause: string) => {
    over.abort();
    resolve({ kind: 'failed', cause });
  };
  const abort = () => finish('closed');
  const timer = clock.after(ms, () => finish('timed out'));
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  const of = <T>(ask: () => Promise<DnsAnswer<T>>): Promise<DnsAnswer<T>> =>
    over.signal.aborted ? end : Promise.race([ask(), end]);
  return {
    of,
    within: (resolver) => around(resolver, of),
    signal: over.signal,
    [Symbol.dispose]() {
      timer.cancel();
      signal.removeEventListener('abort', abort);
    },
  };
}

/** The resolver with something around each of its questions. */
export function around(
  resolver: Resolver,
  wrap: <T>(ask: () => Promise<DnsAnswer<T>>) => Promise<DnsAnswer<T>>,
): Resolver {
  return {
    mx: (name) => wrap(() => resolver.mx(name)),
    a: (name) => wrap(() => resolver.a(name)),
    aaaa: (name) => wrap(() => resolver.aaaa(name)),
    txt: (name) => wrap(() => resolver.txt(name)),
    ptr: (address) => wrap(() => resolver.ptr(address)),
    cname: (name) => wrap(() => resolver.cname(name)),
    srv: (name) => wrap(() => resolver.srv(name)),
  };
}
