/**
 * Events of messages, from a real store with real threads: what they show, the same octets each time and wherever they are
 * made, nothing large as a whole, messages that were not read yet, and those that are gone.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import * as jobs from '../jobs.ts';
import { decodeReading } from '../reading/stored.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createRandom } from '../runtime/random.ts';
import * as make from '../store/conformance/samples.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import type { Store } from '../store/store.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createRendering, type Rendering } from '../testing/rendering.ts';
import { NOTHING_CARRIED, renderPiece } from './octet-pieces.ts';
import { MessageGone, type RenderDeps, type RenderOptions, renderEvent, wholeEvent } from './render-event.ts';
import type { EventRow } from './topics.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
type Json = any;
const MIB = 1024 * 1024;
const HOOK: RenderOptions = { body: true, inline: true, deprecated: true };
const LIST: RenderOptions = { body: false, inline: false, deprecated: false };
const crlf = (text: string) => Buffer.from(text.replaceAll('\n', '\r\n'));

describe('events of messages', () => {
  const project = make.project();
  const topic = make.topic(project);
  let store: Store;
  let rendering: Rendering;
  before(async () => {
    store = await openSqliteStore({
      directory: ':memory:',
      clock: createFakeClock(),
      random: createRandom(),
      logger: silentLogger,
    });
    rendering = createRendering(store);
    await store.transact(project.id, (tx) => {
      tx.insertProject(project);
      tx.insertTopic(topic);
    });
  });
  after(async () => {
    await rendering[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  });

  async function publish(raw: Buffer, over: Parameters<typeof make.message>[1] = {}): Promise<EventRow> {
    const message = make.message(project, { direction: 'incoming', raw, ...over });
    const content = { rule: { id: 'r' } };
    const event = make.event(topic, { messageId: message.id, name: 'incoming', summary: null, content });
    await store.transact(project.id, (tx) => {
      tx.insertMessage(message);
      tx.insertEvent(event);
    });
    return event;
  }
  const render = async (event: EventRow, options: RenderOptions, deps: RenderDeps = rendering.deps) =>
    wholeEvent(await renderEvent(event, options, deps));
  const shown = async (raw: Buffer, options = HOOK): Promise<Json> =>
    JSON.parse((await render(await publish(raw), options)).toString('utf8'));

  test('a brief event has no header, text or HTML; its summary has the text, also of mail with HTML alone', async () => {
    const brief: RenderOptions = { ...LIST, brief: true };
    const header = `From: jo@a.test\nSubject: s\nX-Long: ${'x'.repeat(500)}\n`;
    for (const [type, body] of [
      ['text/plain', 'hello\n'.repeat(40_000)],
      ['text/html', `<p>hello</p>${'<p>more</p>'.repeat(40_000)}`],
    ]) {
      const raw = crlf(`${header}Content-Type: ${type}\n\n${body}`);
      const octets = await render(await publish(raw), brief);
      assert.ok(octets.length < 12 * 1024, `${octets.length}`);
      const { content, summary } = JSON.parse(octets.toString('utf8'));
      assert.deepEqual([content.header_list, content.header_map], [[], {}]);
      assert.deepEqual([content.parsed.text, content.parsed.html], [null, null]);
      assert.equal(content.parsed.subject, 's');
      assert.match(summary, /\n\nhello\n/);
    }
  });
  test('what an event shows: header, body, what was read, attachments; twice for hooks', async () => {
    const raw = crlf(
      'From: =?utf-8?q?J=C3=B6?= <jo@a.test>\nSubject: s\nDate: Tue, 3 Nov 2026 10:00:00 +0900\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\nworld\n--b\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\nQUJD\n--b\nContent-Type: text/html\n\n<p>x\n--b--\n',
    );
    const json = await shown(raw);
    assert.deepEqual(Object.keys(json), [
      '@version',
      'id',
      'service',
      'name',
      'summary',
      'content',
      'attachments',
      'created_at',
      'short',
      'raw',
      'topic_id',
    ]);
    assert.deepEqual(Object.keys(json.content), [
      'header_list',
      'header_map',
      'body',
      'rule',
      'id',
      'message_id',
      'raw_url',
      'parsed',
    ]);
    assert.equal(json.content.body, raw.subarray(raw.indexOf('\r\n\r\n') + 4).toString());
    assert.deepEqual(json.content.header_list[0], { raw_name: 'Received', raw_value: ' x' });
    assert.deepEqual(json.content.parsed, {
      subject: 's',
      date: '2026-11-03T01:00:00.000Z',
      from: [{ name: 'Jö', address: 'jo@a.test' }],
      sender: [],
      reply_to: [],
      to: [],
      cc: [],
      text: 'hello\nworld',
      html: '<p>x',
      attachments: [
        { name: 'a.pdf', content_type: 'application/pdf', disposition: null, content_id: null, size: 3 },
      ],
    });
    assert.equal(
      json.summary,
      'From: Jö <jo@a.test>\nTo: \nDate: Tue, 3 Nov 2026 10:00:00 +0900\nSubject: s\n\nhello\nworld',
    );
    assert.deepEqual(json.attachments, [
      { content_type: 'application/pdf', filename: 'a.pdf', encoding: 'base64', content: 'QUJD' },
    ]);
    assert.deepEqual([json.short, json.raw], [json.summary, json.content]);

    const list = await shown(raw, LIST);
    assert.deepEqual([list.content.body, list.attachments[0].content, list.raw], [undefined, '', undefined]);
    assert.deepEqual(list.content.parsed, json.content.parsed);
  });
  test('defects are named; a body that is no UTF-8 is base64; results that claim to be ours are not shown', async () => {
    const raw = Buffer.concat([
      crlf('Authentication-Results: mx.hikyaku.test; spf=pass\nno colon\nFrom: a@a.test\nFrom: b@a.test\n\n'),
      Buffer.from([0xff, 0xfe]),
    ]);
    const { content } = await shown(raw);
    assert.deepEqual([content.body, content.body_encoding], ['//4=', 'base64']);
    assert.deepEqual(content.header_map, { Received: ['x'], From: ['a@a.test', 'b@a.test'] });
    assert.deepEqual(content.defects, ['not-a-field', 'several-from', 'charset-unknown']);
  });
  test('of mail sent without a date, ours says when it was', async () => {
    const event = await publish(crlf('From: a@a.test\n\nx'), {
      direction: 'outgoing',
      prefix: crlf('Received: x\nDate: Tue, 3 Nov 2026 01:00:00 +0000\n'),
    });
    const { content } = JSON.parse((await render(event, LIST)).toString());
    assert.equal(content.parsed.date, '2026-11-03T01:00:00.000Z');
  });

  const large = () =>
    Buffer.concat([
      crlf(
        'From: a@a.test\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: application/x; name=日本\nContent-Transfer-Encoding: base64\n\n',
      ),
      crlf(
        Buffer.alloc(2 * MIB, 'abc')
          .toString('base64')
          .replace(/.{76}/g, '$&\n'),
      ),
      crlf('\n--b\nContent-Type: application/x\nContent-Transfer-Encoding: quoted-printable\n\n'),
      crlf('caf=C3=A9 =\n'.repeat(60_000)),
      crlf('\n--b\nContent-Type: text/plain; charset=utf-8\n\n'),
      crlf('日本語 "quoted" \\ \t\n'.repeat(30_000)),
      crlf('\n--b--\n'),
    ]);
  test('a large one: pieces of at most 256 KiB, the same octets each time, and those of a JSON made whole', async () => {
    const raw = large();
    const event = await publish(raw);
    const rendered = await renderEvent(event, HOOK, rendering.deps);
    const pieces: Buffer[] = [];
    for await (const piece of rendered.pieces()) pieces.push(piece);
    assert.ok(pieces.every(({ length }) => length <= 256 * 1024));
    const whole = Buffer.concat(pieces);
    assert.deepEqual(await wholeEvent(rendered), whole);
    assert.deepEqual(await render(event, HOOK), whole);
    const json = JSON.parse(whole.toString('utf8'));
    assert.equal(JSON.stringify(json), whole.toString('utf8'), 'as one call would have made it');
    assert.equal(json.content.body, raw.subarray(raw.indexOf('\r\n\r\n') + 4).toString('utf8'));
    assert.deepEqual(Buffer.from(json.attachments[0].content, 'base64'), Buffer.alloc(2 * MIB, 'abc'));
    assert.equal(Buffer.from(json.attachments[1].content, 'base64').toString(), 'café '.repeat(60_000));
    assert.deepEqual(json.content.defects, ['text-cut']);
    assert.equal(
      json.content.parsed.text,
      '日本語 "quoted" \\ \t\n'.repeat(30_000).slice(0, json.content.parsed.text.length),
    );
    assert.deepEqual(
      json.content.parsed.attachments.map(({ size }: Json) => size),
      [2 * MIB, 360_000],
    );
  });
  test('without its body no octets are read but the first and those of the text', async () => {
    const event = await publish(large());
    const asked: [number, number][] = [];
    const spool: RenderDeps['spool'] = {
      shown: store.read.shown,
      octets(of, id, start, end) {
        asked.push([start, end]);
        return store.read.octets(of, id, start, end);
      },
    };
    await render(event, LIST);
    await render(event, LIST, { ...rendering.deps, spool });
    assert.equal(asked.length, 1);
    assert.ok(asked[0]![1] - asked[0]![0] <= 256 * 1024);
  });
  test('a message that was not read yet is read once; a reading that is there is shown as it is', async () => {
    const event = await publish(crlf('From: a@a.test\nSubject: s\n\nx'));
    let read = 0;
    const deps: RenderDeps = {
      ...rendering.deps,
      async readStored(...asked) {
        read++;
        return rendering.deps.readStored(...asked);
      },
    };
    const first = await render(event, HOOK, deps);
    assert.deepEqual(await render(event, HOOK, deps), first);
    assert.equal(read, 1);
    const { reading } = (await store.read.shown(project.id, event.messageId!))!;
    assert.equal(decodeReading(reading!).subject, 's');

    const other = make.message(project, { raw: crlf('Subject: s\n\nx') });
    const stored = jobs.read({ raw: crlf('Subject: of a reader before\n\nx'), hostname: 'x' });
    await store.transact(project.id, (tx) => tx.insertMessage(other, undefined, stored));
    const json = JSON.parse((await render({ ...event, messageId: other.id }, LIST, deps)).toString());
    assert.equal(json.content.parsed.subject, 'of a reader before');
    assert.equal(read, 1);
  });
  test('a message that is gone is told so, at once or in the middle; a signal ends the work', async () => {
    const event = await publish(large());
    await assert.rejects(render({ ...event, messageId: make.newId() }, HOOK), MessageGone);
    const rendered = await renderEvent(event, HOOK, {
      ...rendering.deps,
      spool: { shown: store.read.shown, octets: async () => null },
    }).catch((error: unknown) => error);
    assert.ok(rendered instanceof MessageGone);
    const controller = new AbortController();
    const pieces = (await renderEvent(event, HOOK, rendering.deps))
      .pieces(controller.signal)
      [Symbol.asyncIterator]();
    await pieces.next();
    controller.abort(new Error('the client is gone'));
    await assert.rejects(async () => {
      while ((await pieces.next()).done !== true);
    }, /the client is gone/);
  });
});

test('pieces of text and base64 do not depend on where they end', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 }),
      fc.constantFrom('text' as const, 'base64' as const),
      (text, lengths, kind) => {
        const octets = Buffer.from(text.toWellFormed());
        let carried = NOTHING_CARRIED;
        let made = '';
        for (let at = 0, i = 0; at < octets.length; i++) {
          const end = Math.min(octets.length, at + lengths[i % lengths.length]!);
          const piece = renderPiece({
            kind,
            carried,
            octets: octets.subarray(at, end),
            last: end === octets.length,
          });
          made += Buffer.from(piece.made).toString('latin1');
          carried = piece.carried;
          at = end;
        }
        const whole =
          kind === 'text' ? JSON.stringify(octets.toString('utf8')).slice(1, -1) : octets.toString('base64');
        assert.equal(Buffer.from(made, 'latin1').toString('utf8'), whole);
      },
    ),
    { numRuns: 300 },
  );
});
