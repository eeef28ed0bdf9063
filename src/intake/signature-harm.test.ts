/**
 * Mail to be sent that others signed: either its signatures verify after our changes as before, or it is refused with the
 * field, the signer and what to do.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { dkimSign } from 'mailauth/lib/dkim/sign.js';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import type { DomainReader, MtaDomain } from '../domains/mta-domains.ts';
import type { Principal } from '../iam/projects.ts';
import { findLongLine, MAX_LINE } from '../mail/long-lines.ts';
import { createRandom } from '../runtime/random.ts';
import { formatReply } from '../smtp/reply.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { prepareOutgoing } from './outgoing.ts';
import { refusalReply } from './receiver.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const RECORD = `v=DKIM1; k=rsa; p=${publicKey.export({ format: 'der', type: 'spki' }).toString('base64')}`;
const context = { clock: createFakeClock(), random: createRandom(), hostname: 'mail.own.test' };
const principal = { projectId: 'p' } as unknown as Principal;

interface Ours {
  readonly dkimEnabled: boolean;
  readonly keys: readonly string[];
}
/** null: taken; else the reply. */
async function prepare(message: Buffer, ours: Ours = { dkimEnabled: true, keys: ['active'] }) {
  const domain = { name: 'own.test', projectId: 'p', dkimEnabled: ours.dkimEnabled } as unknown as MtaDomain;
  const read = {
    findDomain: async (name: string) => (name === 'own.test' ? domain : null),
    dkimKeys: async () => ours.keys.map((state) => ({ state })),
  } as unknown as DomainReader;
  const longLine = findLongLine(message, MAX_LINE) !== null;
  const given = { message, smtputf8: false, longLine };
  const result = await prepareOutgoing(read, principal, domain, given, context);
  if (!result.ok) return { reply: formatReply(refusalReply(result.refusal)).trim() };
  const { raw, added } = result.value;
  return { left: Buffer.concat([Buffer.from(`Received: by mail.own.test; x\r\n${added}`), raw]) };
}
async function signed(text: string, canonicalization: string, h: string): Promise<Buffer> {
  const message = Buffer.from(text);
  const { signatures } = await dkimSign(message, {
    canonicalization,
    headerList: h.split(':'),
    signatureData: [{ signingDomain: 'other.test', selector: 's', privateKey: PEM }],
  } as never);
  return Buffer.concat([Buffer.from(signatures), message]);
}
async function verifies(message: Buffer): Promise<boolean> {
  const resolver = async () => [[RECORD]];
  const { results } = await dkimVerify(message, { resolver } as never);
  return results.every((row: { status: { result: string } }) => row.status.result === 'pass');
}

const BASE = 'From: a@own.test\r\nDate: Fri, 27 Nov 2026 02:00:00 +0000\r\nMessage-ID: <1@own.test>\r\n';
const MANY = `References:${' <1@own.test>'.repeat(120)}`;
const FOLDED = BASE.replace('a@own.test', '"a,\r\n b" <a@own.test>');
const cases: readonly (readonly [
  what: string,
  header: string,
  c: string,
  h: string,
  reply: RegExp | null,
])[] = [
  [
    'raw text',
    `${BASE}Subject: é`,
    'relaxed/relaxed',
    'From:Subject',
    /the Subject header field \(line \d+\) needs encoding, .* signature of other\.test; write its text as encoded words \(RFC 2047\) before signing$/,
  ],
  ['raw text beside', `${BASE}Subject: é`, 'relaxed/relaxed', 'From:Date', null],
  [
    'folded, simple',
    `${BASE}${MANY}`,
    'simple/simple',
    'From:References',
    /the References header field \(line \d+\) has a line over 998 octets, .* other\.test; fold it before signing$/,
  ],
  ['folded, relaxed', `${BASE}${MANY}`, 'relaxed/relaxed', 'From:References', null],
  ['folded beside', `${BASE}${MANY}`, 'simple/simple', 'From:Date', null],
  [
    'a fold in quotes, simple',
    FOLDED,
    'simple/simple',
    'From',
    /the From header field .* has a fold in quotes or in a comment, .* other\.test; unfold it before signing$/,
  ],
  ['a fold in quotes, relaxed', FOLDED, 'relaxed/relaxed', 'From', null],
  [
    'Bcc',
    `${BASE}Bcc: x@y.test`,
    'relaxed/relaxed',
    'From:Bcc',
    /the Bcc header field .* must not leave, .* other\.test; remove it before signing$/,
  ],
  ['Bcc beside', `${BASE}Bcc: x@y.test`, 'relaxed/relaxed', 'From', null],
  [
    'Return-Path',
    `Return-Path: <a@own.test>\r\n${BASE}`,
    'relaxed/relaxed',
    'From:Return-Path',
    /the Return-Path .* remove it before signing$/,
  ],
  [
    'results in our name',
    `Authentication-Results: mail.own.test; spf=pass\r\n${BASE}`,
    'relaxed/relaxed',
    'From:Authentication-Results',
    /the Authentication-Results .* remove it/,
  ],
  [
    'both of two',
    `Comments: é\r\nComments: x\r\n${BASE}`,
    'relaxed/relaxed',
    'From:Comments:Comments',
    /the Comments header field/,
  ],
];
for (const [what, header, c, h, reply] of cases)
  test(`a signature of others: ${what}`, async () => {
    const message = await signed(`${header}\r\n\r\nx\r\n`, c, h);
    assert.ok(await verifies(message), 'as it came');
    const { reply: refused, left } = await prepare(message);
    if (reply !== null) assert.match(refused ?? 'taken', new RegExp(`^554 5\\.6\\.0 ${reply.source}`));
    else assert.ok(left !== undefined && (await verifies(left)), refused);
  });

const replyTo = async (text: string, ours?: Ours) =>
  (await prepare(Buffer.from(text), ours)).reply ?? 'taken';
const signature = (d: string, h: string, more = '') =>
  `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; ${more}d=${d};\r\n h=${h}; b=x\r\n`;

test('a signature by the domain that we sign as does not hinder, but only if we sign', async () => {
  const text = (d: string) => `${signature(d, 'from : Subject')}${BASE}Subject: é\r\n\r\n`;
  assert.equal(await replyTo(text('Own.test')), 'taken');
  assert.match(await replyTo(text('own.test'), { dkimEnabled: false, keys: ['active'] }), /of own\.test/);
  assert.match(await replyTo(text('own.test'), { dkimEnabled: true, keys: ['pending'] }), /of own\.test/);
  assert.match(await replyTo(text('sub.own.test')), /of sub\.own\.test/);
  assert.match(await replyTo(signature('own.test', 'Subject') + text('other.test')), /of other\.test/);
});

test('every kind of signature is looked at, and what none covers is changed as before', async () => {
  const results = 'ARC-Authentication-Results: i=1; b.test (é); dkim=pass\r\n';
  const subject = `${BASE}Subject: é\r\n\r\n`;
  for (const [text, wanted] of [
    [`ARC-Seal: i=1; d=arc.test; b=x\r\n${results}${BASE}\r\n`, /ARC-Authentication-Results .* arc\.test/],
    [`ARC-Seal: i=1; d=arc.test; b=x\r\n${subject}`, /^taken$/],
    [`ARC-Message-Signature: i=1; d=arc.test; h=subject; b=x\r\n${subject}`, /the Subject .* arc\.test/],
    [`DomainKey-Signature: d=old.test; c=nofws; b=x\r\n${subject}`, /the Subject .* old\.test/],
    [`DomainKey-Signature: d=old.test; c=nofws; h=From; b=x\r\n${subject}`, /^taken$/],
    // RFC 4870 §3.3: without a list, the fields behind it.
    [`Comments: é\r\nDomainKey-Signature: d=old.test; c=nofws; b=x\r\n${BASE}\r\n`, /^taken$/],
    [`DomainKey-Signature: d=old.test; c=nofws; b=x\r\nFrom: a@own.test\r\n\r\n`, /^taken$/],
    // RFC 6376 §3.5: literals of its grammar are in any case.
    [`DKIM-Signature: d=old.test; c=Relaxed/simple; h=References; b=x\r\n${BASE}${MANY}\r\n\r\n`, /^taken$/],
    [`DKIM-Signature: d=old.test; c=Simple; h=References; b=x\r\n${BASE}${MANY}\r\n\r\n`, /References/],
    [`DomainKey-Signature: h=Subject; b=x\r\n${subject}`, /the signature of DomainKey-Signature;/],
    [`${signature('other.test', 'From', 'i=é@other.test; ')}${BASE}\r\n`, /only ASCII/],
    [`${signature('other.test', 'From', 'x=1 (é); ')}${BASE}\r\n`, /the DKIM-Signature .* other\.test/],
    // RFC 6376 §5.4.2: of two fields, one name in h= means the last.
    [`${signature('other.test', 'Comments')}Comments: é\r\nComments: x\r\n${BASE}\r\n`, /^taken$/],
    [`${signature('other.test', 'Comments')}Comments: x\r\nComments: é\r\n${BASE}\r\n`, /the Comments .*/],
    [`From someone\r\n${signature('other.test', 'From:Bcc')}${BASE}\r\n`, /^taken$/],
    [`${signature('other.test', 'From:Subject')}${BASE}Subject: \x1b$BF|K\\\x1b(B\r\n\r\n`, /encoding/],
  ] as const)
    assert.match(await replyTo(text), wanted, text);
});

test('a signature that forbids a field that we add is refused before: Date, Message-ID', async () => {
  const text = `${signature('other.test', 'From:Date:Message-ID')}From: a@own.test\r\n`;
  assert.match(
    await replyTo(`${text}\r\n`),
    /^554 5\.6\.0 the Date header field is missing, .* other\.test; add it before signing$/,
  );
  assert.match(await replyTo(`${text}Date: x\r\n\r\n`), /the Message-ID header field is missing/);
  assert.equal(await replyTo(`${signature('other.test', 'From')}From: a@own.test\r\n\r\n`), 'taken');
});

test('results in our name do not leave, even if they hold text that needs encoding', async () => {
  const forged = `Authentication-Results: mail.own.test (é); dkim=pass\r\n${BASE}\r\nx\r\n`;
  const { left } = await prepare(Buffer.from(forged));
  assert.doesNotMatch(left?.toString() ?? '', /Authentication-Results/i);
});
