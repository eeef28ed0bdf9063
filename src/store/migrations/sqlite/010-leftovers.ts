/**
 * No large deletion is a cascade any more. A message's recipients and octets, a topic's events and a
 * subscriber's deliveries were found by whichever index SQLite took for the best, and were removed in the
 * commit of the request that removed their owner. Now retention removes them (sqlite/leftovers.ts):
 * `leftover` names the removed owners, and readers do not show rows of a removed owner. The foreign keys are
 * removed from the schema's text, which changes no row (https://www.sqlite.org/lang_altertable.html, section
 * 8): the tables are not rewritten. What is created afterwards raises the schema's version, so other
 * connections read the schema again. `leftover` has the column `project`, not `project_id`: it is not a row
 * of the project and is removed separately. An older program would remove messages and leave their dependent
 * rows, so older programs must not use the result.
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
