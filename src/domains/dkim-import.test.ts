/** Keys that are brought along: which are taken, in which words others are refused. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import type { Domain } from '../mail/domain.ts';
import type { DomainId, ProjectId } from '../runtime/ids.ts';
import { createRandom } from '../runtime/random.ts';
import { createSealer } from '../runtime/sealing.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { importPrivateKey, isSelector } from './dkim-import.ts';
import { kindOf, openDkimKeys, rsaBits, sealedKey } from './dkim-keys.ts';

const NAME = 'example.test' as Domain;
const pem = (key: KeyObject, type: 'pkcs8' | 'pkcs1' = 'pkcs8') =>
  key.export({ format: 'pem', type } as never) as unknown as string;
const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength }).privateKey;
const problem = (text: string) => {
  const result = importPrivateKey(text);
  return result.kind === 'refused' ? result.problem : null;
};

test('RSA of 2,048 bits or more, in either PEM form, and Ed25519', () => {
  const key = rsa(2048);
  assert.equal(problem(pem(key)), null);
  assert.equal(problem(pem(key, 'pkcs1')), null);
  assert.equal(problem(pem(generateKeyPairSync('ed25519').privateKey)), null);
});

test('what is too short, of another kind, locked, or no key at all is refused in words that repeat none of it', () => {
  assert.match(problem(pem(rsa(1024)))!, /1024 bits.*2048/);
  assert.match(problem(pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey))!, /not ec/);
  const locked = rsa(2048).export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' });
  assert.match(problem(String(locked))!, /without passphrase/);
  assert.equal(
    problem('-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----'),
    problem('nonsense'),
  );
});

test('an imported key is sealed, opens where it belongs, and is followed by one of its kind', () => {
  const sealer = createSealer(Buffer.alloc(32, 1));
  const deps = { random: createRandom(), sealer, clock: createFakeClock() };
  const place = { projectId: 'p' as ProjectId, domainId: 'd' as DomainId };
  const key = rsa(3072);
  const row = sealedKey(deps, place, 'mine', key, 'active');
  assert.equal(rsaBits(row.publicRecord), 3072);
  assert.equal(kindOf(row), 'rsa-2048');
  assert.ok(openDkimKeys([row], sealer)[0]!.privateKey.equals(key));
  assert.ok(!row.sealedPrivateKey.includes(key.export({ format: 'der', type: 'pkcs8' }).subarray(30, 60)));
});

test('selectors', () => {
  for (const good of ['s', 'mail2026', 'a-b', 'x.y']) assert.ok(isSelector(good, NAME), good);
  for (const bad of [
    '',
    'A',
    '-a',
    'a-',
    'a..b',
    '.a',
    'a_b',
    'a b',
    'a\r\n',
    'x'.repeat(64),
    'a.'.repeat(120),
  ])
    assert.ok(!isSelector(bad, NAME), bad);
});
