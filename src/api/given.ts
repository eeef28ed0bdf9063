/**
 * What a request gives, before its schema judges it. `null` for an optional field is the absence of the field, unless
 * the schema gives null a meaning; the same holds for the entries of a map. In a query, an empty value and `null` are
 * absence where the schema of the parameter does not take that text. Nothing that was given is changed otherwise.
 */
import type { FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { invalid, Problem } from './problems.ts';

type Node = TSchema & {
  readonly type?: string;
  readonly anyOf?: readonly Node[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly items?: Node;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly patternProperties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
};

/** Whether null means something in the schema. */
export function takesNull({ type, anyOf, enum: values, const: only }: Node): boolean {
  if (anyOf !== undefined) return anyOf.some(takesNull);
  if (values !== undefined) return values.includes(null);
  return only === undefined && (type === undefined || type === 'null');
}
/** The value without what is null for its absence. The same object if there is no such null. */
export function withoutNulls(schema: Node, value: unknown): unknown {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return value;
    const inner = value.map((item) => withoutNulls(items, item));
    return inner.some((item, i) => item !== value[i]) ? inner : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  const { required = [] } = schema;
  const before = Object.entries(value);
  const kept = before.flatMap(([name, inner]): [string, unknown][] => {
    const of = schemaOf(schema, name);
    if (of === undefined) return [[name, inner]];
    if (inner === null && !required.includes(name) && !takesNull(of)) return [];
    return [[name, withoutNulls(of, inner)]];
  });
  const isSame = kept.length === before.length && kept.every(([, inner], i) => inner === before[i]![1]);
  return isSame ? value : Object.fromEntries(kept);
}
/** The schema of a field; undefined for one that the schema does not know. */
function schemaOf({ properties = {}, patternProperties = {} }: Node, name: string): Node | undefined {
  return Object.hasOwn(properties, name) ? properties[name] : Object.values(patternProperties)[0];
}
/** A body that needs no field may be left out. */
export const mayBeAbsent = ({ required = [] }: Node): boolean => required.length === 0;

export const NO_SLASH = 'no path of the API ends with a slash, or has two in a row; /docs lists them all';

/** Puts the body and the query of a request into the form that their schemas judge. Throws a Problem. */
export function takeGiven(request: FastifyRequest, body: Node | undefined, query: Node): void {
  const { body: given, params } = request;
  if (Object.values(params ?? {}).includes('')) throw new Problem('not-found', NO_SLASH);
  if (body === undefined) {
    const isNone = typeof given !== 'object' || Object.keys(given ?? {}).length > 0;
    if (given !== undefined && given !== null && isNone)
      throw new Problem('validation', 'body: the operation takes no body', { field: 'body' });
  } else {
    const whole = (given === undefined || given === null) && mayBeAbsent(body) ? {} : given;
    const taken = withoutNulls(body, whole);
    if (taken !== given) request.givenBody = given;
    request.body = taken;
  }
  request.query = queryOf(request.url, request.query, query);
}
function queryOf(url: string, given: unknown, { properties = {} }: Node): object {
  try {
    decodeURIComponent(url);
  } catch {
    throw new Problem('bad-request', 'the % in the query do not stand for UTF-8');
  }
  const taken = Object.entries(given ?? {}).filter(([name, value]) => {
    if (Array.isArray(value)) throw invalid(name === '' ? '""' : name, 'is given more than once');
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (schema === undefined || Value.Check(schema, value)) return true;
    if (value === '' || value === 'null') return false;
    // The validator would read 1.5 as 1.
    if (schema.type === 'integer' && !/^-?\d+$/.test(String(value)))
      throw invalid(name, 'must be a whole number');
    return true;
  });
  return Object.fromEntries(taken);
}
