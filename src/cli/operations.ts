/**
 * Reads the operations of a service from its OpenAPI documents and turns command-line arguments into a
 * request. All functions except `loadOperations` are pure. They fail with UsageError, which names the
 * argument.
 */
import type { ApiClient, ApiRequest } from './api-client.ts';
import { UsageError } from './usage.ts';

// biome-ignore lint/suspicious/noExplicitAny: JSON Schema, read as far as it is needed here
type Schema = any;
export interface Field {
  /** As on the command line, without the dashes. */
  readonly name: string;
  readonly place: 'query' | 'header' | 'body';
  /** The path to the field in the body, or the parameter's own name. */
  readonly at: readonly string[];
  readonly schema: Schema;
  readonly required: boolean;
  /** It has one possible value, which is filled in. It may be given, but need not be shown. */
  readonly isFixed?: true;
}
export interface CliOperation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  readonly ids: readonly string[];
  readonly fields: readonly Field[];
  readonly hasBody: boolean;
  readonly examples: readonly unknown[];
  readonly body: Schema;
}

/** The operations that a key may call. */
export async function loadOperations(client: ApiClient): Promise<CliOperation[]> {
  const documents = await Promise.all(
    ['iam', 'mta', 'edj'].map((service) => client.get(`/${service}/v1/openapi.json`)),
  );
  return documents.flatMap(({ paths }) =>
    Object.entries<Schema>(paths).flatMap(([path, methods]) =>
      Object.entries<Schema>(methods)
        .filter(([, { security }]) => security?.every((way: Schema) => !('key' in way)) !== true)
        .map(([method, operation]) => operationOf(path, method, operation)),
    ),
  );
}

function operationOf(path: string, method: string, operation: Schema): CliOperation {
  const content = operation.requestBody?.content?.['application/json'];
  const fields: Field[] = [];
  for (const { in: place, name, schema, required } of operation.parameters ?? []) {
    if (place === 'query' || place === 'header')
      fields.push({ name: flagOf(name), place, at: [name], schema, required: required === true });
  }
  fields.push(...bodyFields(content?.schema));
  // Required fields first; header fields, which nearly every operation has, last.
  const rank = ({ place, required }: Field) => (required ? 0 : place === 'header' ? 2 : 1);
  fields.sort((a, b) => rank(a) - rank(b));
  return {
    id: operation.operationId ?? `${method} ${path}`,
    method: method.toUpperCase(),
    path,
    summary: operation.summary ?? '',
    ids: [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!),
    fields,
    hasBody: content !== undefined,
    examples: Object.values<Schema>(content?.examples ?? {}).map(({ value }) => value),
    body: content?.schema,
  };
}
const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const flagOf = (name: string) => name.toLowerCase().replaceAll('_', '-');
/** If a property has only one possible value, that is filled in. */
const onlyValue = (schema: Schema) =>
  schema.const ?? (schema.enum?.length === 1 ? schema.enum[0] : undefined);

/**
 * Fields of the body by name. A field of a nested object has its own name if that name is unique; otherwise
 * the name of the object stands before it. If the body has several forms (one for each kind of a thing), these
 * are the fields of all forms, a field is required if every form requires it, and the field that tells the
 * forms apart takes the values of all forms.
 */
function bodyFields(schema: Schema): Field[] {
  const forms: Schema[] = schema?.anyOf ?? [schema];
  const found = new Map<
    string,
    { readonly at: readonly string[]; readonly of: Schema[]; required: number }
  >();
  const visit = (at: readonly string[], of: Schema, needed: boolean) => {
    for (const [name, property] of Object.entries<Schema>(of?.properties ?? {})) {
      const path = [...at, name];
      const required = needed && (of.required ?? []).includes(name);
      const isReference = Object.keys(property.properties ?? {}).join() === 'self';
      if (property.properties !== undefined && !isReference) visit(path, property, required);
      else {
        const field = found.get(path.join()) ?? { at: path, of: [], required: 0 };
        field.of.push(property);
        if (required) field.required += 1;
        found.set(path.join(), field);
      }
    }
  };
  for (const form of forms) visit([], form, true);
  const all = [...found.values()].map(({ at, of, required }): Field => {
    const values = of.map(onlyValue);
    const isFixed = forms.length === 1 && values[0] !== undefined;
    return {
      name: flagOf(at.at(-1)!),
      place: 'body',
      at,
      schema: values.every((value) => value !== undefined) ? { enum: values } : of[0]!,
      required: required === forms.length && !isFixed,
      ...(isFixed ? { isFixed } : {}),
    };
  });
  return all.map((field) =>
    all.filter(({ name }) => name === field.name).length === 1
      ? field
      : { ...field, name: field.at.map(flagOf).join('.') },
  );
}

export interface Arguments {
  readonly ids: readonly string[];
  /** By flag, in the given order; true stands for a flag without a value. */
  readonly flags: readonly (readonly [string, string | true])[];
  /** The whole body, given by --json. */
  readonly body: unknown;
}

/** Builds the request from the arguments. */
export function requestOf(operation: CliOperation, given: Arguments, url: string): ApiRequest {
  if (given.ids.length !== operation.ids.length)
    throw new UsageError(
      `${operation.id} takes ${operation.ids.length === 0 ? 'no ids' : operation.ids.join(' and ')}, but ${given.ids.length} were given`,
    );
  const query = new URLSearchParams();
  const headers: Record<string, string> = {};
  if (given.body !== undefined && !isObject(given.body)) throw new UsageError('--json must be a JSON object');
  let body: Schema = given.body === undefined ? undefined : structuredClone(given.body);
  if (body !== undefined && !operation.hasBody) throw new UsageError(`${operation.id} takes no body`);
  for (const [flag, value] of given.flags) {
    const field = operation.fields.find(({ name }) => name === flag.replaceAll('_', '-'));
    if (field === undefined)
      throw new UsageError(
        `${operation.id} has no --${flag}; it has ${operation.fields.map(({ name }) => `--${name}`).join(' ') || 'none'}`,
      );
    if (field.place === 'body') {
      body ??= {};
      put(body, field.at, toJson(field, value, { url, examples: operation.examples }));
    } else {
      const text = value === true ? 'true' : value;
      if (field.place === 'query') query.set(field.at[0]!, text);
      else headers[field.at[0]!] = text;
    }
  }
  if (operation.hasBody) {
    body ??= {};
    if (given.body === undefined) fillOnly(body, operation.body);
  }
  let next = 0;
  const path = operation.path.replace(/\{\w+\}/g, () => encodeURIComponent(given.ids[next++]!));
  const search = query.toString();
  return {
    method: operation.method,
    path: search === '' ? path : `${path}?${search}`,
    headers,
    ...(body === undefined ? {} : { body }),
  };
}

/** Sets a value; if the field is a list, adds further values to it. */
function put(body: Schema, at: readonly string[], value: unknown): void {
  let place = body;
  for (const name of at.slice(0, -1)) {
    place = place[name] ??= {};
    if (!isObject(place)) throw new UsageError(`--json: ${name} must be an object`);
  }
  const last = at.at(-1)!;
  place[last] = Array.isArray(value) && Array.isArray(place[last]) ? [...place[last], ...value] : value;
}
function fillOnly(body: Schema, schema: Schema): void {
  for (const [name, property] of Object.entries<Schema>(schema?.properties ?? {})) {
    const only = onlyValue(property);
    if (only !== undefined && (schema.required ?? []).includes(name)) body[name] ??= only;
  }
}

function toJson(
  { name, at, schema }: Field,
  value: string | true,
  around: { readonly url: string; readonly examples: readonly unknown[] },
): unknown {
  const kinds: string[] = (schema.anyOf ?? [schema]).map(
    (one: Schema) => one.type ?? (one.enum ? 'string' : 'any'),
  );
  if (value === true) {
    if (kinds.includes('boolean')) return true;
    throw new UsageError(`--${name} needs a value`);
  }
  if (kinds.includes('boolean') && /^(true|false)$/.test(value)) return value === 'true';
  if (kinds.includes('null') && value === 'null') return null;
  if (kinds.includes('integer') && /^-?\d{1,15}$/.test(value)) return Number(value);
  if (schema.properties?.self !== undefined && !value.startsWith('{'))
    return { self: linkTo([...at, 'self'], value, around) };
  if (at.at(-1) === 'self') return linkTo(at, value, around);
  if (kinds.includes('array'))
    return value.startsWith('[') ? parse(name, value) : [scalar(schema.items, value)];
  if (kinds.includes('object')) return parse(name, value);
  if (kinds.includes('string')) return value;
  throw new UsageError(`--${name}: expected ${kinds.join(' or ')}`);
}
function scalar(items: Schema, value: string): unknown {
  if (items?.type === 'integer' && /^-?\d{1,15}$/.test(value)) return Number(value);
  return items?.type === 'object' ? parse('value', value) : value;
}
function parse(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`--${name}: expected JSON`);
  }
}
/** Turns an id into a URL, after the URL that an example has in the same place. */
function linkTo(
  at: readonly string[],
  value: string,
  { url, examples }: { readonly url: string; readonly examples: readonly unknown[] },
): string {
  if (!/^[0-9a-f-]{36}$/.test(value)) return value;
  for (const example of examples) {
    const found = at.reduce<Schema>((inner, name) => inner?.[name], example);
    if (typeof found === 'string') return `${url}${new URL(found).pathname.replace(/(?<=\/)[^/]+$/, value)}`;
  }
  return value;
}

/** One line per field, for people. */
export function describe(operation: CliOperation): string {
  const ids = operation.ids.map((id) => ` <${id}>`).join('');
  const lines = operation.fields
    .filter(({ isFixed }) => isFixed !== true)
    .map(({ name, schema, required }) => {
      const kind = [
        ...new Set(
          (schema.anyOf ?? [schema]).flatMap((one: Schema) => one.enum ?? one.const ?? one.type ?? 'JSON'),
        ),
      ].join(' | ');
      return `  --${name}  ${kind}${required ? ', required' : ''}${schema.description === undefined ? '' : `: ${schema.description}`}`;
    });
  const example = operation.examples[0];
  return [
    `${operation.id}${ids}   ${operation.summary}`,
    `  ${operation.method} ${operation.path}`,
    ...lines,
    ...(operation.hasBody ? ["  --json  the whole body: '{…}', or - for standard input"] : []),
    ...(example === undefined
      ? []
      : [`  example: --json '${JSON.stringify(example).replaceAll("'", "'\\''")}'`]),
  ].join('\n');
}
