/** Names and bounds that requests may hold, for schemas, rooms and the console alike. */
export const LANGUAGES = ['ja', 'en'] as const;
/** Record types that are set at DNS providers. */
export const RECORD_TYPES = ['A', 'AAAA', 'CNAME', 'MX', 'SRV', 'TXT'] as const;
/** DKIM keys that can be made. */
export const KEY_KINDS = ['rsa-2048', 'rsa-4096', 'ed25519'] as const;
/** Days after which a DKIM key gets a successor: a period must have room for settling and retiring. */
export const LEAST_ROTATION_DAYS = 20;
export const MOST_ROTATION_DAYS = 1000;
/** Days for which messages, events and what is known of them are kept. */
export const MIN_RETENTION_DAYS = 1;
export const MAX_RETENTION_DAYS = 400;
