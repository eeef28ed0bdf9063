/** Standard Webhooks signatures: HMAC-SHA-256 over `id.timestamp.body`, in header fields. */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import type { Random } from '../runtime/random.ts';

/** A new secret: `whsec_` followed by 32 octets in base64. */
export function makeWebhookSecret(random: Random): string {
  return `whsec_${random.bytes(32).toString('base64')}`;
}

/** Signs a body piece by piece. */
export interface WebhookSigner {
  update(piece: Buffer): void;
  /** Call this once, after the last piece. */
  headers(): Record<string, string>;
}
/** The three header fields. Several secrets give several signatures, so a secret can be changed without a gap. */
export function webhookSigner(
  id: string,
  timestampSeconds: number,
  secrets: readonly string[],
): WebhookSigner {
  const hashes = secrets.map((secret) =>
    createHmac('sha256', keyOf(secret)).update(`${id}.${timestampSeconds}.`),
  );
  return {
    update(piece) {
      for (const hash of hashes) hash.update(piece);
    },
    headers: () => ({
      'webhook-id': id,
      'webhook-timestamp': String(timestampSeconds),
      'webhook-signature': hashes.map((hash) => `v1,${hash.digest('base64')}`).join(' '),
    }),
  };
}

/** Making a key takes longer than a signature. */
const keys = new Map<string, KeyObject>();
const MOST_KEYS = 1_000;
function keyOf(secret: string): KeyObject {
  const known = keys.get(secret);
  if (known !== undefined) return known;
  const key = createSecretKey(Buffer.from(secret.replace(/^whsec_/, ''), 'base64'));
  keys.set(secret, key);
  const [oldest] = keys.keys();
  if (keys.size > MOST_KEYS && oldest !== undefined) keys.delete(oldest);
  return key;
}
