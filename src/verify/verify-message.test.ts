/** Verdicts on honest, forged and hostile messages, with DNS as a literal zone. */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { readHeaderSection } from '../mail/headers.ts';
import type { Resolver } from '../runtime/resolver.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createZoneResolver, type Zone } from '../testing/zone-resolver.ts';
import { safeValue } from './authentication-results.ts';
import { hashHere } from './body-hash.ts';
import { signDkim } from './sign.ts';
import { verifyMessage } from './verify-message.ts';

const NOW = Date.UTC(2026, 0, 2);
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const weak = generateKeyPairSync('rsa', { modulusLength: 768 });
const record = (key: typeof rsa.publicKey) =>
  `v=DKIM1; k=rsa; p=${createPublicKey(key.export({ format: 'pem', type: 'spki' }))
    .export({ format: 'der', type: 'spki' })
    .toString('base64')}`;
const ZONE: Zone = {
  'example.com': { txt: ['v=spf1 ip4:192.0.2.1 -all'], a: ['192.0.2.1'] },
  'good._domainkey.example.com': { txt: [record(rsa.publicKey)] },
  'weak._domainkey.example.com': { txt: [record(weak.publicKey)] },
  'good._domainkey.evil.test': { txt: [record(rsa.publicKey)] },
  '_dmarc.example.com': { txt: ['v=DMARC1; p=reject'] },
  'loop.test': { txt: ['v=spf1 include:loop.test -all'] },
  'terms.test': { txt: [`v=spf1 ${Array.from({ length: 11 }, () => 'include:empty.test').join(' ')} -all`] },
  'empty.test': { txt: ['v=spf1 ?all'] },
  'void.test': { txt: ['v=spf1 a:v1.test a:v2.test a:v3.test -all'] },
  'broken.test': { fail: true },
};
const TEXT = 'From: a@example.com\r\nTo: b@example.net\r\nSubject: s\r\nDate: x\r\n\r\nbody\r\n';
async function signed(
  text: string,
  domain = 'example.com',
  selector = 'good',
  key = rsa.privateKey,
): Promise<string> {
  const keys = [{ selector, algorithm: 'rsa-sha256' as const, privateKey: key }];
  return (await signDkim({ message: Buffer.from(text), domain, keys, now: NOW })) + text;
}
async function verify(text: string, over: Partial<Parameters<typeof verifyMessage>[0]> = {}) {
  const message = Buffer.from(text, 'latin1');
  return await verifyMessage({
    message,
    section: readHeaderSection(message),
    hashBody: hashHere,
    share: 'p',
    peerAddress: '192.0.2.1',
    helo: 'mail.example.com',
    mailFrom: 'bounce@example.com',
    hostname: 'mx.hikyaku.test',
    resolver: createZoneResolver(ZONE),
    now: NOW,
    ...over,
  });
}

test('an honest message: the shape of the verdict and the field', async () => {
  const { authentication, authenticationResults } = await verify(await signed(TEXT));
  assert.deepEqual(authentication, {
    spf: { result: 'pass', domain: 'example.com', scope: 'mfrom' },
    dkim: [
      { result: 'pass', domain: 'example.com', selector: 'good', algorithm: 'rsa-sha256', aligned: true },
    ],
    dmarc: { result: 'pass', policy: 'reject', domain: 'example.com', alignment: { spf: true, dkim: true } },
    arc: { result: 'none' },
  });
  assert.equal(
    authenticationResults,
    'mx.hikyaku.test;\r\n\tspf=pass smtp.mailfrom=bounce@example.com;\r\n\t' +
      'dkim=pass header.d=example.com header.s=good header.a=rsa-sha256;\r\n\tdmarc=pass header.from=example.com;\r\n\tarc=none',
  );
});

test('a forged sender fails, an unpublished domain is none', async () => {
  const forged = await verify(await signed(TEXT, 'evil.test'), {
    peerAddress: '198.51.100.1',
    mailFrom: 'x@evil.test',
  });
  assert.equal(forged.authentication.dmarc.result, 'fail');
  assert.equal(forged.authentication.dkim[0]?.result, 'pass');
  assert.equal(forged.authentication.dkim[0]?.aligned, false);
  assert.equal(
    (await verify('From: a@nobody.test\r\n\r\n', { peerAddress: '198.51.100.1' })).authentication.dmarc
      .result,
    'none',
  );
});

test('no DMARC pass without exactly one From address', async () => {
  for (const text of [
    `From: a@example.com\r\n${TEXT}`,
    TEXT.replace('From: a@example.com', 'From: a@example.com, b@example.com'),
    TEXT.replace('From: a@example.com', 'From: a@example.com, x@evil.test'),
    TEXT.replace('From: a@example.com', 'FROM : x@evil.test\r\nfrom: a@example.com'),
    TEXT.replace('From: a@example.com\r\n', ''),
  ]) {
    const { authentication } = await verify(await signed(text));
    assert.equal(authentication.dmarc.result, 'permerror', text);
    assert.ok(authentication.dkim.every((one) => !one.aligned));
  }
});

test('weak keys, sha1 and l= never pass', async () => {
  const off = { peerAddress: '198.51.100.1' };
  const short = await verify(await signed(TEXT, 'example.com', 'weak', weak.privateKey), off);
  assert.deepEqual(
    [short.authentication.dkim[0]?.result, short.authentication.dmarc.result],
    ['policy', 'fail'],
  );
  const sha1 = (await signed(TEXT)).replace('a=rsa-sha256', 'a=rsa-sha1');
  assert.notEqual((await verify(sha1, off)).authentication.dkim[0]?.result, 'pass');
  const { dkimSign } = await import('mailauth/lib/dkim/sign.js');
  const partial = await dkimSign(TEXT, {
    canonicalization: 'relaxed/relaxed',
    signatureData: [
      {
        signingDomain: 'example.com',
        selector: 'good',
        privateKey: rsa.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
        maxBodyLength: 4,
      },
    ],
  } as never);
  const appended = await verify(`${partial.signatures}${TEXT}appended by a stranger\r\n`, off);
  assert.deepEqual(
    [
      appended.authentication.dkim[0]?.result,
      appended.authentication.dkim[0]?.reason,
      appended.authentication.dmarc.result,
    ],
    ['policy', 'body signed in part', 'fail'],
  );
});

test('many signatures: ten are tried, look-ups are bounded', async () => {
  const one =
    'DKIM-Signature: v=1; a=rsa-sha256; d=dNNN.test; s=s; h=from; bh=NsTWvVXXPyh3Yeo5wwvGMHK+RMeV6SRwZz+9T1FJgEk=; b=AAAA\r\n';
  const resolver = createZoneResolver(ZONE);
  const { authentication, ignoredSignatures } = await verify(
    Array.from({ length: 900 }, (_, i) => one.replace('NNN', String(i))).join('') + TEXT,
    { resolver },
  );
  assert.equal(ignoredSignatures, 890);
  assert.equal(authentication.dkim.length, 10);
  assert.ok(resolver.queries.length < 40, String(resolver.queries.length));
  assert.ok(authentication.dkim.every(({ result }) => result !== 'pass'));
});

test('SPF limits are permerror, DNS failure is temperror, the null path is judged by HELO', async () => {
  const spf = async (mailFrom: string, helo = 'mail.example.com') =>
    (await verify(TEXT, { mailFrom, helo, peerAddress: '198.51.100.1' })).authentication.spf;
  for (const domain of ['loop.test', 'terms.test', 'void.test'])
    assert.equal((await spf(`a@${domain}`)).result, 'permerror', domain);
  assert.equal((await spf('a@broken.test')).result, 'temperror');
  assert.equal((await spf('a@none.test')).result, 'none');
  assert.deepEqual(await spf('', 'example.com'), { result: 'fail', domain: 'example.com', scope: 'helo' });
});

test('failing and silent DNS give temperror, at the latest after ten seconds', async () => {
  const failing = createZoneResolver({
    ...ZONE,
    'good._domainkey.example.com': { fail: true },
    'example.com': { fail: true },
  });
  const result = (await verify(await signed(TEXT), { resolver: failing })).authentication;
  assert.deepEqual([result.spf.result, result.dkim[0]?.result], ['temperror', 'temperror']);
  const never = () => new Promise<never>(() => {});
  const silent: Resolver = {
    mx: never,
    a: never,
    aaaa: never,
    txt: never,
    ptr: never,
    cname: never,
    srv: never,
  };
  const clock = createFakeClock();
  const pending = verify(await signed(TEXT), { resolver: silent, clock });
  await clock.advance(10_000);
  const late = (await pending).authentication;
  assert.deepEqual([late.spf.result, late.dmarc.result], ['temperror', 'temperror']);
  assert.equal(clock.pending, 0);
});

test('peer texts cannot break out of the field', async () => {
  const evil = 'a"; dmarc=pass (\r\nX-Evil: 1\0é\\';
  const { authenticationResults } = await verify(
    `DKIM-Signature: v=1; a=rsa-sha256; d=x"(\r\n y.test; s=a b; h=from; bh=AA==; b=AAAA\r\n${TEXT}`,
    { helo: evil, mailFrom: '' },
  );
  for (const line of authenticationResults.split('\r\n').slice(1)) assert.match(line, /^\t[\x20-\x7e]*$/);
  const unquoted = authenticationResults.replace(/"(?:[^"\\]|\\.)*"/g, '""');
  assert.doesNotMatch(unquoted, /["(\\]{1}(?!")[^"]*X-Evil|dmarc=pass/);
  assert.equal(safeValue('a"b\\c\r\nd'), '"a\\"b\\\\c??d"');
  assert.equal(safeValue(''), '""');
});

test('hostile headers and bodies end soon, without a throw', async () => {
  const cases = [
    `From: ${'('.repeat(50_000)}\r\n\r\n`,
    `From: ${'<'.repeat(15_000)}\r\n\r\n`,
    `From: ${'a@a,'.repeat(4000)}\r\n\r\n`,
    `From: a@example.com\r\nX: ${'\r\n x'.repeat(200_000)}\r\n\r\n`,
    'X: y\r\n'.repeat(100_000),
    `${'X: y\r\n'.repeat(2900)}DKIM-Signature: v=1; a=rsa-sha256; d=a.test; s=s; bh=AA==; b=AA==; h=${'x:'.repeat(7000)}from\r\n${TEXT}`,
    `DKIM-Signature: ${';'.repeat(16_000)}\r\n${TEXT}`,
    `${TEXT}${' '.repeat(1_000_000)}`,
    '',
    '\r\n',
    '\0\0',
  ];
  for (const text of cases) {
    const { authentication } = await verify(text);
    assert.ok(authentication.dkim.every(({ result }) => result !== 'pass'));
  }
});

test('where the header leaves open who wrote it, DMARC is permerror and nothing is aligned; SPF and DKIM are as found', async () => {
  const honest = await signed(TEXT);
  for (const [name, text] of Object.entries({
    'a second From above': `From: ceo@other.test\r\n${honest}`,
    'a second From behind a line that is none': honest.replace(
      '\r\nSubject:',
      '\r\n: x\r\nFrom: ceo@other.test\r\nSubject:',
    ),
    'a line that is no field': honest.replace('\r\nSubject:', '\r\nX Y: z\r\nSubject:'),
    'a name with NUL': honest.replace('\r\nSubject:', '\r\nFro\0m: ceo@other.test\r\nSubject:'),
    'two Sender': honest.replace(
      '\r\nSubject:',
      '\r\nSender: a@example.com\r\nSENDER : b@example.com\r\nSubject:',
    ),
  })) {
    const { authentication } = await verify(text);
    assert.equal(authentication.spf.result, 'pass', name);
    assert.deepEqual(
      authentication.dkim.map(({ result, aligned }) => [result, aligned]),
      // What was not signed twice over cannot break the signature; an added From does.
      [[name.includes('From') ? 'fail' : 'pass', false]],
      name,
    );
    assert.deepEqual(
      authentication.dmarc,
      { result: 'permerror', policy: null, domain: '', alignment: { spf: false, dkim: false } },
      name,
    );
  }
  for (const from of [
    'Group: a@example.com;',
    'Smile :) <a@example.com>',
    '',
    '(\r\n boss@other.test) <a@example.com>',
    '"<boss@other.test>)\r\n あ" <a@example.com>',
    'a@example.com (\r\n .other.test)',
    '"x\x1b$B"<boss@other.test>,"A\x1b(B" <a@example.com>',
  ]) {
    const { authentication } = await verify(await signed(TEXT.replace('a@example.com', from)));
    assert.deepEqual(
      [authentication.dmarc.result, authentication.spf.result, authentication.dkim[0]?.aligned ?? false],
      ['permerror', 'pass', false],
      from,
    );
  }
  for (const from of [
    '\x1b$BF|K\\@>\x1b(B\r\n <a@example.com>',
    '"Ann\r\n B." <a@example.com> (x\r\n y)',
    '"boss@other.test" <a@example.com>',
  ]) {
    const { authentication } = await verify(await signed(TEXT.replace('a@example.com', from)));
    assert.deepEqual([authentication.dmarc.result, authentication.dkim[0]!.aligned], ['pass', true], from);
  }
  for (const many of ['X: y\r\n'.repeat(1001), `X: ${'y'.repeat(300_000)}\r\n`]) {
    const { authentication } = await verify(many + honest);
    assert.deepEqual([authentication.dmarc.result, authentication.spf.result], ['permerror', 'pass']);
  }
});

test('a second To, Subject or Message-ID, and a leading mbox line, leave the author as he is', async () => {
  for (const above of ['From a@example.com Thu Jan  1 00:00:00 2026\r\n', '>From x\r\n']) {
    const { authentication } = await verify(above + (await signed(TEXT)));
    assert.deepEqual(
      [authentication.dmarc.result, authentication.dkim[0]?.result, authentication.dkim[0]?.aligned],
      ['pass', 'pass', true],
      above,
    );
  }
  for (const name of ['To', 'Subject', 'Message-ID']) {
    const twice = TEXT.replace('\r\n\r\n', `\r\n${name}: <x@y.test>\r\n${name}: <z@y.test>\r\n\r\n`);
    assert.equal((await verify(await signed(twice))).authentication.dmarc.result, 'pass', name);
  }
});

test('an author in raw ISO-2022-JP is read', async () => {
  const text = TEXT.replace('a@example.com', '\x1b$B;3ED\x1b(B <a@example.com>');
  assert.equal((await verify(await signed(text))).authentication.dmarc.result, 'pass');
});

test('signatures of every canonicalisation are verified, bodies of 100 kB included', async () => {
  const { dkimSign } = await import('mailauth/lib/dkim/sign.js');
  for (const body of ['body\r\n', '  \r\n\r\n', '', 'x \t y \r\n'.repeat(10_000)])
    for (const canonicalization of ['simple/simple', 'relaxed/simple', 'simple/relaxed', 'relaxed/relaxed']) {
      const message = TEXT.replace('body\r\n', body);
      const { signatures } = await dkimSign(Buffer.from(message), {
        canonicalization,
        signTime: new Date(NOW),
        signatureData: [
          {
            signingDomain: 'example.com',
            selector: 'good',
            privateKey: rsa.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
          },
        ],
      } as never);
      const { authentication } = await verify(`${signatures.trim()}\r\n${message}`);
      assert.equal(
        authentication.dkim[0]?.result,
        'pass',
        `${canonicalization} ${JSON.stringify(body.slice(0, 20))}`,
      );
    }
});
