/**
 * An event with stable ids, times, addresses and keys: two runs that make the same event give the same value. Throws if the
 * event names an id that nobody has given.
 */
import { EXAMPLE, RECIPIENT_EXAMPLE } from '../../src/contract/example-ids.ts';
import type { Json } from '../journeys/journey.ts';

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const DATE = /\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000/g;
const AT = '2026-01-02T03:04:05.000Z';
/** By the name of the field. */
const LATER: Readonly<Record<string, string>> = {
  next_attempt_at: '2026-01-02T03:09:05.000Z',
  room_returns_at: '2026-01-03T03:04:05.000Z',
};
/** RFC 8463 Appendix A.2. */
const KEY = 'p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=';

/** `known`: example ids by real id. */
export function stable(event: Json, known: ReadonlyMap<string, string>): Json {
  const { id, content } = event;
  const ids = new Map(known).set(id, EXAMPLE.event);
  if (content.id !== undefined) ids.set(content.id, EXAMPLE.message);
  if (content.recipient !== undefined) ids.set(content.recipient.id, RECIPIENT_EXAMPLE);
  function text(value: string, field: string): string {
    if (TIME.test(value)) return LATER[field] ?? AT;
    return value
      .replace(UUID, (found) => {
        const stands = ids.get(found);
        if (stands === undefined) throw new Error(`${event.name}: nobody knows the id ${found} in ${field}`);
        return stands;
      })
      .replace(DATE, 'Fri, 02 Jan 2026 03:04:05 +0000')
      .replaceAll('127.0.0.1', '192.0.2.1')
      .replace(/\bhk[0-9a-f]{6,}\b/g, 'hk0123456789')
      .replace(/\bp=[A-Za-z0-9+/]{43}=/, KEY);
  }
  function of(value: Json, field: string): Json {
    if (typeof value === 'string') return text(value, field);
    if (field === 'port') return 25;
    if (Array.isArray(value)) return value.map((item) => of(item, field));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, of(inner, name)]));
  }
  return of(event, '');
}
