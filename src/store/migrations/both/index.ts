/** The steps of both engines' schemas, oldest first. A new one stands here; a long one has a file of its own. */
import type { StepOfBoth } from '../migration.ts';
import { names } from './012-names.ts';
import { kinds } from './013-kinds.ts';

export const BOTH: readonly StepOfBoth[] = [names, kinds];
