/** Makes a store with large messages and their events, without the minutes that receiving them would take. */

import type { EventRow } from '../../src/edj/topics.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { createRandom } from '../../src/runtime/random.ts';
import type { StoredMessage } from '../../src/spool/messages.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';
import type { Bootstrapped } from './harness.ts';

const DAY_MS = 86_400_000;
type Ids = Pick<Bootstrapped, 'project_id' | 'topic_id' | 'domain_id'>;

/** `octets` of UTF-8 text in lines, with a header. */
export function largeMail(octets: number, subject = 'large'): Buffer {
  const header = Buffer.from(
    `From: <writer@elsewhere.test>\r\nTo: <in@sender.test>\r\nSubject: ${subject}\r\n\r\n`,
  );
  const line = Buffer.from(`${'本文 0123456789 '.repeat(3)}\r\n`);
  const room = octets - header.length - 2;
  const whole = Math.floor(room / line.length) * line.length;
  return Buffer.concat([
    header,
    Buffer.alloc(whole, line),
    Buffer.alloc(room - whole, 'x'),
    Buffer.from('\r\n'),
  ]);
}

/** Puts `count` incoming messages and their events into the store of the directory; the octets are stored once. */
export async function plantEvents(
  directory: string,
  who: Ids,
  {
    count,
    raw,
    recipients = ['in@sender.test'],
  }: { count: number; raw: Buffer; recipients?: readonly string[] },
): Promise<string[]> {
  const random = createRandom();
  const now = Date.now();
  const project = who.project_id as EventRow['projectId'];
  const opened = { directory, clock: systemClock, random, logger: silentLogger, lock: false };
  await using store = await openSqliteStore(opened);
  const rows = Array.from({ length: count }, (_, i) => {
    const message: StoredMessage = {
      id: random.id<'message'>(),
      projectId: project,
      domainId: who.domain_id as StoredMessage['domainId'],
      direction: 'incoming',
      source: 'mx',
      mailFrom: 'writer@elsewhere.test',
      messageIdHeader: `<${i}@elsewhere.test>`,
      prefix: Buffer.from(`Received: from elsewhere.test by mail.sender.test; number ${i}\r\n`),
      raw,
      smtputf8: false,
      eightBit: true,
      acceptedAt: now,
      expiresAt: now + 5 * DAY_MS,
      keepUntil: now + 30 * DAY_MS,
      facts: { recipients },
    };
    const event: EventRow = {
      id: random.id<'event'>(),
      projectId: project,
      topicId: who.topic_id as EventRow['topicId'],
      service: 'mta',
      name: 'incoming',
      createdAt: now,
      expiresAt: null,
      keepUntil: now + 30 * DAY_MS,
      messageId: message.id,
      content: { envelope: { mail_from: 'writer@elsewhere.test', recipients: ['in@sender.test'] } },
      summary: null,
    };
    return { message, event };
  });
  await store.transact(project, (tx) => {
    for (const [i, { message, event }] of rows.entries()) {
      tx.insertMessage(message, i === 0 ? undefined : rows[0]!.message.id);
      tx.insertEvent(event);
    }
  });
  return rows.map(({ event }) => event.id);
}
