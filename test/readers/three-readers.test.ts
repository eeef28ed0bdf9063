/**
 * Of everything that leaves, no other reader of headers sees an author, a sender or a Bcc that we did not judge or cut:
 * 10,000 random messages through the judge and the signer of submission, and some hundreds through a real session.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { before, test } from 'node:test';
import type { DomainReader, MtaDomain } from '../../src/domains/mta-domains.ts';
import type { Principal } from '../../src/iam/projects.ts';
import { prepareOutgoing } from '../../src/intake/outgoing.ts';
import { authorMailboxes } from '../../src/mail/authors.ts';
import { authorIsOpen } from '../../src/mail/header-defects.ts';
import { headerBounds, readHeaderSection } from '../../src/mail/headers.ts';
import { findLongLine, MAX_LINE } from '../../src/mail/long-lines.ts';
import { createRandom } from '../../src/runtime/random.ts';
import { createFakeClock } from '../../src/testing/fake-clock.ts';
import { signDkim } from '../../src/verify/sign.ts';
import { eventually } from '../journeys/harness.ts';
import { startJourney } from '../journeys/journey.ts';
import { openSmtp, plain, send } from '../journeys/raw-smtp.ts';
import { createDice, FOREIGN, hostile, hostileAuthor, OWN, wellFormed } from './generator.ts';
import { canRun, OTHER_READERS, readAll } from './readers.ts';

const HALF = 5000;
const SEED = 0x68696b79;
const domain = { name: OWN, projectId: 'p' } as unknown as MtaDomain;
const read = {
  findDomain: async (name: string) => (name === OWN ? domain : null),
} as unknown as DomainReader;
const context = { clock: createFakeClock(), random: createRandom(), hostname: 'mail.sender.test' };
const principal = { projectId: 'p' } as unknown as Principal;
const { privateKey } = generateKeyPairSync('ed25519');
const keys = [{ selector: 's', algorithm: 'ed25519-sha256' as const, privateKey }];

/** As it goes to the other server, or null where it is refused. */
async function leaving(text: string, smtputf8: boolean): Promise<Buffer | null> {
  const message = Buffer.from(text, 'latin1');
  const longLine = findLongLine(message, MAX_LINE) !== null;
  const prepared = await prepareOutgoing(read, principal, domain, { message, smtputf8, longLine }, context);
  if (!prepared.ok) return null;
  const { raw, added } = prepared.value;
  const prefix = Buffer.from(`Received: by mail.sender.test; Fri, 27 Nov 2026 02:00:00 +0000\r\n${added}`);
  const whole = Buffer.concat([prefix, raw]);
  const signature = await signDkim({ message: whole, domain: OWN, keys, now: 0 });
  assert.notEqual(signature, '', 'what leaves is signed');
  return Buffer.concat([Buffer.from(signature), whole]);
}

const left: { readonly message: Buffer; readonly given: string }[] = [];
before(async () => {
  const dice = createDice(SEED);
  for (let n = 0; n < 2 * HALF; n++) {
    const good = n % 2 === 0;
    const given = good ? wellFormed(dice) : hostile(dice);
    const message = await leaving(given, dice.once(4));
    if (good) assert.notEqual(message, null, `a well-formed message is refused: ${JSON.stringify(given)}`);
    if (message !== null) left.push({ message, given });
  }
});

test('all of the well-formed half is taken, and some of the hostile', (t) => {
  assert.ok(left.length > HALF * 1.1, String(left.length));
  t.diagnostic(`${left.length - HALF} of ${HALF} hostile messages were taken`);
});

for (const reader of OTHER_READERS) {
  test(`${reader.title} sees no author, sender or Bcc that we did not judge`, async (t) => {
    if (!(await canRun(reader))) return t.skip(`${reader.title} is not installed`);
    const seen = await readAll(
      reader,
      left.map(({ message }) => message),
    );
    assert.ok(seen.length > left.length / 2, `${seen.length} fields seen`);
    for (const { message, name, value, addresses } of seen) {
      if (name === 'unreadable') continue;
      const where = JSON.stringify({ name, value, given: left[message]!.given });
      assert.doesNotMatch(name, /bcc$/, where);
      for (const address of addresses) assert.ok(!address.toLowerCase().endsWith(`@${FOREIGN}`), where);
      // The modern policy of Python writes values anew: its addresses are what counts.
      assert.ok(value === '' || judged(left[message]!.message, name, value), where);
    }
  });
}

for (const reader of OTHER_READERS) {
  test(`${reader.title} sees no other author in mail from outside that has one to us`, async (t) => {
    if (!(await canRun(reader))) return t.skip(`${reader.title} is not installed`);
    const dice = createDice(SEED + 2);
    const messages = Array.from({ length: 2 * HALF }, () =>
      Buffer.from(`From: ${hostileAuthor(dice)}\r\n\r\nx\r\n`, 'latin1'),
    ).filter((message) => authors(message)?.every((domain) => domain === OWN));
    assert.ok(messages.length > HALF / 10, String(messages.length));
    for (const { message, name, addresses } of await readAll(reader, messages)) {
      if (name !== 'from') continue;
      const where = JSON.stringify({ addresses, given: messages[message]!.toString('latin1') });
      for (const domain of addresses.flatMap(domainOf)) assert.equal(domain, OWN, where);
    }
  });
}
test('of well-formed authors from outside none is open who has no other address in his field', () => {
  const dice = createDice(SEED + 3);
  let read = 0;
  for (let n = 0; n < 2 * HALF; n++) {
    const message = Buffer.from(wellFormed(dice), 'latin1');
    const { rawValue } = readHeaderSection(message).fields.find(({ name }) => name === 'from')!;
    // JIS octets may be an address's; what follows a fold in a comment right behind a domain may belong to it.
    if (/ceo|\x1b\$@|<c@o|\.test\s*\([^>,]*\r\n/i.test(rawValue)) continue;
    assert.ok(
      authors(message)?.every((domain) => domain === OWN),
      JSON.stringify(rawValue),
    );
    read += 1;
  }
  assert.ok(read > HALF, String(read));
});
/** Of an address whose domain can be one. */
function domainOf(address: string): string[] {
  return (
    /@([a-z0-9-]+(?:\.[a-z0-9-]+)+)$/i
      .exec(address)
      ?.slice(1)
      .map((domain) => domain.toLowerCase()) ?? []
  );
}
/** The domains of the authors; null where they are open. */
function authors(message: Buffer): string[] | null {
  const section = readHeaderSection(message);
  const from = section.fields.find(({ name }) => name === 'from');
  if (from === undefined || authorIsOpen(section)) return null;
  return authorMailboxes(from.rawValue)?.map(({ address }) => address.domain) ?? null;
}

/** The value is that of a field which our reader sees under this name. */
function judged(message: Buffer, name: string, value: string): boolean {
  return readHeaderSection(message).fields.some(
    (field) => field.name === name && squeezed(field.rawValue) === squeezed(value),
  );
}
/** Perl takes `From :` for the line of an mbox, and the colon for its beginning. */
function squeezed(value: string): string {
  return value.replace(/[^\x21-\x7e]+/g, '').replace(/^:/, '');
}

test('through a real session the same is taken, and the same leaves', async () => {
  await using journey = await startJourney({
    HIKYAKU_LIMIT_PER_MINUTE: '0',
    HIKYAKU_LIMIT_PER_DAY: '0',
  });
  const dice = createDice(SEED + 1);
  const expected = new Map<string, Buffer>();
  let client = await openSmtp(journey.service.ready.submissions, 'implicit');
  await client.command(plain(journey.who.key.id, journey.who.key.secret));
  for (let n = 0; n < 200; n++) {
    const given = n % 2 === 0 ? wellFormed(dice) : hostile(dice);
    // A session adds the last CRLF, and lets no bare CR or LF and no long line come so far.
    if (!given.endsWith('\r\n') || /\r(?!\n)|(?<!\r)\n|[^\r\n]{998}/.test(given)) continue;
    const message = await leaving(given, false);
    const to = `n${n}@out.test`;
    const answer = await send(client, `a@${OWN}`, [to], Buffer.from(given, 'latin1'));
    assert.match(answer, message === null ? /^5\d\d 5\./ : /^250/, `${answer} ${JSON.stringify(given)}`);
    if (message !== null) expected.set(to, message);
    if (n % 20 === 19) {
      // Errors in one session are counted.
      await client[Symbol.asyncDispose]();
      client = await openSmtp(journey.service.ready.submissions, 'implicit');
      await client.command(plain(journey.who.key.id, journey.who.key.secret));
    }
  }
  await client[Symbol.asyncDispose]();
  await eventually('all that was taken is out', async () => {
    return (await journey.sink.messages()).length === expected.size;
  });
  assert.ok(expected.size > 90, String(expected.size));
  for (const {
    rcpt_to: [to],
    raw_base64: octets,
  } of await journey.sink.messages()) {
    const own = claims(Buffer.from(octets, 'base64'));
    assert.deepEqual(own, claims(expected.get(to!)!), to);
  }
});

/** Header lines that are not ours, and the body. */
function claims(message: Buffer): string {
  const { fields, bodyStart } = readHeaderSection(message);
  const given = fields.filter(
    ({ name }) => !['received', 'dkim-signature', 'date', 'message-id'].includes(name),
  );
  const text = given.map(({ start, end }) => message.toString('latin1', start, end)).join('');
  return (
    text +
    message.toString('latin1', headerBounds(message).headerEnd, bodyStart) +
    message.toString('latin1', bodyStart)
  );
}
