/**
 * Classifies a refusal by its reply. The classes are a small fixed vocabulary for events, rows and the
 * suppression list. Pure. It first trusts a specific enhanced code (RFC 3463), then well-known phrases (many
 * servers answer 550 5.7.1 to everything, or send no enhanced code), then the basic code. It cuts the text
 * first, so the cost of matching is bounded.
 */
import type { CLASSIFICATIONS } from '../contract/values.ts';

export interface RefusalReply {
  readonly code: number;
  readonly enhanced: string | null;
  readonly text: string;
}
export type Classification = (typeof CLASSIFICATIONS)[number];

/**
 * Phrases in order: the first match decides. No pattern has nested repetition, so matching is linear for any
 * text.
 */
const PHRASES: readonly (readonly [RegExp, Classification])[] = [
  [/greylist|graylist|gr[ae]y-list/i, 'greylisted'],
  [
    /too many (?:messages|connections|recipients|emails)|rate limit|throttl|unusual rate|try again later.*(?:rate|volume)/i,
    'rate-limited',
  ],
  [
    /(?:mailbox|quota|storage|inbox)[^.]{0,40}(?:full|exceeded|over)|over ?quota|insufficient system storage/i,
    'mailbox-full',
  ],
  [/\bspf\b|\bdkim\b|\bdmarc\b|unauthenticated (?:mail|email)|not authenticated/i, 'authentication'],
  [
    /spamhaus|block ?list|blacklist|\brbl\b|dnsbl|bad reputation|low reputation|poor reputation|reverse dns|\bptr\b/i,
    'reputation',
  ],
  [/spam|virus|malware|phish|prohibited content|content rejected/i, 'content-refused'],
  [
    /(?:user|recipient|mailbox|account|address)[^.]{0,40}(?:unknown|not found|does ?n[o']t exist|not exist|invalid|no longer)|(?:unknown|no such|invalid) (?:user|recipient|mailbox|address)/i,
    'no-such-recipient',
  ],
  [
    /(?:account|mailbox|user)[^.]{0,40}(?:disabled|inactive|suspended|deactivated|locked)/i,
    'mailbox-disabled',
  ],
  [/message (?:size|too)[^.]{0,20}(?:large|big|exceed)|too large/i, 'message-too-large'],
  [/relay(?:ing)? (?:access )?(?:denied|not permitted)|policy/i, 'policy'],
];

/** RFC 3463 subject and detail codes that are specific enough by themselves. */
const DETAILS: Readonly<Record<string, Classification>> = {
  '1.1': 'no-such-recipient',
  '1.2': 'no-such-domain',
  '1.3': 'no-such-recipient',
  '1.6': 'no-such-recipient',
  '1.7': 'sender-refused',
  '1.8': 'sender-refused',
  '1.10': 'no-such-domain',
  '2.1': 'mailbox-disabled',
  '2.2': 'mailbox-full',
  '2.3': 'message-too-large',
  '3.1': 'mailbox-full',
  '3.2': 'server-unavailable',
  '3.4': 'message-too-large',
  '4.1': 'network',
  '4.2': 'network',
  '4.3': 'dns',
  '4.4': 'no-such-domain',
  '4.5': 'rate-limited',
  '4.6': 'loop',
  '4.7': 'network',
  '5.0': 'protocol',
  '5.1': 'protocol',
  '5.2': 'protocol',
  '5.3': 'rate-limited',
  '5.4': 'protocol',
  '6.0': 'content-refused',
  '6.1': 'unsupported',
  '6.3': 'unsupported',
  '6.7': 'unsupported',
  '7.20': 'authentication',
  '7.21': 'authentication',
  '7.22': 'authentication',
  '7.23': 'authentication',
  '7.24': 'authentication',
  '7.25': 'reputation',
  '7.26': 'authentication',
  '7.27': 'sender-refused',
  '7.28': 'rate-limited',
};

/** The meaning of a 4xx or 5xx reply. */
export function classifyReply({ code, enhanced, text }: RefusalReply): Classification {
  const detail = enhanced === null ? undefined : DETAILS[enhanced.slice(2)];
  if (detail !== undefined && detail !== 'protocol') {
    // Servers also use 5.1.1 for blocks, and 4.2.1 and 4.7.1 for greylisting, so a clear phrase decides
    // first.
    const said = phrase(text);
    if (said === 'greylisted' || (detail === 'mailbox-disabled' && said !== null)) return said;
    return detail;
  }
  const said = phrase(text);
  if (said !== null) return said;
  if (detail !== undefined) return detail;
  if (enhanced?.slice(2).startsWith('7.')) return 'policy';
  if (code === 421) return 'server-unavailable';
  if (code === 452 || code === 552) return 'mailbox-full';
  if (code >= 500 && code <= 504) return 'protocol';
  return 'undetermined';
}

/** The meaning of an RFC 3463 status without a reply (our own results, DSN fields). */
export function classifyStatus(status: string): Classification {
  const detail = DETAILS[status.slice(2)];
  return detail ?? (status.slice(2).startsWith('7.') ? 'policy' : 'undetermined');
}

/** The address does not exist: more mail to it only harms the sender's reputation. */
export function isDeadAddress(classification: Classification): boolean {
  return classification === 'no-such-recipient' || classification === 'no-such-domain';
}

function phrase(text: string): Classification | null {
  const cut = text.slice(0, 1000);
  for (const [pattern, classification] of PHRASES) if (pattern.test(cut)) return classification;
  return null;
}
