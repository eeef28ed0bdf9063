/**
 * Limits of accepted sizes, in octets after dot-unstuffing (or as composed), before our own header fields.
 */
export const SUBMISSION_SIZE_LIMIT = 10_485_760;
/** Port 25 without AUTH accepts more, for the trace fields and signatures of other hosts. */
export const MX_SIZE_LIMIT = SUBMISSION_SIZE_LIMIT + 65_536;
/** A message with more Received fields than this counts as a loop (RFC 5321 §6.3 asks for at least 100). */
export const MAX_HOPS = 100;
/** ms for which delivery is tried (RFC 5321 §4.5.4.1 asks for 4-5 days). */
export const MAX_QUEUE_MS = 5 * 24 * 3600 * 1000;
