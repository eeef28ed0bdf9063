/** Closed projects: how long their data remains, and why their queue is held. */
export const CLOSED_MS = 30 * 24 * 3_600_000;
export const CLOSED_REASON = 'the project is closed';
