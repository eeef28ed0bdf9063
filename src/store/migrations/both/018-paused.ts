/** Since when a subscriber is paused. Older programs do not know the column: they send to paused subscribers. */
import type { StepOfBoth } from '../migration.ts';

export const paused: StepOfBoth = {
  version: 18,
  sqlite: { oldestCompatible: 13, sql: 'ALTER TABLE subscriber ADD COLUMN paused_at INTEGER' },
  postgres: { oldestCompatible: 1, sql: 'ALTER TABLE subscriber ADD COLUMN paused_at BIGINT' },
};
