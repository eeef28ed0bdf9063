/**
 * A session of SMTP without sockets, fed octets. The first octet of an input says how it begins, the second in what steps
 * the rest comes, 0 line by line. Each answer is a reply; nothing waits beyond its bound; each message taken is one that was sent whole.
 */
import assert from 'node:assert/strict';
import type { Target } from './engine/target.ts';

type Sessions = typeof import('../../src/smtp/server/session.ts');
type Budget = typeof import('../../src/smtp/server/byte-budget.ts');
type Replies = typeof import('../../src/smtp/reply.ts');
type Logger = typeof import('../../src/runtime/logger.ts');

const TLS = { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' };
/** An unfinished line at most, before it is passed over. */
const MOST_WAITING = 12_288;
const MOST_CHUNKS = 4096;

export const target: Target = {
  words: [
    'EHLO c.test\r\n',
    'HELO c\r\n',
    'STARTTLS\r\n',
    'AUTH PLAIN AGEAYg==\r\n',
    'AUTH LOGIN\r\n',
    'MAIL FROM:<a@b.test>\r\n',
    'MAIL FROM:<> SIZE=99\r\n',
    'RCPT TO:<c@d.test>\r\n',
    'DATA\r\n',
    '\r\n.\r\n',
    'RSET\r\n',
    'QUIT\r\n',
    'NOOP\r\n',
    '\r\n',
    '\n',
    '\r',
    '\0',
    '*\r\n',
  ],
  async open(load) {
    const { createSession } = await load<Sessions>('smtp/server/session.ts');
    const { createByteBudget } = await load<Budget>('smtp/server/byte-budget.ts');
    const { systemClock } = await load<typeof import('../../src/runtime/clock.ts')>('runtime/clock.ts');
    const { reply } = await load<Replies>('smtp/reply.ts');
    const { silentLogger } = await load<Logger>('runtime/logger.ts');
    return async (input) => {
      const [how = 0, step = 0] = input;
      let written = '';
      let closed = false;
      let upgrading = false;
      let open = 0;
      const messages: string[] = [];
      const session = createSession(
        {
          id: 's',
          role: how & 1 ? 'submission' : 'mx',
          remoteAddress: '192.0.2.1',
          remotePort: 4321,
          tls: how & 2 ? TLS : null,
        },
        {
          hostname: 'mx.example.test',
          budget: createByteBudget(systemClock),
          logger: silentLogger,
          announcedSize: () => 10_000,
          tlsAvailable: (how & 4) > 0,
          authNeeds: () => null,
          receiver: {
            connect: async () => ({ ok: true, value: how & 8 ? {} : null }),
            authenticate: async () =>
              how & 16 ? { ok: true, value: {} } : { ok: false, reply: reply(535, '5.7.8', 'no') },
            async mail() {
              open++;
              return {
                ok: true,
                value: {
                  sizeLimit: 10_000,
                  rcpt: async () => ({ ok: true, value: null }),
                  async data(message) {
                    open--;
                    messages.push(message.toString('latin1'));
                    return reply(250, '2.0.0', 'taken');
                  },
                  abort: () => void open--,
                },
              };
            },
          },
        },
        {
          write(text) {
            written += text;
          },
          startTls() {
            upgrading = true;
          },
          close() {
            closed = true;
          },
          phase() {},
        },
      );
      await session.begin();
      const pace = Math.max(step ** 2, Math.ceil(input.length / MOST_CHUNKS));
      for (let at = 2; at < input.length && !closed; ) {
        const end = step === 0 ? input.indexOf(10, at + pace - 1) + 1 || input.length : at + pace;
        session.feed(input.subarray(at, end));
        at = end;
        await session.settled();
        assert.ok(session.waiting() <= MOST_WAITING, `${session.waiting()} octets wait`);
        if (upgrading) session.secured(TLS);
        upgrading = false;
      }
      session.closed();
      for (const message of messages)
        assert.ok(message.length <= 10_000 && !/\r(?!\n)|(?<!\r)\n/.test(message));
      assert.equal(open, 0, 'each transaction ends once');
      assert.match(written, /^(?:[2345]\d\d[ -][^\r\n]*\r\n)*$/);
    };
  },
};
