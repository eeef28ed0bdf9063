/**
 * DKIM keys of a domain: created here (RSA-2048 by default, RSA-4096, or Ed25519 by RFC 8463) or imported. A
 * private key is sealed at once and opened only to sign. Invariant: a sealed key opens only for its own project,
 * domain and key id. Fails: openDkimKeys throws the sealer's error if a row was tampered with or the instance
 * secret has changed.
 */

import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { KEY_KINDS } from '../contract/values.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { opens, type Sealer } from '../runtime/sealing.ts';
import { freeSelector } from './delegation.ts';
import type { DkimKey, DkimKeyState } from './mta-domains.ts';

export interface OpenDkimKey {
  readonly selector: string;
  readonly algorithm: DkimKey['algorithm'];
  readonly privateKey: KeyObject;
}
export type KeyKind = (typeof KEY_KINDS)[number];
export const ALGORITHMS = {
  'rsa-2048': 'rsa-sha256',
  'rsa-4096': 'rsa-sha256',
  ed25519: 'ed25519-sha256',
} as const satisfies Record<KeyKind, DkimKey['algorithm']>;
type KeyPlace = Pick<DkimKey, 'projectId' | 'domainId'>;
export interface KeyDeps {
  readonly random: Random;
  readonly sealer: Sealer;
  readonly clock: Clock;
}
const generate = promisify(generateKeyPair);

/**
 * The first keys of a domain: an RSA-2048 key and an Ed25519 key. They are active at once, because no other key signs.
 * `delegated`: the keys get the selectors of delegated keys (delegation.ts), otherwise new selectors.
 */
export async function makeDkimKeys(deps: KeyDeps, place: KeyPlace, delegated: boolean): Promise<DkimKey[]> {
  const series = newSeries(deps.random);
  const make = (kind: KeyKind) =>
    makeDkimKey(deps, place, kind, {
      selector: (delegated ? freeSelector([], ALGORITHMS[kind]) : null) ?? newSelector(series, kind),
      state: 'active',
    });
  return Promise.all([make('rsa-2048'), make('ed25519')]);
}

/** A new key, with a new selector if none is given. Key generation runs off the event loop. */
export async function makeDkimKey(
  deps: KeyDeps,
  place: KeyPlace,
  kind: KeyKind,
  {
    selector = newSelector(newSeries(deps.random), kind),
    state = 'pending',
  }: { selector?: string; state?: DkimKeyState } = {},
): Promise<DkimKey> {
  const { privateKey } =
    kind === 'ed25519'
      ? await generate('ed25519')
      : await generate('rsa', { modulusLength: kind === 'rsa-2048' ? 2048 : 4096 });
  return sealedKey(deps, place, selector, privateKey, state);
}

/** The row for a private key (RSA or Ed25519), which it seals. */
export function sealedKey(
  { random, sealer, clock }: KeyDeps,
  place: KeyPlace,
  selector: string,
  privateKey: KeyObject,
  state: DkimKeyState,
): DkimKey {
  const row = { id: random.id<'dkim-key'>(), ...place };
  const algorithm = privateKey.asymmetricKeyType === 'ed25519' ? 'ed25519-sha256' : 'rsa-sha256';
  const now = clock.now();
  return {
    ...row,
    selector,
    algorithm,
    publicRecord: publicRecord(algorithm, createPublicKey(privateKey)),
    sealedPrivateKey: sealer.seal(privateKey.export({ format: 'der', type: 'pkcs8' }), sealingContext(row)),
    state,
    seenSince: null,
    changedAt: now,
    createdAt: now,
  };
}

/** The kind of the successor of a key. The successor of an RSA key of another size has 2,048 bits. */
export function kindOf({ algorithm, publicRecord: record }: DkimKey): KeyKind {
  if (algorithm === 'ed25519-sha256') return 'ed25519';
  return rsaBits(record) === 4096 ? 'rsa-4096' : 'rsa-2048';
}
/** The record that takes the place of a revoked key's (RFC 6376 §3.6.1). */
export function revokedRecord({ algorithm }: Pick<DkimKey, 'algorithm'>): string {
  return `v=DKIM1; k=${algorithm === 'rsa-sha256' ? 'rsa' : 'ed25519'}; p=`;
}
export function isRevoked(key: DkimKey): boolean {
  return key.state === 'retired' && key.publicRecord === revokedRecord(key);
}
/** The size of the RSA key in a public record; null if the record has no RSA key. */
export function rsaBits(record: string): number | null {
  const data = /p=([A-Za-z0-9+/=]+)/.exec(record)?.[1];
  if (data === undefined) return null;
  try {
    const key = createPublicKey({ key: Buffer.from(data, 'base64'), format: 'der', type: 'spki' });
    return key.asymmetricKeyDetails?.modulusLength ?? null;
  } catch {
    return null;
  }
}

/** Whether the sealed private key opens; for a store that was used with another instance secret it does not. */
export const opensDkimKey = (sealer: Sealer, key: DkimKey): boolean =>
  opens(sealer, key.sealedPrivateKey, sealingContext(key));

/** The active keys among `keys`, ready to sign. */
export function openDkimKeys(keys: readonly DkimKey[], sealer: Sealer): OpenDkimKey[] {
  return keys
    .filter((key) => key.state === 'active')
    .map((key) => ({
      selector: key.selector,
      algorithm: key.algorithm,
      privateKey: createPrivateKey({
        key: sealer.open(key.sealedPrivateKey, sealingContext(key)),
        format: 'der',
        type: 'pkcs8',
      }),
    }));
}

/** Opens keys once and keeps them while the same row objects are requested. */
export function createKeyRing(sealer: Sealer): (keys: readonly DkimKey[]) => readonly OpenDkimKey[] {
  const opened = new WeakMap<readonly DkimKey[], readonly OpenDkimKey[]>();
  return (keys) => {
    let ring = opened.get(keys);
    if (ring === undefined) {
      ring = openDkimKeys(keys, sealer);
      opened.set(keys, ring);
    }
    return ring;
  };
}

function newSeries(random: Random): string {
  return random.bytes(4).toString('hex');
}
function newSelector(series: string, kind: KeyKind): string {
  return `hk${series}${kind === 'ed25519' ? 'e' : 'r'}`;
}
function sealingContext({ projectId, domainId, id }: Pick<DkimKey, 'projectId' | 'domainId' | 'id'>): string {
  return `dkim-key:${projectId}:${domainId}:${id}`;
}
/** RFC 6376 §3.6.1 (SubjectPublicKeyInfo), RFC 8463 §4.2 (the 32 octets of the key alone). */
function publicRecord(algorithm: DkimKey['algorithm'], key: KeyObject): string {
  const der = key.export({ format: 'der', type: 'spki' });
  if (algorithm === 'rsa-sha256') return `v=DKIM1; k=rsa; p=${der.toString('base64')}`;
  return `v=DKIM1; k=ed25519; p=${der.subarray(-32).toString('base64')}`;
}
