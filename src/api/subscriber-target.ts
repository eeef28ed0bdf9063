/** A stored subscriber as it can be sent to or changed. Throws a Problem if this program cannot read it. */
import type { Target } from '../edj/call.ts';
import { subscriberKindOf } from '../edj/kinds/kinds.ts';
import { openSealed } from '../edj/kinds/sealed.ts';
import type { Subscriber } from '../edj/topics.ts';
import type { Sealer } from '../runtime/sealing.ts';
import { shownSettings } from './context.ts';
import { Problem } from './problems.ts';

export function targetOf(sealer: Sealer, subscriber: Subscriber): Target {
  const { id, type, settings } = subscriber;
  const kind = subscriberKindOf(type);
  if (kind === null) throw new Problem('conflict', 'this version does not know the kind of the subscriber');
  if (shownSettings(subscriber)['broken'] === true) throw unreadable();
  try {
    return { id, kind, settings, sealed: openSealed(sealer, subscriber) };
  } catch {
    throw unreadable();
  }
}
const unreadable = () =>
  new Problem('conflict', 'the settings of the subscriber cannot be read: remove it, and add it again');
