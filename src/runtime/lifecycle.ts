/**
 * Everything that runs is a Service: it is started once with a signal and disposed once, and does nothing
 * afterwards.
 */
export interface Service extends AsyncDisposable {
  /**
   * Resolves when the service is serving. The signal tells it to accept no new work; disposing waits for
   * running work.
   */
  start(signal: AbortSignal): Promise<void>;
}

/**
 * Settles as the work does, but rejects with the signal's reason as soon as the signal aborts. Then the work is left to
 * itself: the caller disposes of what it runs on. A result that must be disposed of does not belong here.
 */
export async function unlessStopped<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work(), stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
