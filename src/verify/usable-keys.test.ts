/** A key that is dear to verify with is unusable, whatever it has signed; a usual one is judged by what it has signed. */
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { sealMessage } from 'mailauth/lib/arc/index.js';
import { readHeaderSection } from '../mail/headers.ts';
import { createZoneResolver, type ZoneResolver } from '../testing/zone-resolver.ts';
import { hashHere } from './body-hash.ts';
import { signDkim } from './sign.ts';
import { verifyMessage } from './verify-message.ts';

const TEXT = 'From: a@example.com\r\nTo: b@example.net\r\nSubject: s\r\n\r\nbody\r\n';
const usual = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const dear = exchanged(usual);

/** The same modulus with the exponents in each other's place: the public one has 2,048 bits, the private one 17. */
function exchanged(key: KeyObject): KeyObject {
  const { d, e, p, q, dp: _, ...others } = key.export({ format: 'jwk' });
  const factor = (prime: string | undefined) => base64(number(e!) % (number(prime!) - 1n));
  return createPrivateKey({
    key: { ...others, d: e, e: d, p, q, dp: factor(p), dq: factor(q) },
    format: 'jwk',
  });
}
/** Nobody has its private key. */
function publicKey(bits: number, exponent: bigint): KeyObject {
  const n = base64((1n << BigInt(bits)) - 1n);
  return createPublicKey({ key: { kty: 'RSA', n, e: base64(exponent) }, format: 'jwk' });
}
function number(text: string): bigint {
  return BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`);
}
function base64(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
}

function zone(published: KeyObject) {
  const key = published.export({ format: 'der', type: 'spki' }).toString('base64');
  return createZoneResolver({ 's._domainkey.example.com': { txt: [`v=DKIM1; k=rsa; p=${key}`] } });
}
async function judge(text: string, resolver: ZoneResolver) {
  const message = Buffer.from(text, 'latin1');
  const { authentication } = await verifyMessage({
    message,
    section: readHeaderSection(message),
    hashBody: hashHere,
    share: 'p',
    peerAddress: '192.0.2.1',
    helo: 'mail.example.com',
    mailFrom: '',
    hostname: 'mx.hikyaku.test',
    resolver,
  });
  return authentication;
}
async function signed(privateKey: KeyObject): Promise<string> {
  const keys = [{ selector: 's', algorithm: 'rsa-sha256' as const, privateKey }];
  return (
    (await signDkim({ message: Buffer.from(TEXT), domain: 'example.com', keys, now: Date.now() })) + TEXT
  );
}

test('a signature whose key has a long exponent is permerror, though it is right', async () => {
  const verdict = async (key: KeyObject) => (await judge(await signed(key), zone(createPublicKey(key)))).dkim;
  assert.deepEqual(
    (await verdict(usual)).map(({ result, aligned }) => [result, aligned]),
    [['pass', false]],
  );
  assert.deepEqual(
    (await verdict(dear)).map(({ result, reason, aligned }) => [result, reason, aligned]),
    [['permerror', 'key unusable', false]],
  );
});

test('keys of up to 4,096 bits and exponents of up to 32 are verified with; beyond either none is', async () => {
  const text = await signed(usual);
  const verdict = async (bits: number, exponent: bigint) =>
    (await judge(text, zone(publicKey(bits, exponent)))).dkim[0]!.result;
  assert.equal(await verdict(4096, 65537n), 'fail');
  assert.equal(await verdict(2048, 3n), 'fail');
  assert.equal(await verdict(2048, 2n ** 32n - 1n), 'fail');
  assert.equal(await verdict(2048, 2n ** 32n + 1n), 'permerror');
  assert.equal(await verdict(4104, 65537n), 'permerror');
  assert.equal(await verdict(16_384, 65537n), 'permerror');
});

test('a chain of ARC whose seal has such a key fails', async () => {
  const chain = async (key: KeyObject) => {
    const seal = {
      signingDomain: 'example.com',
      selector: 's',
      privateKey: key.export({ format: 'pem', type: 'pkcs8' }),
    };
    const sealed = await sealMessage(Buffer.from(TEXT), { ...seal, authResults: 'x; dkim=none', cv: 'none' });
    const resolver = zone(createPublicKey(key));
    const { arc } = await judge(sealed.toString() + TEXT, resolver);
    // The seal is judged with the key that the signature was judged with.
    assert.equal(resolver.queries.filter((name) => name.includes('_domainkey')).length, 1);
    return arc.result;
  };
  assert.equal(await chain(usual), 'pass');
  assert.equal(await chain(dear), 'fail');
});
