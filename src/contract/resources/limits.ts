/** Limits, what is used of them, and requests for higher ones, as they are rendered. */
import Type from 'typebox';
import { closed, Id, Link, oneOf, orNull, Time, Url, Whole } from '../parts.ts';

const Limit = Type.Integer({ minimum: 0, description: 'recipients; 0: no limit' });
const Window = closed({
  used: Whole,
  limit: Limit,
  remaining: orNull(Whole),
  room_at: orNull(Type.String({ format: 'date-time', description: 'when one more fits; null: now' })),
  resets_at: orNull(Time),
});
const Windows = closed({ per_minute: Window, per_day: Window });
const Points = Type.Array(
  closed({
    start: Time,
    accepted: Whole,
    delivered: Whole,
    deferred: Whole,
    bounced: Whole,
    expired: Whole,
    held: Whole,
    received: Whole,
  }),
);
const Series = closed(
  { minutes: Points, hours: Points, days: Points },
  'recipients over the last 60 minutes, 48 hours and 92 days of UTC',
);

export const Limits = closed({
  project: Link,
  per_minute: Limit,
  per_day: Limit,
  is_default: Type.Boolean({ description: 'the project has none of its own' }),
});
export const ProjectUsage = closed({ project: Windows, series: Series });
export const DomainUsage = closed({ project: Windows, domain: Windows, series: Series });
export const Retention = closed({
  due_messages: Type.Integer({
    minimum: 0,
    description: 'over and still there; counted up to some thousands',
  }),
  behind_since: orNull(
    Type.String({
      format: 'date-time',
      description: 'when the oldest of them should have gone; null: nothing is over',
    }),
  ),
  late: Type.Boolean({ description: 'it falls behind: more than the rounds, one an hour, explain' }),
  round: orNull(
    closed(
      {
        started_at: Time,
        ended_at: orNull(Time),
        failed: Type.Boolean(),
        removed: closed({
          messages: Whole,
          recipients: Whole,
          attempts: Whole,
          events: Whole,
          deliveries: Whole,
          tasks: Whole,
          operations: Whole,
          records: Whole,
          usage: Whole,
          audit: Whole,
          projects: Whole,
        }),
      },
      'the last one that the node which answers has begun',
    ),
  ),
});
export const LimitRequest = closed({
  id: Id,
  self: Url,
  project: closed({ self: Url, name: orNull(Type.String()) }),
  state: oneOf('open', 'approved', 'approved_in_part', 'refused', 'cancelled'),
  per_minute: orNull(Limit),
  per_day: orNull(Limit),
  reason: Type.String(),
  actor: Type.String(),
  notify: orNull(Type.String({ description: 'mail address that is told of the decision' })),
  granted: closed({ per_minute: orNull(Limit), per_day: orNull(Limit) }),
  note: orNull(Type.String()),
  created_at: Time,
  decided_at: orNull(Time),
  decided_by: orNull(Type.String()),
});
