/**
 * The order of deliveries: the key and the sequence of their events, and until when one that failed holds others back.
 * Deliveries of earlier rows and of older programs have no order.
 */
import type { StepOfBoth } from '../migration.ts';

const ORDER = `CREATE INDEX delivery_order ON subscriber_delivery (subscriber_id, order_key, order_seq) WHERE next_attempt_at IS NOT NULL AND order_key IS NOT NULL;`;
const dueOf = (columns: string): string => `
DROP INDEX delivery_due_of;
CREATE INDEX delivery_due_of ON subscriber_delivery (${columns}) WHERE next_attempt_at IS NOT NULL;
`;

export const order: StepOfBoth = {
  version: 19,
  sqlite: {
    oldestCompatible: 13,
    sql: `
ALTER TABLE subscriber_delivery ADD COLUMN order_key BLOB;
ALTER TABLE subscriber_delivery ADD COLUMN order_seq INTEGER;
ALTER TABLE subscriber_delivery ADD COLUMN holds_until INTEGER;
${dueOf('subscriber_id, next_attempt_at, event, project_id, id')}${ORDER}
`,
  },
  postgres: {
    oldestCompatible: 1,
    sql: `
ALTER TABLE subscriber_delivery ADD COLUMN order_key TEXT COLLATE "C", ADD COLUMN order_seq BIGINT, ADD COLUMN holds_until BIGINT;
${dueOf('owner, subscriber_id, next_attempt_at, order_seq')}${ORDER}
`,
  },
};
