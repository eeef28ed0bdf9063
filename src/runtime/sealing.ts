/**
 * Encrypts secrets at rest: AES-256-GCM under a key that is derived per context (HKDF-SHA-256, RFC 5869), so
 * a sealed value can only be opened in the context that it was sealed for. Format: version octet 1, 12 octets
 * nonce, 16 octets tag, ciphertext.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';

export interface Sealer {
  seal(plain: Buffer, context: string): Buffer;
  /** Throws if the value was sealed with another key or for another context, or was changed. */
  open(sealed: Buffer, context: string): Buffer;
  /** HMAC-SHA-256 under the context's own key. */
  mac(data: Buffer | string, context: string): Buffer;
}
const VERSION = 1;

/** Whether the sealed value opens with this key in this context. */
export function opens(sealer: Sealer, sealed: Buffer, context: string): boolean {
  try {
    sealer.open(sealed, context);
    return true;
  } catch {
    return false;
  }
}

/** `secretKey` has 32 octets. */
export function createSealer(secretKey: Buffer): Sealer {
  if (secretKey.length !== 32) throw new RangeError('the secret key must have 32 octets');
  /**
   * Key objects: from octets, Node.js would make one at each use, which costs five times as much as an HMAC.
   */
  const derived = new Map<string, KeyObject>();
  function keyFor(context: string): KeyObject {
    let key = derived.get(context);
    if (key === undefined) {
      const octets = hkdfSync('sha256', secretKey, Buffer.alloc(0), `hikyaku ${context}`, 32);
      key = createSecretKey(Buffer.from(octets));
      if (derived.size < 100) derived.set(context, key);
    }
    return key;
  }
  return {
    seal(plain, context) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', keyFor(context), nonce);
      const body = Buffer.concat([cipher.update(plain), cipher.final()]);
      return Buffer.concat([Buffer.from([VERSION]), nonce, cipher.getAuthTag(), body]);
    },
    open(sealed, context) {
      if (sealed.length < 29 || sealed[0] !== VERSION)
        throw new Error('not a sealed value of a known version');
      const decipher = createDecipheriv('aes-256-gcm', keyFor(context), sealed.subarray(1, 13));
      decipher.setAuthTag(sealed.subarray(13, 29));
      return Buffer.concat([decipher.update(sealed.subarray(29)), decipher.final()]);
    },
    mac: (data, context) =>
      createHmac('sha256', keyFor(`mac ${context}`))
        .update(data)
        .digest(),
  };
}
