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
