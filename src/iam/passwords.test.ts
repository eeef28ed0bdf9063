import assert from 'node:assert/strict';
import { argon2Sync } from 'node:crypto';
import { test } from 'node:test';
import { createRandom } from '../runtime/random.ts';
import { createPasswords, passwordComplaint } from './passwords.ts';

test('a password is verified by what is kept, whose cost stands beside the hash; two hashes differ', async () => {
  const passwords = createPasswords(createRandom());
  const [one, two] = await Promise.all([passwords.hash('long enough'), passwords.hash('long enough')]);
  assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  assert.notEqual(one, two);
  assert.equal(await passwords.verify(one, 'long enough'), true);
  assert.equal(await passwords.verify(one, 'long enougH'), false);
  assert.equal(await passwords.verify(null, 'long enough'), false);
});

test('a hash of another cost is verified by that cost; what is no hash is an error', async () => {
  const passwords = createPasswords(createRandom());
  const cheap = argon2Sync('argon2id', {
    message: 'password',
    nonce: Buffer.from('somesalt'),
    tagLength: 32,
    memory: 64,
    passes: 1,
    parallelism: 1,
  });
  const base64 = (octets: Buffer) => octets.toString('base64').replaceAll('=', '');
  const encoded = `$argon2id$v=19$m=64,t=1,p=1$${base64(Buffer.from('somesalt'))}$${base64(cheap)}`;
  assert.equal(await passwords.verify(encoded, 'password'), true);
  assert.equal(await passwords.verify(encoded, 'passwort'), false);
  await assert.rejects(passwords.verify('plain text', 'x'), /known form/);
});

test('many at once are all answered', async () => {
  const passwords = createPasswords(createRandom());
  const hash = await passwords.hash('correct password');
  const all = await Promise.all(
    Array.from({ length: 6 }, (_, i) => passwords.verify(hash, i % 2 === 0 ? 'correct password' : 'wrong')),
  );
  assert.deepEqual(all, [true, false, true, false, true, false]);
});

test('which passwords are taken', () => {
  const cases: readonly [string, string, RegExp | null][] = [
    ['nine char', 'a@example.com', /at least 10/],
    ['ten charac', 'a@example.com', null],
    ['あいうえおかきくけこ', 'a@example.com', null],
    ['😀'.repeat(5), 'a@example.com', /at least 10/],
    ['x1'.repeat(501), 'a@example.com', /at most 1000/],
    ['Taro.Yamada!9', 'taro.yamada@example.com', /e-mail/],
    ['an owl in a tree', 'a@example.com', null],
    ['Password123', 'a@example.com', /commonest/],
    ['1q2w 3e4r 5t', 'a@example.com', /commonest/],
    ['abababababab', 'z@example.com', /over and over/],
  ];
  for (const [password, email, complaint] of cases) {
    const got = passwordComplaint(password, email);
    if (complaint === null) assert.equal(got, null, password);
    else assert.match(got ?? '', complaint, password);
  }
});
