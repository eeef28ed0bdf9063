/**
 * Golden dialogues: each *.smtp file is played to the pure session, whole and cut at every octet, and must give the
 * same replies. `C:` lines are sent with CRLF (escapes \r \n \0 as written; a line ending in \c gets no CRLF), those
 * that follow each other together, and what is behind an `S:` line only when all was answered. `S:` lines are expected. `!tls` says the session is inside TLS from the start, `!starttls` completes an upgrade.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { reply } from '../../src/smtp/reply.ts';
import { createByteBudget } from '../../src/smtp/server/byte-budget.ts';
import type { Receiver } from '../../src/smtp/server/receiver.ts';
import { createSession } from '../../src/smtp/server/session.ts';

const FOLDER = new URL('.', import.meta.url);
const TLS = { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' };

/** Takes mail for example.test; knows one key: `key` with `se:cret`. Records what it was given. */
function scripted(messages: string[]): Receiver {
  return {
    connect: async () => ({ ok: true, value: null }),
    authenticate: async (_c, user, secret) =>
      user === 'key' && secret === 'se:cret'
        ? { ok: true, value: { user } }
        : { ok: false, reply: reply(535, '5.7.8', 'authentication credentials invalid') },
    mail: async () => ({
      ok: true,
      value: {
        sizeLimit: 200,
        rcpt: async ({ address }) =>
          address.endsWith('@example.test') || address === 'postmaster'
            ? { ok: true, value: null }
            : { ok: false, reply: reply(550, '5.1.1', 'no such recipient here') },
        async data(message) {
          messages.push(message.toString('latin1'));
          return reply(250, '2.0.0', `accepted ${messages.length}`);
        },
        abort() {},
      },
    }),
  };
}

interface Script {
  readonly tls: boolean;
  readonly steps: readonly { readonly send: Buffer; readonly thenTls: boolean }[];
  readonly expected: string;
}
function parse(text: string): Script {
  const steps: { send: Buffer; thenTls: boolean }[] = [];
  let pending: Buffer[] = [];
  const expected: string[] = [];
  let tls = false;
  function sent(thenTls: boolean): void {
    if (pending.length > 0 || thenTls) steps.push({ send: Buffer.concat(pending), thenTls });
    pending = [];
  }
  for (const line of text.split('\n')) {
    if (line === '!tls') tls = true;
    else if (line === '!starttls') sent(true);
    else if (line.startsWith('S: ')) {
      sent(false);
      expected.push(line.slice(3));
    } else if (line.startsWith('C: ') || line === 'C:') {
      const raw = line.slice(3);
      const open = raw.endsWith('\\c');
      const body = (open ? raw.slice(0, -2) : raw)
        .replaceAll('\\r', '\r')
        .replaceAll('\\n', '\n')
        .replaceAll('\\0', '\0');
      pending.push(Buffer.from(body + (open ? '' : '\r\n'), 'utf8'));
    }
  }
  sent(false);
  return { tls, steps, expected: expected.join('\n') };
}

async function play(
  script: Script,
  cuts: (whole: Buffer) => Buffer[],
): Promise<{ said: string; messages: string[] }> {
  const messages: string[] = [];
  let said = '';
  const session = createSession(
    {
      id: 'dialogue',
      role: 'mx',
      remoteAddress: '192.0.2.1',
      remotePort: 1,
      tls: script.tls ? TLS : null,
    },
    {
      hostname: 'mx.example.test',
      receiver: scripted(messages),
      budget: createByteBudget(systemClock),
      logger: silentLogger,
      announcedSize: () => 200,
      tlsAvailable: true,
      authNeeds: () => null,
    },
    {
      write: (text) => {
        said += text;
      },
      startTls() {},
      close() {},
      phase() {},
    },
  );
  await session.begin();
  for (const { send, thenTls } of script.steps) {
    for (const piece of cuts(send)) {
      session.feed(piece);
      await session.settled();
    }
    if (thenTls) session.secured(TLS);
  }
  await session.settled();
  session.closed();
  return { said: said.trimEnd().replaceAll('\r\n', '\n'), messages };
}

const files = readdirSync(FOLDER).filter((name) => name.endsWith('.smtp'));
test('there are dialogues', () => assert.ok(files.length >= 8));
for (const file of files) {
  const script = parse(readFileSync(new URL(file, FOLDER), 'utf8'));
  test(`${file}: whole`, async () => {
    const { said } = await play(script, (whole) => [whole]);
    assert.equal(said, script.expected);
  });
  test(`${file}: octet by octet`, async () => {
    const { said } = await play(script, (whole) => [...whole].map((octet) => Buffer.from([octet])));
    assert.equal(said, script.expected);
  });
  test(`${file}: cut in two at every octet`, async () => {
    const longest = Math.max(...script.steps.map(({ send }) => send.length));
    for (let at = 1; at < longest; at++) {
      const { said } = await play(script, (whole) =>
        [whole.subarray(0, at), whole.subarray(at)].filter((b) => b.length > 0),
      );
      assert.equal(said, script.expected, `cut at ${at}`);
    }
  });
}

/** Everything that is not CRLF.CRLF but has been taken for it somewhere. */
const FALSE_ENDS = [
  '\n.\n',
  '\n.\r\n',
  '\r\n.\n',
  '\r.\r',
  '\r.\r\n',
  '\n.\r',
  '\r\n.\r',
  '\r\r\n.\r\r\n',
  '\r\n.\0\r\n',
  '\r\n. \r\n',
];
for (const end of FALSE_ENDS) {
  test(`smuggling with ${JSON.stringify(end)}: one message or none, at every cut`, async () => {
    const steps = [
      'EHLO a\r\n',
      'MAIL FROM:<a@b.test>\r\nRCPT TO:<x@example.test>\r\nDATA\r\n',
      `first${end}MAIL FROM:<evil@b.test>\r\nRCPT TO:<x@example.test>\r\nDATA\r\nsecond\r\n.\r\n`,
    ].map((text) => ({ send: Buffer.from(text, 'latin1'), thenTls: false }));
    const script: Script = { tls: false, steps, expected: '' };
    for (let at = 1; at < steps.at(-1)!.send.length; at++) {
      const { messages } = await play(script, (b) =>
        [b.subarray(0, at), b.subarray(at)].filter(({ length }) => length > 0),
      );
      assert.ok(messages.length <= 1, `cut at ${at}: ${JSON.stringify(messages)}`);
      assert.ok(
        messages.every((message) => !/[^\r]\n|\r[^\n]/.test(message)),
        'a bare line end passed',
      );
    }
  });
}
