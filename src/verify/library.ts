/**
 * The verification library (mailauth), given what we read: the fields of the header, and hashes of the body that we computed.
 * It parses neither; it takes 9 s for 10 MB of short lines. Throws what it throws.
 */
import { setImmediate } from 'node:timers/promises';
import type { BodyHash, WantedHash } from './body-hash.ts';
import type { Lookup } from './lookups.ts';
import type { LibraryField } from './restrain-header.ts';
import { type KeyCache, restrainKeys, UNUSABLE_KEY } from './usable-keys.ts';

/** What it tells of a signature, as far as we read it. */
export interface LibrarySignature {
  readonly signingDomain?: string;
  readonly selector?: string;
  readonly algo?: string;
  readonly status: {
    readonly result: string;
    readonly comment?: string;
    readonly underSized?: number;
    readonly policy?: Record<string, string>;
  };
}
/** Its verifier, as far as we drive it. */
interface LibraryVerifier {
  headers: { readonly parsed: LibraryField[]; readonly original: Buffer };
  readonly bodyHashes: Map<string, unknown>;
  readonly results: LibrarySignature[];
  readonly arc: never;
  readonly keyCache: KeyCache;
  messageHeaders(headers: LibraryVerifier['headers']): Promise<void>;
  finalChunk(): Promise<void>;
}

export interface Verified {
  readonly signatures: readonly LibrarySignature[];
  readonly arc: string;
}

/** Reads the signatures and has the body hashed for them; what it resolves with asks for the keys and judges. */
export async function readSignatures(
  fields: readonly LibraryField[],
  hashBody: (wanted: readonly WantedHash[]) => Promise<readonly BodyHash[]>,
  now: Date,
): Promise<(lookup: Lookup) => Promise<Verified>> {
  const [{ DkimVerifier }, { arc }] = await Promise.all([
    // @ts-expect-error the package has no types for this file
    import('mailauth/lib/dkim/dkim-verifier.js'),
    import('mailauth/lib/arc/index.js'),
  ]);
  let ask: Lookup;
  const options = {
    resolver: ((name, type) => ask(name, type)) satisfies Lookup,
    minBitLength: 1024,
    rejectRsaSha1: true,
    curTime: now,
  };
  /** The loop is free between two signatures: each canonicalises the header for itself. */
  class Verifier extends DkimVerifier {
    async verifySignature(...args: unknown[]): Promise<unknown> {
      await setImmediate();
      return judged((await super.verifySignature(...args)) as LibrarySignature);
    }
  }
  const verifier = new (Verifier as unknown as new (o: object) => LibraryVerifier)(options);
  restrainKeys(verifier.keyCache);
  verifier.headers = { parsed: [...fields], original: Buffer.alloc(0) };
  await verifier.messageHeaders(verifier.headers);
  const keys = [...verifier.bodyHashes.keys()];
  const hashes = await hashBody(keys.map(wantedOf));
  keys.forEach((key, i) => {
    verifier.bodyHashes.set(key, known(hashes[i]!));
  });
  return async (lookup) => {
    ask = lookup;
    await verifier.finalChunk();
    // With the verifier's own resolver its keys are taken, restrained as they are.
    const chain = (await arc(verifier.arc, options as never)) as unknown as {
      status: { result: string };
    };
    return { signatures: verifier.results, arc: chain.status.result };
  };
}

/** What it takes for a failure of DNS, not knowing better. */
function judged(signature: LibrarySignature): LibrarySignature {
  const { status } = signature;
  return status.comment === `DNS failure: ${UNUSABLE_KEY}`
    ? { ...signature, status: { ...status, result: 'permerror', comment: 'key unusable' } }
    : signature;
}

/** A key is `canonicalisation:hash:octets`, the last one empty without l=. */
function wantedOf(key: string): WantedHash {
  const [canonicalization, algorithm, most] = key.split(':');
  return {
    canonicalization: canonicalization === 'relaxed' ? 'relaxed' : 'simple',
    algorithm: algorithm === 'sha1' ? 'sha1' : 'sha256',
    most: most !== undefined && most !== '' && Number(most) >= 0 ? Number(most) : null,
  };
}

/** In the place of one of the library's own hashers, when it is asked for the result. */
function known({ hash, hashed, length }: BodyHash) {
  return {
    digest: () => hash,
    getMimeStructureStart: () => 0,
    bodyHashedBytes: hashed,
    canonicalizedLength: length,
  };
}
