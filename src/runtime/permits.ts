/** Connections to a site that are not one process's alone: a permit per open connection. */
export interface ConnectionPermits {
  /**
   * Waits for a permit; false where none was to be had in reasonable time (the mail is put off), or where `enough`
   * said first that none is wanted any more.
   */
  acquire(site: string, enough?: AbortSignal): Promise<boolean>;
  /** The connection is closed, and so is the peer's side of it. */
  release(site: string): void;
  /** False while someone else waits for a permit of the site: a connection that has done its work is ended. */
  mayKeep(site: string): boolean;
}
