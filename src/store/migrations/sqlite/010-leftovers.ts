/**
 * Nothing large goes by a cascade any more: a message's recipients and octets, a topic's events and a subscriber's
 * deliveries were found by whichever index SQLite took for the best, and went in the commit of whoever removed their
 * owner. Now retention removes them (sqlite/leftovers.ts): `leftover` names the owners that are gone, and rows of an
 * owner that is gone are hidden from readers until then.
 * The foreign keys are taken out of the schema's text, which changes no row (https://www.sqlite.org/lang_altertable.html,
 * section 8): the tables are not written again. What is created after that raises the schema's version, so that other
 * connections read it again.
 * `leftover` says `project` and not `project_id`: it is no row of the project, and goes by itself.
 * An older program would remove messages and leave what hangs on them, so that none may use the result.
 */
import type { Migration } from '../migration.ts';

const MESSAGE = 'FOREIGN KEY (project_id, message_id) REFERENCES message (project_id, id) ON DELETE CASCADE';
const TOPIC = 'FOREIGN KEY (project_id, topic_id) REFERENCES topic (project_id, id) ON DELETE CASCADE';
const SUBSCRIBER =
  'FOREIGN KEY (project_id, subscriber_id) REFERENCES subscriber (project_id, id) ON DELETE CASCADE';
const without = (table: string, key: string): string =>
  `UPDATE sqlite_schema SET sql = replace(replace(sql, ',' || char(10) || '  ${key}', ''), ', ${key}', '')
    WHERE type = 'table' AND name = '${table}';`;

export const leftovers: Migration = {
  version: 10,
  oldestCompatible: 10,
  sql: `
PRAGMA writable_schema = ON;
${without('message_body', MESSAGE)}
${without('recipient', MESSAGE)}
${without('event', TOPIC)}
${without('subscriber_delivery', SUBSCRIBER)}
PRAGMA writable_schema = RESET;

CREATE TABLE leftover (kind TEXT NOT NULL CHECK (kind IN ('message', 'topic', 'subscriber')), project TEXT NOT NULL, id TEXT NOT NULL,
  PRIMARY KEY (kind, project, id)) STRICT, WITHOUT ROWID;
CREATE TRIGGER topic_leftover AFTER DELETE ON topic
  BEGIN INSERT OR IGNORE INTO leftover (kind, project, id) VALUES ('topic', old.project_id, old.id); END;
CREATE TRIGGER subscriber_leftover AFTER DELETE ON subscriber
  BEGIN INSERT OR IGNORE INTO leftover (kind, project, id) VALUES ('subscriber', old.project_id, old.id); END;
`,
};
