/** When a subscriber was resumed last: how long deliveries are retried counts from then. */
import type { StepOfBoth } from '../migration.ts';

export const resumed: StepOfBoth = {
  version: 20,
  sqlite: { oldestCompatible: 13, sql: 'ALTER TABLE subscriber ADD COLUMN resumed_at INTEGER' },
  postgres: { oldestCompatible: 1, sql: 'ALTER TABLE subscriber ADD COLUMN resumed_at BIGINT' },
};
