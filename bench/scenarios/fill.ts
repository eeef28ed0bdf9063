/** A store with many waiting recipients, without the hours that would take. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ID } from '../../src/store/sqlite/ids.ts';
import type { Bootstrapped } from '../../test/journeys/harness.ts';

/** Deferred recipients put into the store as the service itself would leave them, before it starts. */
export function fill(
  directory: string,
  who: Bootstrapped,
  options: {
    recipients: number;
    sites: number;
    dueFrom: number;
    dueTo: number;
    domain: (i: number) => string;
  },
): void {
  const db = new DatabaseSync(join(directory, 'hikyaku.sqlite'));
  const { recipients, sites, dueFrom, dueTo, domain } = options;
  db.exec('PRAGMA synchronous = OFF; BEGIN');
  const id = (kind: number, i: number) => `${kind}0000000-0000-7000-8000-${i.toString(16).padStart(12, '0')}`;
  const message = db.prepare(
    `INSERT INTO message (project_id, id, domain_id, direction, source, mail_from, message_id_header, size, smtputf8, eight_bit, accepted_at, expires_at, keep_until, facts, prefix, data)
      VALUES (${ID}, ${ID}, ${ID}, 'outgoing', 'smtp', 'sender@sender.test', '<x@sender.test>', ?, 0, 0, ?, ?, ?, '{}', ?, ?)`,
  );
  const recipient = db.prepare(
    `INSERT INTO recipient (message, id, project_id, address, domain, lane, state, attempts, next_attempt_at, held_since, held_ms, dsn, last_result, created_at, settled_at)
      VALUES (?, ${ID}, ${ID}, ?, ?, ?, 'deferred', 3, ?, NULL, 0, NULL, ?, ?, NULL)`,
  );
  const raw = Buffer.from(`From: <sender@sender.test>\r\nSubject: waiting\r\n\r\n${'x'.repeat(900)}\r\n`);
  const last = JSON.stringify({
    kind: 'deferred',
    cause: 'recipient refused',
    reply: { code: 451, enhanced: '4.2.0', text: 'not now' },
  });
  const now = Date.now();
  for (let m = 0; m * 10 < recipients; m++) {
    const { lastInsertRowid: number } = message.run(
      who.project_id,
      id(1, m),
      who.domain_id,
      raw.length,
      now - 3_600_000,
      now + 86_400_000,
      now + 30 * 86_400_000,
      Buffer.from('Received: x\r\n'),
      raw,
    );
    for (let i = m * 10; i < Math.min(recipients, m * 10 + 10); i++) {
      const name = domain(i % sites);
      const due = Math.floor(now + dueFrom + ((i * 7919) % recipients) * ((dueTo - dueFrom) / recipients));
      recipient.run(
        number,
        id(2, i),
        who.project_id,
        `r${i}@${name}`,
        name,
        name,
        due,
        last,
        now - 3_600_000,
      );
    }
  }
  db.exec('COMMIT');
  db.close();
}
