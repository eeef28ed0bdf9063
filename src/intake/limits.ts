/** Sizes that are taken, in octets after dot-unstuffing (or as composed), before our own header fields. */
export const SUBMISSION_SIZE_LIMIT = 10_485_760;
/** Port 25 without AUTH takes more, for the trace fields and signatures of others. */
export const MX_SIZE_LIMIT = SUBMISSION_SIZE_LIMIT + 65_536;
/** Received fields at which a message is taken to loop (RFC 5321 §6.3). */
export const MAX_HOPS = 50;
/** How long delivery is tried (RFC 5321 §4.5.4.1 asks for 4-5 days), ms. */
export const MAX_QUEUE_MS = 5 * 24 * 3600 * 1000;
