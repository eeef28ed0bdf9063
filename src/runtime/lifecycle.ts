/** Everything that runs is a Service: started once with a signal, disposed once, and quiet afterwards. */
export interface Service extends AsyncDisposable {
  /** Resolves when serving. The signal asks it to stop taking new work; disposing waits for what is under way. */
  start(signal: AbortSignal): Promise<void>;
}
