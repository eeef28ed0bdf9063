/** Body hashes agree with another implementation, whatever the body, the algorithm and l=; large ones come from a thread. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
// @ts-expect-error the package has no types for this file
import { dkimBody } from 'mailauth/lib/dkim/body/index.js';
import { systemClock } from '../runtime/clock.ts';
import { createWorkers } from '../runtime/workers.ts';
import { createBodyHasher, hashBodies, SIGNED, type WantedHash } from './body-hash.ts';

const PIECES = fc.array(fc.constantFrom('a', ' ', '\t', '\r\n', '.', 'é', '\r\n\r\n', '  ', '\r\n \t\r\n'), {
  maxLength: 40,
});
const WANTED: fc.Arbitrary<WantedHash> = fc.record({
  canonicalization: fc.constantFrom('simple', 'relaxed'),
  algorithm: fc.constantFrom('sha1', 'sha256'),
  most: fc.option(fc.nat(40)),
});

test('property: hash, octets hashed and octets there are agree with another implementation', () => {
  fc.assert(
    fc.property(PIECES, fc.array(WANTED, { maxLength: 5 }), (pieces, wanted) => {
      const body = Buffer.from(pieces.join(''));
      const others = wanted.map(({ canonicalization, algorithm, most }) => {
        const other = dkimBody(canonicalization, algorithm, most ?? '');
        other.update(body);
        const hash = other.digest('base64');
        return { hash, hashed: other.bodyHashedBytes, length: other.canonicalizedLength };
      });
      assert.deepEqual(hashBodies({ body, wanted }), others);
    }),
    { numRuns: 2000 },
  );
});

test('a body larger than the pieces it is written in', () => {
  for (const unit of ['x\r\n', 'a ', ' \t\r\n', '\r\n', 'x', 'ab  c\r\n\r\n']) {
    const body = Buffer.concat([Buffer.alloc(300_000, unit), Buffer.from('end')]);
    for (const canonicalization of ['simple', 'relaxed'] as const) {
      const other = dkimBody(canonicalization, 'sha256', '');
      other.update(body);
      const { hash } = hashBodies({ body, wanted: [{ ...SIGNED, canonicalization }] })[0]!;
      assert.equal(hash, other.digest('base64'), `${canonicalization} ${JSON.stringify(unit)}`);
    }
  }
  const empty = hashBodies({
    body: Buffer.alloc(0),
    wanted: [SIGNED, { ...SIGNED, canonicalization: 'simple' }],
  });
  assert.deepEqual(
    empty.map(({ hash }) => hash),
    ['', '\r\n'].map((text) => createHash('sha256').update(text).digest('base64')),
  );
});

test('in a thread the same comes out as here, and the message keeps its octets', async () => {
  await using workers = createWorkers({ jobs: new URL('../jobs.ts', import.meta.url), clock: systemClock });
  const hash = createBodyHasher(workers);
  for (const size of [1000, 64 * 1024, 64 * 1024 + 1, 3_000_000]) {
    const raw = Buffer.concat([Buffer.from('From: a\r\n\r\n'), Buffer.alloc(size, 'x \r\n')]);
    const body = raw.subarray(11);
    const wanted = [SIGNED, { ...SIGNED, canonicalization: 'simple' as const, most: 10 }];
    assert.deepEqual(await hash(body, wanted, 'p'), hashBodies({ body, wanted }));
    assert.equal(raw.length, 11 + size);
  }
});
