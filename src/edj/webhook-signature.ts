/** Standard Webhooks: HMAC-SHA-256 over `id.timestamp.body`, in headers of its own. */
import { createHmac } from 'node:crypto';
import type { Random } from '../runtime/random.ts';

/** A new secret: `whsec_` and 32 octets in base64. */
export function makeWebhookSecret(random: Random): string {
  return `whsec_${random.bytes(32).toString('base64')}`;
}

/** The three headers; several secrets give several signatures, so that a secret can be changed without a gap. */
export function webhookHeaders(
  id: string,
  timestampSeconds: number,
  body: Buffer,
  secrets: readonly string[],
): Record<string, string> {
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestampSeconds}.`).update(body).digest('base64')}`;
  });
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signatures.join(' '),
  };
}
