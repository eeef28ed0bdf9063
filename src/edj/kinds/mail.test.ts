/** Letters that the real dispatcher gives to the real intake: what they are, what stops them, and what is sent once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_EXAMPLES } from '../../contract/event-examples.ts';
import { EVENT_NAMES, EVENTS } from '../../contract/events.ts';
import { EXAMPLE } from '../../contract/example-ids.ts';
import { decodeWords } from '../../mail/encoded-words.ts';
import { findHeader, readHeaderSection, unfold } from '../../mail/headers.ts';
import type { MessageId } from '../../runtime/ids.ts';
import { readSettings, SettingsError } from '../../runtime/settings.ts';
import * as make from '../../store/conformance/samples.ts';
import { type EdjRig, openEdjRig, SENDER } from '../../testing/edj-rig.ts';
import { MOST_LETTERS } from '../event-mail.ts';
import { MOST_TOPICS } from '../event-trace.ts';
import type { EventRow } from '../topics.ts';
import { mail } from './mail.ts';

const TO = 'ann@staff.test, bob@staff.test';
const FROM = `events@${SENDER}`;

/** The sample of a received message, written by a stranger. */
const written =
  (subject: string, more: { name?: string; text?: string } = {}) =>
  ({ content }: EventRow): Partial<EventRow> => {
    const of = content as { parsed: object };
    const from = [{ name: more.name ?? null, address: 'writer@example.net' }];
    const summary = `Subject: x\n\n${more.text ?? 'text'}`;
    return { content: { ...of, parsed: { ...of.parsed, subject, from } }, summary };
  };
/** The event of a message that is in the store. */
async function received(rig: EdjRig, raw: Buffer, more: Partial<Parameters<typeof make.message>[1]> = {}) {
  const id = rig.place.project as Parameters<typeof make.message>[0]['id'];
  const message = make.message({ id }, { direction: 'incoming', source: 'mx', raw, ...more });
  await rig.store.transact(rig.place.project, (tx) => tx.insertMessage(message));
  return { message, event: await rig.publish('incoming', () => shownBy(message.id)) };
}
const shownBy = (messageId: MessageId): Partial<EventRow> => ({
  messageId,
  summary: null,
  content: { rule: null, envelope: { mail_from: '', recipients: [] }, authentication: null },
});
const rawOf = (rig: EdjRig, nth = -1) => rig.queued.at(nth)!.message.raw;
function headerOf(raw: Buffer, name: string): string | null {
  const field = findHeader(readHeaderSection(raw).fields, name);
  return field === undefined ? null : unfold(field.rawValue);
}
const subjectOf = (raw: Buffer) => decodeWords(headerOf(raw, 'Subject')!);
const bodyOf = (raw: Buffer) => raw.subarray(readHeaderSection(raw).bodyStart).toString('utf8');

for (const language of ['en', 'ja'] as const)
  test(`a sample of every event is sent as its preview shows it (${language})`, async () => {
    await using rig = await openEdjRig();
    const subscriber = await rig.subscribe('mail', { to: TO, from: FROM, language, subject_prefix: '[店]' });
    for (const name of EVENT_NAMES) {
      const preview = await rig.samples.preview(rig.targetOf(subscriber), rig.place, name);
      const event = await rig.publish(name, () => ({ createdAt: Date.UTC(2026, 0, 2, 3, 4, 5) }));
      const { lastResult } = await rig.settled(subscriber, event, 'done', 'retry', 'dead');
      const { message, rows } = rig.queued.at(-1)!;
      assert.deepEqual(lastResult, { message: message.id }, name);
      assert.deepEqual([message.source, message.mailFrom], ['edj', '']);
      assert.deepEqual(
        rows.map(({ address, dsn }) => [address, dsn?.notify]),
        [
          ['ann@staff.test', ['NEVER']],
          ['bob@staff.test', ['NEVER']],
        ],
      );
      assert.equal(preview.url, 'mailto:ann@staff.test,bob@staff.test');
      assert.equal(preview.method, 'SMTP');
      // The id of the event, the time of sending and what follows from them differ; nothing else.
      const same = (text: string) =>
        text
          .replaceAll(EXAMPLE.event, 'ID')
          .replaceAll(event.id, 'ID')
          .replaceAll(/event\.[0-9a-f]{32}@/g, 'event.ID@')
          .replaceAll(/=_[0-9a-f]{4}hikyaku/g, '=_hikyaku');
      const sent = readHeaderSection(message.raw).fields.map(({ rawName, rawValue }) => ({
        name: rawName,
        value: rawValue.trim(),
      }));
      const timeless = (fields: readonly { name: string; value: string }[]) =>
        fields.filter((field) => field.name !== 'Date').map((field) => `${field.name}: ${same(field.value)}`);
      assert.deepEqual(timeless(sent), timeless(preview.headers), name);
      assert.equal(same(bodyOf(message.raw)), same(preview.body), name);
      const { content } = EVENT_EXAMPLES[name];
      const title = 'parsed' in content ? `[Test] ${content.parsed.subject}` : EVENTS[name].when[language];
      assert.equal(subjectOf(message.raw), `[店] ${title}`, name);
      assert.ok(preview.body.includes('これはテストです。'), name);
      assert.ok(preview.body.includes(EVENTS[name].label[language]), name);
      assert.equal(headerOf(message.raw, 'Auto-Submitted'), 'auto-generated');
      assert.ok(
        message.raw
          .toString('latin1')
          .split('\r\n')
          .every((line) => line.length <= 998),
      );
      assert.doesNotMatch(message.raw.toString('latin1'), /[^\r]\n|\r[^\n]/);
    }
    assert.equal(rig.queued.length, EVENT_NAMES.length);
  });

test('what strangers write stands in the subject, encoded, and in the text, and makes no field', async () => {
  await using rig = await openEdjRig();
  const subscriber = await rig.subscribe('mail', { to: TO, from: FROM });
  const fieldsOf = (raw: Buffer) => readHeaderSection(raw).fields.map(({ rawName }) => rawName);
  const plain = await rig.publish('incoming', written('Order 12'));
  await rig.settled(subscriber, plain, 'done');
  const usual = fieldsOf(rawOf(rig));
  for (const text of [
    'a\r\nBcc: victim@example.net\r\n\r\nbody',
    'a\nX: y',
    '\u2028Bcc: victim@example.net',
    '=?utf-8?Q?a=0D=0ABcc:_victim@example.net?=',
    '"><victim@example.net>, x',
    '\u202eevil\u0000\u0007\u001b[31m\ud800',
    '注文'.repeat(2_000),
    'x'.repeat(5_000),
    '\r\n.\r\n',
    `\n--=_0000${
      rawOf(rig)
        .toString('latin1')
        .match(/hikyaku-via-[0-9a-f-]+/)![0]
    }--\n`,
  ]) {
    const event = await rig.publish('incoming', written(text, { name: text, text }));
    const { lastResult } = await rig.settled(subscriber, event, 'done', 'retry', 'dead');
    assert.ok('message' in (lastResult as object), `${text.slice(0, 40)}: ${JSON.stringify(lastResult)}`);
    const raw = rawOf(rig);
    assert.deepEqual(fieldsOf(raw), usual, text.slice(0, 40));
    assert.deepEqual(
      rig.queued.at(-1)!.rows.map(({ address }) => address),
      ['ann@staff.test', 'bob@staff.test'],
    );
    assert.equal(headerOf(raw, 'To'), TO);
    const boundary = /boundary="([^"]+)"/.exec(headerOf(raw, 'Content-Type')!)![1]!;
    assert.equal(bodyOf(raw).split(`--${boundary}`).length, 3, 'one part');
    assert.ok(
      raw
        .toString('latin1')
        .split('\r\n')
        .every((line) => line.length <= 998),
    );
  }
});

const ORIGINAL = Buffer.from('From: a@x.test\r\nSubject: Hello\r\n\r\nText of the mail\r\n');
test('the original is quoted, attached as it is, or left out', async () => {
  await using rig = await openEdjRig();
  const sent: Record<string, string> = {};
  for (const original of ['inline', 'attached', 'none']) {
    const subscriber = await rig.subscribe('mail', { to: 'ann@staff.test', from: FROM, original });
    const { event } = await received(rig, ORIGINAL);
    await rig.settled(subscriber, event, 'done');
    const { message } = (await rig.settled(subscriber, event, 'done')).lastResult as { message: string };
    sent[original] = rig.queued.find((one) => one.message.id === message)!.message.raw.toString('latin1');
  }
  assert.match(sent['inline']!, /\r\n> Text of the mail\r\n/);
  assert.doesNotMatch(sent['none']!, /Text of the mail/);
  assert.doesNotMatch(sent['attached']!, /> Text/);
  assert.ok(
    sent['attached']!.includes(
      'Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\nContent-Disposition: attachment; filename="original.eml"\r\n\r\n' +
        `Received: x\r\n${ORIGINAL}\r\n--`,
    ),
    sent['attached'],
  );
});

test('an original that is no clean message goes as a file; one that is too large stays, and the text says so', async () => {
  await using rig = await openEdjRig();
  const subscriber = await rig.subscribe('mail', {
    to: TO,
    from: FROM,
    original: 'attached',
    language: 'ja',
  });
  const head = 'Subject: x\r\n\r\n';
  const after = async (raw: Buffer) => {
    const { event } = await received(rig, raw);
    await rig.settled(subscriber, event, 'done');
    return rawOf(rig);
  };
  const eightBit = await after(Buffer.from(`${head}本文\r\n`));
  assert.ok(eightBit.includes(`message/rfc822\r\nContent-Transfer-Encoding: 8bit`));
  assert.equal(rig.queued.at(-1)!.message.eightBit, true);
  for (const odd of [
    `${head}${'x'.repeat(2_000)}\r\n`,
    `${head}bare\nline\r\n`,
    `${head}bare\rreturn\r\n`,
    `${head}nul\0\r\n`,
    `Subject: 件名\r\n\r\nx\r\n`,
  ]) {
    const raw = (await after(Buffer.from(odd))).toString('latin1');
    assert.ok(
      raw.includes('application/octet-stream\r\nContent-Transfer-Encoding: base64'),
      odd.slice(0, 30),
    );
    const base64 = /original\.eml"\r\n\r\n([A-Za-z0-9+/=\r\n]+)\r\n--/.exec(raw)![1]!;
    assert.equal(Buffer.from(base64, 'base64').toString('utf8'), `Received: x\r\n${odd}`);
  }
  const large = await after(Buffer.concat([Buffer.from(head), Buffer.from('x\r\n'.repeat(3_500_000))]));
  assert.ok(bodyOf(large).includes('大きすぎるため、元のメールは添付していません。'));
  assert.ok(large.length < 16_384);
});

test('an event about such a letter is not mailed, and the delivery says why', async () => {
  await using rig = await openEdjRig();
  const subscriber = await rig.subscribe('mail', { to: TO, from: FROM });
  await rig.settled(subscriber, await rig.publish('accepted'), 'done');
  const { id } = rig.queued[0]!.message;
  const bounced = await rig.publish('bounced', () => ({ messageId: id }));
  const outgoing = await rig.publish('outgoing', () => shownBy(id));
  for (const event of [bounced, outgoing]) {
    const { state, lastResult } = await rig.settled(subscriber, event, 'done', 'retry', 'dead');
    const why = 'the event is about a message that a subscriber by mail has sent';
    assert.deepEqual([state, lastResult], ['done', { skipped: why }]);
  }
  assert.equal(rig.queued.length, 1);
});

test('a message with a mark of the topic is not mailed; invented marks stop nothing; marks are passed on', async () => {
  await using rig = await openEdjRig();
  const subscriber = await rig.subscribe('mail', { to: TO, from: FROM });
  await rig.settled(subscriber, await rig.publish('accepted'), 'done');
  const letter = rawOf(rig);
  const [mark] = /hikyaku-via-[0-9a-f]{32}-[0-9a-f]{16}/.exec(letter.toString('latin1'))!;
  const outcome = async (raw: Buffer) => {
    const { event } = await received(rig, raw);
    return (await rig.settled(subscriber, event, 'done', 'dead')).lastResult as Record<string, string>;
  };
  const { bodyStart } = readHeaderSection(letter);
  const content = Buffer.from(`Subject: x\r\nContent-Type: ${headerOf(letter, 'Content-Type')}\r\n\r\n`);
  for (const returned of [
    Buffer.concat([Buffer.from('Received: from x\r\n'), letter]),
    Buffer.concat([content, letter.subarray(bodyStart)]),
    Buffer.from(`Subject: Fwd\r\n\r\n> ${mark}\r\n`),
  ])
    assert.match((await outcome(returned))['skipped']!, /would make a loop/);
  const other = rig.trace.markOf('018f0000-0000-7000-8000-000000000001' as EventRow['topicId']);
  const forged = `${mark.slice(0, -4)}0000 ${'hikyaku-via-'.repeat(10_000)}`;
  assert.ok('message' in (await outcome(Buffer.from(`Subject: x\r\nX-A: ${other}\r\n\r\n${forged}\r\n`))));
  assert.equal(headerOf(rawOf(rig), 'Hikyaku-Event-Trace'), `${other} ${mark}`);
  const many = Array.from({ length: MOST_TOPICS }, (_, i) =>
    rig.trace.markOf(`018f0000-0000-7000-8000-00000000000${i}` as EventRow['topicId']),
  );
  const far = await outcome(Buffer.from(`Subject: x\r\n\r\n${many.join('\r\n')}\r\n`));
  assert.equal(far['skipped'], `the message has passed ${MOST_TOPICS} topics as mail`);
});

test('a bounce from outside is mailed: only what came from here is a loop', async () => {
  await using rig = await openEdjRig();
  const subscriber = await rig.subscribe('mail', { to: TO, from: FROM });
  const raw = Buffer.from('Auto-Submitted: auto-replied\r\nSubject: Undelivered\r\n\r\nx\r\n');
  const { event } = await received(rig, raw, { mailFrom: '' });
  await rig.settled(subscriber, event, 'done');
  assert.equal(subjectOf(rawOf(rig)), 'Undelivered');
});

test('a subscriber sends a bounded number a minute; the others wait', async () => {
  await using rig = await openEdjRig();
  const subscriber = await rig.subscribe('mail', { to: 'ann@staff.test', from: FROM });
  const events: EventRow[] = [];
  for (let i = 0; i < MOST_LETTERS + 1; i++) events.push(await rig.publish('accepted'));
  const settled = await Promise.all(events.map((event) => rig.settled(subscriber, event, 'done', 'retry')));
  const waiting = settled.filter(({ state }) => state === 'retry');
  assert.equal(rig.queued.length, MOST_LETTERS);
  assert.equal(waiting.length, 1);
  assert.equal((waiting[0]!.lastResult as { error: string }).error, 'too-busy');
  assert.ok(waiting[0]!.nextAttemptAt! - rig.clock.now() >= 60_000);
});

test('a domain that is gone ends the delivery and says so', async () => {
  await using rig = await openEdjRig();
  const subscriber = await rig.subscribe('mail', { to: TO, from: 'events@elsewhere.test' });
  const { state, lastResult } = await rig.settled(subscriber, await rig.publish('accepted'), 'dead', 'retry');
  assert.deepEqual(
    [state, lastResult],
    ['dead', { error: 'not-accepted', detail: 'elsewhere.test is not a domain of the project' }],
  );
});

test('an attempt that comes again sends nothing more', async () => {
  await using rig = await openEdjRig();
  const subscriber = await rig.subscribe('mail', { to: TO, from: FROM });
  const event = await rig.publish('accepted');
  const { lastResult } = await rig.settled(subscriber, event, 'done');
  const { signal } = new AbortController();
  const again = await rig.call(subscriber, event, signal);
  assert.deepEqual(again, { via: 'mail', result: lastResult, verdict: { kind: 'done' } });
  assert.equal(rig.queued.length, 1);
});

test('settings that are not well are named', () => {
  const wrong = (given: Record<string, unknown>) => {
    try {
      return readSettings(mail.fields, { to: TO, from: FROM, ...given }, false);
    } catch (error) {
      assert.ok(error instanceof SettingsError);
      return [error.field, error.message];
    }
  };
  const many = Array.from({ length: 21 }, (_, i) => `a${i}@staff.test`).join(',');
  assert.deepEqual(wrong({ to: 'nobody' }), ['to', 'must be e-mail addresses with commas between them']);
  assert.deepEqual(wrong({ to: 'a@x.test,' }), ['to', 'must be e-mail addresses with commas between them']);
  assert.deepEqual(wrong({ to: many }), ['to', 'must have at most 20 entries']);
  assert.deepEqual(wrong({ to: 'a@x.test, a@x.test' }), ['to', 'must not name anything twice']);
  assert.deepEqual(wrong({ from: 'A <a@x.test>' }), ['from', 'is not an e-mail address']);
  assert.deepEqual(wrong({ subject_prefix: 'x'.repeat(61) }), [
    'subject_prefix',
    'must have at most 60 characters',
  ]);
  assert.deepEqual(wrong({ original: 'whole' }), ['original', 'must be one of inline, attached, none']);
});
