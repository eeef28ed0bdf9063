/** Puts line ends and other control characters into every string of a body's schema. */
import type { Json } from './journey.ts';

export const EVIL: Record<string, string> = {
  CR: '\rX-Injected: yes',
  LF: '\nX-Injected: yes',
  CRLF: '\r\nX-Injected: yes\r\n\r\nX-Injected: body',
  NUL: '\u0000X-Injected: yes',
  NEL: '\u0085X-Injected: yes',
  LS: '\u2028X-Injected: yes',
  folded: '\r\n X-Injected: yes\r\nX-Injected: yes',
};

/** Steps to a string within a body; a number is an item, `*` a free key. */
export type Place = readonly (string | number)[];
export function stringPlaces(schema: Json, at: Place = []): Place[] {
  if (schema === undefined || schema.const !== undefined || schema.enum !== undefined) return [];
  if (schema.anyOf !== undefined) return schema.anyOf.flatMap((one: Json) => stringPlaces(one, at));
  if (schema.type === 'string') return [at];
  if (schema.type === 'array') return stringPlaces(schema.items, [...at, 0]);
  const named = Object.entries<Json>(schema.properties ?? {}).flatMap(([name, inner]) =>
    stringPlaces(inner, [...at, name]),
  );
  const free = Object.values<Json>(schema.patternProperties ?? {}).concat(
    typeof schema.additionalProperties === 'object' ? schema.additionalProperties : [],
  );
  return [...named, ...free.flatMap((inner) => [...stringPlaces(inner, [...at, 'X-Good']), [...at, '*']])];
}
/** The body with `text` appended at that place (or alone, if the place is empty). */
export function planted(body: Json, place: Place, text: string): Json {
  const copy = structuredClone(body);
  let holder = copy;
  for (const [i, step] of place.slice(0, -1).entries())
    holder = holder[step] ??= typeof place[i + 1] === 'number' ? [] : {};
  const last = place.at(-1)!;
  if (last === '*') holder[`X-Good${text}`] = ['value'];
  else holder[last] = `${typeof holder[last] === 'string' ? holder[last] : 'value'}${text}`;
  return copy;
}
