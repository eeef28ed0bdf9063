import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../runtime/random.ts';
import { createSealer } from '../runtime/sealing.ts';
import { createRecoveryCodes, createTotp, recoveryHash, totpStep } from './one-time-codes.ts';

const sealer = createSealer(Buffer.alloc(32, 1));
const random = createRandom();

test('codes of RFC 6238, the step before and after taken, too, and no other', () => {
  // Appendix B, SHA-1, the last six digits
  const sealed = sealer.seal(Buffer.from('12345678901234567890'), 'totp');
  for (const [seconds, code] of [
    [59, '287082'],
    [1111111109, '081804'],
    [1234567890, '005924'],
    [20000000000, '353130'],
  ] as const) {
    const step = Math.floor(seconds / 30);
    for (const late of [-30, 0, 30])
      assert.equal(totpStep(sealer, sealed, code, (seconds + late) * 1000), step, `${code} ${late}`);
    for (const late of [-60, 60]) assert.equal(totpStep(sealer, sealed, code, (seconds + late) * 1000), null);
  }
  for (const nonsense of ['', '28708', '2870820', '28708a', ' 287082', '２８７０８２'])
    assert.equal(totpStep(sealer, sealed, nonsense, 59_000), null, nonsense);
});

test('a new secret has 160 bits, is sealed, and its URI says who it is for', () => {
  const made = createTotp({ random, sealer }, 'Hikyaku mail.example', 'a@example.com');
  assert.match(made.secret, /^[A-Z2-7]{32}$/);
  assert.equal(sealer.open(made.sealed, 'totp').length, 20);
  const uri = new URL(made.uri);
  assert.equal(uri.searchParams.get('secret'), made.secret);
  assert.equal(uri.searchParams.get('issuer'), 'Hikyaku mail.example');
  assert.match(decodeURIComponent(uri.pathname), /a@example\.com$/);
});

test('ten recovery codes, all different; how they are typed does not matter', () => {
  const { codes, hashes } = createRecoveryCodes({ random, sealer });
  assert.equal(new Set(codes).size, 10);
  for (const [i, code] of codes.entries()) {
    assert.match(code, /^[2-9a-z]{4}-[2-9a-z]{4}-[2-9a-z]{4}$/);
    const typed = ` ${code.toUpperCase().replaceAll('-', '')} `;
    assert.ok(recoveryHash(sealer, typed).equals(hashes[i]!));
    assert.ok(!hashes[i]!.includes(code));
  }
});
