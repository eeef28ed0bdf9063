/**
 * Imports a customer's own private key (PEM), and checks selectors that customers choose. Invariant: no answer
 * contains the key or a part of it. Never throws: a refusal is returned as a text.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { Domain } from '../mail/domain.ts';
import { dkimName } from './delegation.ts';

export type ImportedKey =
  | { readonly kind: 'key'; readonly key: KeyObject }
  | { readonly kind: 'refused'; readonly problem: string };

/** RFC 8301 §3.2: verifiers accept 1,024 bits, but signers should use 2,048. */
const FEWEST_BITS = 2048;
/** Verifiers need not support larger keys, and a larger record does not fit into a DNS answer. */
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

/** RFC 6376 §3.1: labels joined by dots, in lower case, and short enough for the name of the record. */
export function isSelector(selector: string, domain: Domain): boolean {
  if (!/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/.test(selector)) return false;
  return (
    selector.split('.').every((label) => label.length <= 63) && dkimName({ selector }, domain).length <= 253
  );
}
