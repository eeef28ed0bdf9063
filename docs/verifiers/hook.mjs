import { createHmac, timingSafeEqual } from 'node:crypto';

const TOLERANCE = 300; // seconds

/**
 * Whether Hikyaku signed the request. `headers`: those of node:http. `body`: the octets as they came, in a Buffer.
 * `secret`: `whsec_…`. `now`: in seconds.
 */
export function isSigned(headers, body, secret, now = Date.now() / 1000) {
  const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signatures } = headers;
  if (!id || !/^[0-9]{1,12}$/.test(at ?? '') || !signatures) return false;
  if (Math.abs(now - Number(at)) > TOLERANCE) return false;
  if (!/^whsec_[A-Za-z0-9+/]{32,}=*$/.test(secret)) throw new Error('this is no secret of a hook');
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const mac = createHmac('sha256', key).update(`${id}.${at}.`).update(body).digest('base64');
  const expected = Buffer.from(`v1,${mac}`);
  return signatures.split(' ').some((signature) => {
    const given = Buffer.from(signature);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}
