/** The steps for both engines, oldest first. Add a new step here; a long one gets a file of its own. */
import type { StepOfBoth } from '../migration.ts';
import { names } from './012-names.ts';
import { kinds } from './013-kinds.ts';

export const BOTH: readonly StepOfBoth[] = [names, kinds];
