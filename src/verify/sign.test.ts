/** Signatures are checked by two other implementations (mailauth, and dkimpy where installed) and against RFC 8463. */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
// @ts-expect-error the package has no types for this file
import { dkimBody } from 'mailauth/lib/dkim/body/index.js';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { relaxField } from '../mail/relax-field.ts';
import { bodyHash } from './body-hash.ts';
import { relaxBody } from './canonical.ts';
import { SigningError, type SigningKey, signDkim } from './sign.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
/** RFC 8463 Appendix A.1. */
const ed25519 = createPrivateKey({
  key: Buffer.concat([
    Buffer.from('302e020100300506032b657004220420', 'hex'),
    Buffer.from('nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=', 'base64'),
  ]),
  format: 'der',
  type: 'pkcs8',
});
const KEYS: SigningKey[] = [
  { selector: 'r1', algorithm: 'rsa-sha256', privateKey: rsa.privateKey },
  { selector: 'brisbane', algorithm: 'ed25519-sha256', privateKey: ed25519 },
];
const ED25519_PUBLIC = '11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=';
function rsaPublic(key: KeyObject): string {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).toString('base64');
}
const ZONE: Record<string, string> = {
  'r1._domainkey.example.com': `v=DKIM1; k=rsa; p=${rsaPublic(rsa.privateKey)}`,
  'brisbane._domainkey.example.com': `v=DKIM1; k=ed25519; p=${ED25519_PUBLIC}`,
};
async function verdicts(message: Buffer): Promise<string[]> {
  const resolver = async (name: string) => {
    const record = ZONE[name];
    if (record === undefined) throw Object.assign(new Error('none'), { code: 'ENOTFOUND' });
    return [[record]];
  };
  const { results } = await dkimVerify(message, { resolver } as never);
  return results.map((row: { status: { result: string } }) => row.status.result);
}
const MESSAGE = Buffer.from(
  'From: Joe SixPack <joe@example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\n' +
    'Subject : Is  dinner\t ready?\r\n  Again\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n' +
    'Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\nReferences: <a@b.test>\r\n <c@d.test>\r\n' +
    'List-Id: x\r\nReceived: from a\r\nReceived: from b\r\nX-Blob: \xff\xfe\r\n\r\n' +
    'Hi.\r\n\r\nWe lost the  game. \t\r\nAre you hungry yet?\r\n\r\nJoe.\r\n \r\n\r\n',
  'latin1',
);

test('both signatures verify with mailauth, and each change that matters breaks them', async () => {
  const fields = await signDkim({ message: MESSAGE, domain: 'example.com', keys: KEYS, now: NOW });
  const signed = Buffer.concat([Buffer.from(fields), MESSAGE]);
  assert.deepEqual(await verdicts(signed), ['pass', 'pass']);
  assert.match(fields, /t=1767323045;/);
  assert.ok(!/x=/.test(fields.replace(/b=[^;]*$/gm, '')));
  for (const line of fields.split('\r\n')) assert.ok(line.length <= 78, line);
  const text = signed.toString('latin1');
  const broken = async (changed: string) =>
    (await verdicts(Buffer.from(changed, 'latin1'))).every((one) => one !== 'pass');
  for (const name of [
    'From: x@y.test',
    'Subject: other',
    'Cc: x@y.test',
    'Reply-To: x@y.test',
    'Content-Type: text/html',
    'MIME-Version: 1.0',
    'To: x@y.test',
    'Date: x',
  ])
    assert.ok(await broken(`${name}\r\n${text}`), `added ${name}`);
  assert.ok(await broken(text.replace('Joe.', 'Jim.')));
  assert.ok(await broken(text.replace('<a@b.test>', '<z@b.test>')));
  assert.deepEqual(await verdicts(Buffer.from(`Received: one more\r\n${text}`, 'latin1')), ['pass', 'pass']);
});

test('the body hash of RFC 8463 Appendix A, and a known body hash is used as given', async () => {
  const body = 'Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n';
  const message = Buffer.from(`From: joe@football.example.com\r\n\r\n${body}`);
  assert.equal(bodyHash(message), '2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=');
  const given = await signDkim({
    message,
    domain: 'example.com',
    keys: KEYS,
    now: NOW,
    bodyHash: bodyHash(message),
  });
  assert.equal(given, await signDkim({ message, domain: 'example.com', keys: KEYS, now: NOW }));
});

test('headers alone, repeated fields and an empty body verify', async () => {
  for (const text of [
    'From: a@example.com\r\n\r\n',
    'From: a@example.com\r\n',
    'From: a@example.com\r\nTo: b@example.com\r\nTo:\r\n\r\n \r\n',
  ])
    assert.deepEqual(
      await verdicts(
        Buffer.concat([
          Buffer.from(
            await signDkim({ message: Buffer.from(text), domain: 'example.com', keys: KEYS, now: NOW }),
          ),
          Buffer.from(text),
        ]),
      ),
      ['pass', 'pass'],
      JSON.stringify(text),
    );
});

test('nothing is signed that leaves open who wrote it', async () => {
  for (const header of [
    'From: a@example.com\r\nfrom : b@other.test\r\n',
    'From: a@example.com\r\n: x\r\nFrom: b@other.test\r\n',
    'From: a@example.com\r\nSender: a@example.com\r\nSender: b@other.test\r\n',
    'From: a@example.com\r\nFro\0m: b@other.test\r\n',
  ]) {
    const message = Buffer.from(`${header}\r\nx\r\n`);
    assert.equal(await signDkim({ message, domain: 'example.com', keys: KEYS, now: NOW }), '', header);
  }
});

test('what does not fit is refused', async () => {
  const refused = (change: object) =>
    assert.rejects(
      signDkim({ message: MESSAGE, domain: 'example.com', keys: KEYS, now: NOW, ...change }),
      SigningError,
    );
  await refused({ domain: 'example.com; x=1' });
  await refused({ domain: 'a\r\nb' });
  await refused({ keys: [{ ...KEYS[0]!, selector: 'a b' }] });
  await refused({ keys: [{ ...KEYS[0]!, algorithm: 'ed25519-sha256' }] });
  assert.equal(await signDkim({ message: MESSAGE, domain: 'example.com', keys: [], now: NOW }), '');
});

const PIECES = fc.array(fc.constantFrom('a', ' ', '\t', '\r\n', '\r', '\n', '.', 'é', '\r\n\r\n', '  '), {
  maxLength: 40,
});

test('property: the body canonicalisation agrees with another implementation', () => {
  fc.assert(
    fc.property(PIECES, (pieces) => {
      const body = Buffer.from(
        pieces
          .join('')
          // Lone CR and LF are refused by our server; the other implementation reads them as line ends.
          .replace(/\r(?!\n)|(?<!\r)\n/g, 'b'),
      );
      const other = dkimBody('relaxed', 'sha256', undefined);
      other.update(body);
      const ours = createHash('sha256');
      relaxBody(body, (octets) => void ours.update(octets));
      assert.equal(ours.digest('base64'), other.digest('base64'));
    }),
    { numRuns: 500 },
  );
});

test('property: canonicalisation is idempotent, for bodies and fields', () => {
  const relaxed = (body: Buffer) => {
    const parts: Buffer[] = [];
    relaxBody(body, (octets) => void parts.push(Buffer.from(octets)));
    return Buffer.concat(parts);
  };
  fc.assert(
    fc.property(PIECES, (pieces) => {
      const once = relaxed(Buffer.from(pieces.join('')));
      assert.deepEqual(relaxed(once), once);
      assert.ok(once.length === 0 || once.subarray(-2).toString() === '\r\n');
      const field = relaxField(`Subject \t:${pieces.join('').replaceAll(/[\r\n]+/g, '\r\n ')}\r\n`);
      assert.equal(relaxField(field), field);
      assert.match(field, /^subject:(\S( ?\S)*)?\r\n$/u);
    }),
    { numRuns: 300 },
  );
});

test('hostile sizes stay linear: 8 MiB of blanks, empty lines and one line', () => {
  for (const unit of [' ', '\r\n', 'a', ' \t\r\n', 'a ']) {
    const body = Buffer.alloc(8 * 1024 * 1024, unit);
    let octets = 0;
    relaxBody(body, (piece) => {
      octets += piece.length;
    });
    assert.ok(octets <= body.length + 2, unit);
  }
  assert.equal(
    relaxField(`Subject:${' '.repeat(1_000_000)}a${' '.repeat(1_000_000)}b\r\n`),
    'subject:a b\r\n',
  );
});

/** Debian's own interpreter is where Debian's packages are; another may stand before it on the PATH. */
const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';
const dkimpy = spawnSync(PYTHON, ['-c', 'import dkim']).status === 0;
const nacl = spawnSync(PYTHON, ['-c', 'import dkim, nacl.signing']).status === 0;
for (const [index, installed, what] of [
  [0, dkimpy, 'RSA'],
  [1, nacl, 'Ed25519'],
] as const) {
  test(`dkimpy verifies the ${what} signature`, {
    skip: installed ? false : 'python3 dkim (or nacl) is not installed',
  }, async () => {
    // dkimpy does not read the obsolete blank before a colon.
    const strict = Buffer.from(MESSAGE.toString('latin1').replace('Subject :', 'Subject:'), 'latin1');
    const fields = await signDkim({
      message: strict,
      domain: 'example.com',
      keys: [KEYS[index]!],
      now: NOW,
    });
    const program =
      'import sys, json, dkim\nzone = json.loads(sys.argv[1])\n' +
      'ok = dkim.DKIM(sys.stdin.buffer.read()).verify(dnsfunc=lambda name, timeout=5: zone.get(name.decode().rstrip("."), "").encode())\n' +
      'print("pass" if ok else "fail")\n';
    const out = execFileSync(PYTHON, ['-c', program, JSON.stringify(ZONE)], {
      input: Buffer.concat([Buffer.from(fields), strict]),
    });
    assert.equal(out.toString().trim(), 'pass');
  });
}
