/** The resources for limits, usage, retention, the operator's own records and requests for higher limits. */
import Type from 'typebox';
import { closed, Id, Link, oneOf, orNull, Time, Url, Whole, Words } from '../parts.ts';

const Limit = Type.Integer({ minimum: 0, description: 'number of recipients; 0: no limit' });
const Window = closed({
  used: Whole,
  limit: Limit,
  remaining: orNull(Whole),
  room_at: orNull(
    Type.String({
      format: 'date-time',
      description: 'when the window has room for one more recipient; null: now',
    }),
  ),
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
  'recipients in the last 60 minutes, 48 hours and 92 days (UTC)',
);

export const Limits = closed({
  project: Link,
  per_minute: Limit,
  per_day: Limit,
  is_default: Type.Boolean({ description: 'true: the project has no limits of its own' }),
});
export const ProjectUsage = closed({ project: Windows, series: Series });
export const DomainUsage = closed({ project: Windows, domain: Windows, series: Series });
export const Retention = closed({
  due_messages: Type.Integer({
    minimum: 0,
    description: 'messages past their retention that are still stored; the count stops at some thousands',
  }),
  behind_since: orNull(
    Type.String({
      format: 'date-time',
      description: 'when the oldest of them should have been removed; null: there is none',
    }),
  ),
  late: Type.Boolean({ description: 'true: removal is behind by more than the hourly rounds explain' }),
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
      'the last round that the answering node has started',
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
  notify: orNull(Type.String({ description: 'mail address that receives the decision' })),
  granted: closed({ per_minute: orNull(Limit), per_day: orNull(Limit) }),
  note: orNull(Type.String()),
  created_at: Time,
  decided_at: orNull(Time),
  decided_by: orNull(Type.String()),
});
export const InstanceDns = closed({
  checked_at: orNull(
    Type.String({
      format: 'date-time',
      description: 'null: nothing was checked; `unchecked` says why',
    }),
  ),
  unchecked: Type.Union([closed({ code: oneOf('host_name_not_public', 'not_yet'), ...Words }), Type.Null()], {
    description: 'why nothing was checked; null: it was',
  }),
  records: Type.Array(
    closed({
      check: oneOf('address', 'ptr', 'spf_include', 'helo_spf', 'dkim_zone', 'certificate'),
      name: Type.String({ description: 'the host, address, record or zone that was checked' }),
      state: oneOf('ok', 'missing', 'wrong', 'unknown'),
      found: Type.Array(Type.String()),
      message: Type.Optional(Words.message),
      message_ja: Type.Optional(Words.message_ja),
    }),
  ),
});
