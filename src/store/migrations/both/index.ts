/** The steps for both engines, oldest first. Add a new step here; a long one gets a file of its own. */
import { type StepOfBoth, same } from '../migration.ts';
import { names } from './012-names.ts';
import { kinds } from './013-kinds.ts';
import { failing } from './016-failing.ts';
import { paused } from './018-paused.ts';
import { order } from './019-order.ts';
import { resumed } from './020-resumed.ts';

/** Why an attempt was refused, and how often: JSON, NULL for everything else. */
const refused = same(14, 13, 'ALTER TABLE audit_event ADD COLUMN refused TEXT');

const ofOperator = `UPDATE suspension SET by_operator = 1 WHERE by_operator = 0 AND (actor = 'operator on the machine' OR project_id IS NULL)`;
/** Who made a suspension. Earlier rows tell by their actor; all projects were the operator's to suspend. */
const suspender: StepOfBoth = {
  ...same(
    15,
    13,
    `ALTER TABLE suspension ADD COLUMN by_operator INTEGER NOT NULL DEFAULT 0 CHECK (by_operator IN (0, 1)); ${ofOperator};`,
  ),
  imported: ofOperator,
};

/** The transitions of a recipient are counted; those of earlier rows from now on. */
const moves = same(17, 13, 'ALTER TABLE recipient ADD COLUMN moves INTEGER NOT NULL DEFAULT 0');

export const BOTH: readonly StepOfBoth[] = [
  names,
  kinds,
  refused,
  suspender,
  failing,
  moves,
  paused,
  order,
  resumed,
];
