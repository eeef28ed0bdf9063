/** Allowed names and bounds of values in requests, for the schemas, the service and the console. */
export const LANGUAGES = ['ja', 'en'] as const;
/** Record types that the service sets at DNS providers. */
export const RECORD_TYPES = ['A', 'AAAA', 'CNAME', 'MX', 'SRV', 'TXT'] as const;
/** Kinds of DKIM keys that the service can make. */
export const KEY_KINDS = ['rsa-2048', 'rsa-4096', 'ed25519'] as const;
/**
 * Days after which a DKIM key gets a successor. The minimum leaves time for a key to settle and for the old one to
 * retire.
 */
export const LEAST_ROTATION_DAYS = 20;
export const MOST_ROTATION_DAYS = 1000;
/** Days for which the service keeps messages, events and their results. */
export const MIN_RETENTION_DAYS = 1;
export const MAX_RETENTION_DAYS = 400;
/** What the reply of a mail server, or its absence, means (bounces/classify.ts). */
export const CLASSIFICATIONS = [
  'no-such-recipient',
  'no-such-domain',
  'mailbox-disabled',
  'mailbox-full',
  'message-too-large',
  'content-refused',
  'reputation',
  'authentication',
  'policy',
  'rate-limited',
  'greylisted',
  'server-unavailable',
  'network',
  'dns',
  'loop',
  'unsupported',
  'sender-refused',
  'protocol',
  'undetermined',
] as const;
