/** Connections to a site that several processes share: one permit per open connection. */
export interface ConnectionPermits {
  /**
   * Waits for a permit. false if none was free in reasonable time (the mail is deferred), or if `enough`
   * aborted first, because no permit is needed any more.
   */
  acquire(site: string, enough?: AbortSignal): Promise<boolean>;
  /** The connection is closed on both sides. */
  release(site: string): void;
  /**
   * False while another node waits for a permit of the site: then close a connection that has done its work.
   */
  mayKeep(site: string): boolean;
}
