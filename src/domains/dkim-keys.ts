/**
 * DKIM keys of a domain: made in a pair (RSA-2048 for everyone, Ed25519 by RFC 8463), private halves sealed at once and
 * opened only to sign. Invariant: a sealed key opens only for its own project, domain and key id.
 * Fails: openDkimKeys throws what the sealer throws where a row was tampered with or the instance secret changed.
 */
import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { Clock } from '../runtime/clock.ts';
import type { DomainId, ProjectId } from '../runtime/ids.ts';
import type { Random } from '../runtime/random.ts';
import type { Sealer } from '../runtime/sealing.ts';
import type { DkimKey } from './types.ts';

export interface OpenDkimKey {
  readonly selector: string;
  readonly algorithm: DkimKey['algorithm'];
  readonly privateKey: KeyObject;
}
const generate = promisify(generateKeyPair);

/** One active RSA-2048 and one active Ed25519 key with new selectors; key generation runs off the event loop. */
export async function makeDkimKeys(
  random: Random,
  sealer: Sealer,
  clock: Clock,
  project: ProjectId,
  domainId: DomainId,
): Promise<DkimKey[]> {
  const [rsa, ed25519] = await Promise.all([generate('rsa', { modulusLength: 2048 }), generate('ed25519')]);
  const series = random.bytes(4).toString('hex');
  const make = (
    algorithm: DkimKey['algorithm'],
    selector: string,
    pair: { publicKey: KeyObject; privateKey: KeyObject },
  ): DkimKey => {
    const row = { id: random.id<'dkim-key'>(), projectId: project, domainId };
    return {
      ...row,
      selector,
      algorithm,
      publicRecord: publicRecord(algorithm, pair.publicKey),
      sealedPrivateKey: sealer.seal(
        pair.privateKey.export({ format: 'der', type: 'pkcs8' }),
        sealingContext(row),
      ),
      active: true,
      createdAt: clock.now(),
    };
  };
  return [make('rsa-sha256', `hk${series}r`, rsa), make('ed25519-sha256', `hk${series}e`, ed25519)];
}

/** The active ones of `keys`, ready to sign. */
export function openDkimKeys(keys: readonly DkimKey[], sealer: Sealer): OpenDkimKey[] {
  return keys
    .filter((key) => key.active)
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

/** Opens keys once for as long as the very same rows are asked for. */
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

function sealingContext({ projectId, domainId, id }: Pick<DkimKey, 'projectId' | 'domainId' | 'id'>): string {
  return `dkim-key:${projectId}:${domainId}:${id}`;
}
/** RFC 6376 §3.6.1 (SubjectPublicKeyInfo), RFC 8463 §4.2 (the 32 bare octets). */
function publicRecord(algorithm: DkimKey['algorithm'], key: KeyObject): string {
  const der = key.export({ format: 'der', type: 'spki' });
  if (algorithm === 'rsa-sha256') return `v=DKIM1; k=rsa; p=${der.toString('base64')}`;
  return `v=DKIM1; k=ed25519; p=${der.subarray(-32).toString('base64')}`;
}
