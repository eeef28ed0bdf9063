/**
 * Since when a subscriber takes nothing. Both columns may be absent for older programs: they leave them as they are, so a
 * subscriber that works again counts as failing until a program of this version delivers to it.
 */
import type { StepOfBoth } from '../migration.ts';

const sql = (integer: string): string => `
ALTER TABLE subscriber ADD COLUMN failing_since ${integer};
CREATE INDEX subscriber_failing ON subscriber (id) WHERE failing_since IS NOT NULL;
`;

export const failing: StepOfBoth = {
  version: 16,
  sqlite: { oldestCompatible: 13, sql: sql('INTEGER') },
  postgres: { oldestCompatible: 1, sql: sql('BIGINT') },
};
