/**
 * Mail that trips up signers, from public bug reports: each file is judged as submission does, and signed with RSA and
 * Ed25519. Two verifiers, our own and dkimpy, find both signatures good in all that leaves; its octets are those that
 * came, but for what submission takes away, encodes or folds.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import type { DomainReader, MtaDomain } from '../../src/domains/mta-domains.ts';
import type { Principal } from '../../src/iam/projects.ts';
import { prepareOutgoing } from '../../src/intake/outgoing.ts';
import { refusalReply } from '../../src/intake/receiver.ts';
import { dotStuffed } from '../../src/mail/dot-stuffing.ts';
import { readHeaderSection } from '../../src/mail/headers.ts';
import { createRandom } from '../../src/runtime/random.ts';
import { formatReply } from '../../src/smtp/reply.ts';
import { createDataReader } from '../../src/smtp/server/data-reader.ts';
import { createFakeClock } from '../../src/testing/fake-clock.ts';
import { createZoneResolver } from '../../src/testing/zone-resolver.ts';
import { hashHere } from '../../src/verify/body-hash.ts';
import { signDkim } from '../../src/verify/sign.ts';
import { verifyMessage } from '../../src/verify/verify-message.ts';

const FOLDER = new URL('.', import.meta.url);
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.eml'));

/** What submission says to those that it refuses. */
const REFUSED: Record<string, RegExp> = {
  'c02-two-from': /^554 5\.6\.0 more than one From header field/,
  'c03-two-subject': /^554 5\.6\.0 more than one Subject header field: again in line 6/,
  'c03b-two-to': /^554 5\.6\.0 more than one To header field: again in line 6/,
  'c03c-two-mid': /^554 5\.6\.0 more than one Message-ID header field: again in line 6/,
  'c08-barelf': /^bare-line-end$/,
  'c08b-barecr': /^bare-line-end$/,
  'c11c-raw-sjis':
    /^554 5\.6\.0 the Subject header field \(line 3\) holds octets beyond ASCII that are not UTF-8/,
  'c12-longline': /^554 5\.6\.0 line 7 of the message has \d+ octets, the limit is 998 without CRLF/,
  'c15-from-comma': /^554 5\.6\.0 the From header field is not a list of mailboxes; quote names/,
  'c15c-from-group': /^554 5\.6\.0 the From header field is not a list of mailboxes/,
  'c15d-from-missing': /^554 5\.6\.0 the From header field is missing/,
  'c17-hops': /^554 5\.4\.6 /,
  'c18-nul': /^554 5\.6\.0 the body holds NUL/,
  'c20-longheadertoken': /^554 5\.6\.0 line 6 of the header \(X-Tok\) has 2007 octets, the limit is 998/,
};
/** What leaves otherwise than it came, as it is told from what came. */
const CHANGED: Record<string, (given: string) => string> = {
  'c04-bcc': (given) => given.replace(/^(?:Resent-)?Bcc ?:.*\r\n(?: .*\r\n)*/gim, ''),
  'c05-longrefs': (given) => given.replace(/^References: .*/m, (line) => folded(line)),
  'c11-raw8': (given) => given.replace(/^Subject: .*/m, 'Subject: =?UTF-8?B?44OG44K544OI?='),
  'c11b-raw-jis': (given) => given.replace(/^Subject: .*/m, 'Subject: =?UTF-8?B?44OG44K544OI?='),
  'c16-return-path': (given) => given.replace(/^Return-Path:.*\r\n/m, ''),
  'c27-mbox-from': (given) => given.replace(/^From .*\r\n/, ''),
};
/** Each identifier on a line of its own: no two fit into 78 octets. */
function folded(line: string): string {
  const [first, ...others] = line.split(/ (?=<)/);
  return [`${first} ${others[0]}`, ...others.slice(1).map((id) => ` ${id}`)].join('\r\n');
}

const own = { name: 'sender.test', projectId: 'p' } as unknown as MtaDomain;
const read = {
  findDomain: async (name: string) => (name === own.name ? own : null),
} as unknown as DomainReader;
const context = { clock: createFakeClock(), random: createRandom(), hostname: 'mail.sender.test' };
const principal = { projectId: 'p' } as unknown as Principal;

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ed25519 = generateKeyPairSync('ed25519');
const KEYS = [
  { selector: 'rsa', algorithm: 'rsa-sha256' as const, privateKey: rsa.privateKey },
  { selector: 'ed', algorithm: 'ed25519-sha256' as const, privateKey: ed25519.privateKey },
];
const RECORDS: Record<string, string> = {
  'rsa._domainkey.sender.test': `v=DKIM1; k=rsa; p=${rsa.publicKey.export({ format: 'der', type: 'spki' }).toString('base64')}`,
  'ed._domainkey.sender.test': `v=DKIM1; k=ed25519; p=${ed25519.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64')}`,
};
const resolver = createZoneResolver(
  Object.fromEntries(Object.entries(RECORDS).map(([name, text]) => [name, { txt: [text] }])),
);

interface Left {
  readonly name: string;
  readonly given: Buffer;
  readonly raw: Buffer;
  readonly added: string;
  /** With our fields in front, as it goes to the next server. */
  readonly whole: Buffer;
}
const left: Left[] = [];
const refused = new Map<string, string>();

before(async () => {
  for (const file of files) {
    const name = file.replace('.eml', '');
    const given = readFileSync(new URL(file, FOLDER));
    const reader = createDataReader(1_000_000, 998);
    for (const piece of dotStuffed(given)) reader.push(piece);
    const result = reader.result();
    if (result.kind !== 'message') {
      refused.set(name, result.kind);
      continue;
    }
    const { message, long } = result;
    assert.deepEqual(message, given, name);
    const prepared = await prepareOutgoing(
      read,
      principal,
      own,
      { message, smtputf8: false, longLine: long },
      context,
    );
    if (!prepared.ok) {
      refused.set(name, formatReply(refusalReply(prepared.refusal)).trim());
      continue;
    }
    const { raw, added, utf8Header } = prepared.value;
    assert.equal(utf8Header, false, name);
    const prefix = `Received: by mail.sender.test with ESMTPSA; Fri, 27 Nov 2026 02:00:00 +0000\r\n${added}`;
    const unsigned = Buffer.concat([Buffer.from(prefix), raw]);
    const signatures = await signDkim({ message: unsigned, domain: own.name, keys: KEYS, now: Date.now() });
    left.push({ name, given, raw, added, whole: Buffer.concat([Buffer.from(signatures), unsigned]) });
  }
});

test('each is taken, or refused with what is wrong with it', () => {
  assert.equal(files.length, 42);
  assert.deepEqual([...refused.keys()].sort(), Object.keys(REFUSED).sort());
  for (const [name, said] of refused) assert.match(said, REFUSED[name]!, name);
  assert.equal(left.length, files.length - refused.size);
});

test('what leaves has the octets that came, but for what is taken away, encoded or folded', () => {
  for (const { name, given, raw } of left) {
    const text = given.toString('latin1');
    assert.equal(raw.toString('latin1'), CHANGED[name]?.(text) ?? text, name);
    for (const line of raw.toString('latin1').split('\r\n')) assert.ok(line.length <= 998, name);
  }
});

test('Date and Message-ID are added in front where there are none, and only there', () => {
  for (const { name, added } of left)
    assert.match(
      added,
      name === 'c01-nodate-nomid' ? /^Date: .*\r\nMessage-ID: <\S+@sender\.test>\r\n$/ : /^$/,
      name,
    );
});

test('our verifier finds both signatures good', async () => {
  for (const { name, whole } of left) {
    const { authentication } = await verifyMessage({
      message: whole,
      section: readHeaderSection(whole),
      hashBody: hashHere,
      share: 'p',
      peerAddress: '192.0.2.1',
      helo: 'mail.sender.test',
      mailFrom: 'a@sender.test',
      hostname: 'mx.b.test',
      resolver,
    });
    const ours = authentication.dkim.filter(({ selector }) => selector in { rsa: 1, ed: 1 });
    assert.deepEqual(
      ours.map(({ result, selector }) => [selector, result]),
      [
        ['rsa', 'pass'],
        ['ed', 'pass'],
      ],
      name,
    );
  }
});

/** Debian's own interpreter is where Debian's packages are; another may stand before it on the PATH. */
const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';
const dkimpy = spawnSync(PYTHON, ['-c', 'import dkim, nacl.signing']).status === 0;
/** dkimpy does not read white space before a colon (RFC 5322 §4.5); a header that has it keeps it. */
const UNREAD = new Set(['c10-colon-space']);
const PROGRAM = `
import base64, dkim, json, sys
given = json.load(sys.stdin)
def record(name, timeout=5):
    return given["zone"].get(name.decode().rstrip("."), "").encode()
for name, octets in given["mails"].items():
    found = dkim.DKIM(base64.b64decode(octets))
    print(name, *[found.verify(idx=i, dnsfunc=record) for i in (0, 1)])
`;
test('dkimpy finds both signatures good', {
  skip: dkimpy ? false : 'python3 dkim (or nacl) is not installed',
}, () => {
  const mails = left.filter(({ name }) => !UNREAD.has(name));
  const { stdout, stderr } = spawnSync(PYTHON, ['-c', PROGRAM], {
    input: JSON.stringify({
      zone: RECORDS,
      mails: Object.fromEntries(mails.map(({ name, whole }) => [name, whole.toString('base64')])),
    }),
    encoding: 'utf8',
  });
  assert.deepEqual(
    stdout.trim().split('\n'),
    mails.map(({ name }) => `${name} True True`),
    stderr,
  );
});
