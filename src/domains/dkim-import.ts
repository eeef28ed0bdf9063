/**
 * A private key a customer brings along, as PEM, and the selectors customers choose. Invariant: neither the key nor
 * a part of it is in any answer. Never throws: what does not fit is said in words.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { Domain } from '../mail/domain.ts';
import { dkimName } from './delegation.ts';

export type ImportedKey =
  | { readonly kind: 'key'; readonly key: KeyObject }
  | { readonly kind: 'refused'; readonly problem: string };

/** RFC 8301 §3.2: verifiers take 1,024 bits, but who signs should have 2,048. */
const FEWEST_BITS = 2048;
/** Beyond it verifiers need not go, and the record outgrows a DNS answer. */
const MOST_BITS = 4096;

export function importPrivateKey(pem: string): ImportedKey {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: 'pem' });
  } catch {
    return refused('is not a PEM private key without passphrase');
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519') return { kind: 'key', key };
  if (type !== 'rsa') return refused(`must be an RSA or Ed25519 key, not ${type ?? 'another kind'}`);
  const bits = details?.modulusLength ?? 0;
  if (bits < FEWEST_BITS)
    return refused(`has ${bits} bits; a key that signs must have ${FEWEST_BITS} or more (RFC 8301)`);
  if (bits > MOST_BITS) return refused(`has ${bits} bits; the maximum is ${MOST_BITS}`);
  return { kind: 'key', key };
}
function refused(problem: string): ImportedKey {
  return { kind: 'refused', problem };
}

/** RFC 6376 §3.1: sub-domains joined by dots; lower case, and short enough for the name of the record. */
export function isSelector(selector: string, domain: Domain): boolean {
  if (!/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/.test(selector)) return false;
  return (
    selector.split('.').every((label) => label.length <= 63) && dkimName({ selector }, domain).length <= 253
  );
}
