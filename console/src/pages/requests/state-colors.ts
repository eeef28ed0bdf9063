/** One colour per state of a limit request. */
import type { LimitRequest } from '../../api/resources.ts';

export const REQUEST_COLORS: Readonly<Record<LimitRequest['state'], string>> = {
  open: 'blue',
  approved: 'green',
  approved_in_part: 'yellow',
  refused: 'red',
  cancelled: 'gray',
};
