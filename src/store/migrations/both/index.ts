/** The steps for both engines, oldest first. Add a new step here; a long one gets a file of its own. */
import { type StepOfBoth, same } from '../migration.ts';
import { names } from './012-names.ts';
import { kinds } from './013-kinds.ts';

/** Why an attempt was refused, and how often: JSON, NULL for everything else. */
const refused = same(14, 13, 'ALTER TABLE audit_event ADD COLUMN refused TEXT');

export const BOTH: readonly StepOfBoth[] = [names, kinds, refused];
