/** Tasks of both services, and the problem that a failed task holds. */
import Type, { type TSchema } from 'typebox';
import { closed, Id, oneOf, orNull, Time, Url, Whole } from '../parts.ts';

export const Problem = Type.Object(
  {
    type: Type.String({ description: '/problems/ followed by the name of the type' }),
    title: Type.String(),
    status: Whole,
    detail: Type.String(),
    field: Type.Optional(Type.String({ description: 'JSON path of the field that is wrong' })),
  },
  { additionalProperties: false, description: 'RFC 9457' },
);
export const task = <R extends TSchema>(result: R) =>
  closed({
    id: Id,
    self: Url,
    procedure: Type.String(),
    status: oneOf('queued', 'succeeded', 'failed'),
    result: orNull(result),
    error: orNull(Problem),
    created_at: Time,
    completed_at: orNull(Time),
  });
export const PublishTask = task(closed({ event_id: Id }));
export const TaskQuery = closed({
  is_sync: Type.Optional(
    Type.Boolean({ description: 'true: the service answers when the result is stored durably' }),
  ),
});
