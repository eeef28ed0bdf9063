/**
 * The reference: what the OpenAPI documents say of each operation beyond its parameters and body, which come from the
 * routes themselves. Keyed by method and path, so that route files hold no prose. `complete` merges it into a generated
 * document. An operation without an entry stays as generated, and the tests name it.
 */
import type { TSchema } from 'typebox';
import { PROBLEM_TYPES, type ProblemName } from '../problem-types.ts';
import { EXAMPLE, type ExampleName } from './example-ids.ts';
import { RESOURCES, type ResourceName } from './resources.ts';

export interface Example {
  readonly summary: string;
  readonly value: object;
}
/** A resource by name, a page of them, octets of a media type, or nothing. */
export type Answer = ResourceName | { readonly list: ResourceName } | { readonly octets: string } | null;
export interface OperationReference {
  /** Stable name: the operation the role needs, where that is one and the same. */
  readonly id: string;
  readonly summary: string;
  /** What the role must permit; `id` where it is left out. */
  readonly needs?: string;
  /** Another way in than a key or a session of the project; what its caller may do depends on no role. */
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly description?: string;
  readonly answers: Readonly<Record<number, Answer>>;
  readonly params?: Readonly<Record<string, ExampleName>>;
  readonly examples?: Readonly<Record<string, Example>>;
  /** Beyond those every operation of its kind may answer with. */
  readonly problems?: readonly ProblemName[];
}
/** Keys are `GET /mta/v1/domains/{id}`. */
export type Reference = Readonly<Record<string, OperationReference>>;

interface Parameter {
  name: string;
  in: string;
  [field: string]: unknown;
}
export interface Operation {
  operationId?: string;
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Record<string, { schema?: object; examples?: object }> };
  responses?: Record<string, object>;
  'x-operation'?: string;
  security?: OperationReference['security'];
}
export interface OpenApi {
  info: { title: string; version: string };
  paths?: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, object>; [part: string]: unknown };
}

const pointer = (name: ResourceName) => ({ $ref: `#/components/schemas/${name}` });
function schemaOf(answer: Answer): { type: string; schema: object } | null {
  if (answer === null) return null;
  if (typeof answer === 'string') return { type: 'application/json', schema: pointer(answer) };
  if ('octets' in answer) return { type: answer.octets, schema: { type: 'string', format: 'binary' } };
  return {
    type: 'application/json',
    schema: {
      type: 'object',
      additionalProperties: false,
      required: ['items', 'next_cursor'],
      properties: {
        items: { type: 'array', items: pointer(answer.list) },
        next_cursor: { anyOf: [{ type: 'string' }, { type: 'null' }] },
      },
    },
  };
}

const READ: readonly ProblemName[] = [
  'unauthenticated',
  'operation-not-permitted',
  'too-many-failures',
  'internal',
];
const WRITE: readonly ProblemName[] = ['conflict', 'store-unavailable', 'insufficient-storage'];

/** The problem types an operation may answer with, in the order of the catalogue. */
export function problemsOf(method: string, operation: Operation, entry: OperationReference): ProblemName[] {
  const inPath = operation.parameters?.some((parameter) => parameter.in === 'path') ?? false;
  const inQuery = operation.parameters?.some((parameter) => parameter.in === 'query') ?? false;
  const hasBody = operation.requestBody !== undefined;
  const names = new Set<ProblemName>([...READ, ...(entry.problems ?? [])]);
  if (inPath) names.add('not-found');
  if (inQuery || hasBody || method === 'POST') names.add('validation');
  // A body is read, and refused, where none is asked for, too.
  if (method !== 'GET')
    for (const name of ['invalid-json', 'bad-request', 'unsupported-media-type', 'body-too-large', ...WRITE])
      names.add(name as ProblemName);
  if (method === 'POST') names.add('idempotency-running').add('idempotency-mismatch');
  if (isConditional(method)) names.add('precondition-failed');
  return (Object.keys(PROBLEM_TYPES) as ProblemName[]).filter((name) => names.has(name));
}
/** Methods that heed If-Match. */
export function isConditional(method: string): boolean {
  return method === 'PUT' || method === 'PATCH' || method === 'DELETE';
}

const header = (name: string, description: string): Parameter => ({
  name,
  in: 'header',
  required: false,
  description,
  schema: { type: 'string' },
});

function completeOne(method: string, operation: Operation, entry: OperationReference): Operation {
  const responses: Record<string, object> = {};
  const single =
    method === 'GET' && typeof entry.answers[200] === 'string' && entry.answers[200] !== 'Queues';
  for (const [status, answer] of Object.entries(entry.answers)) {
    const body = schemaOf(answer);
    responses[status] = {
      description: body === null ? 'done' : entry.summary,
      ...(single ? { headers: { ETag: { schema: { type: 'string' } } } } : {}),
      ...(body === null ? {} : { content: { [body.type]: { schema: body.schema } } }),
    };
  }
  if (single) responses['304'] = { description: 'it is still the one If-None-Match names' };
  const byStatus = Map.groupBy(problemsOf(method, operation, entry), (name) => PROBLEM_TYPES[name].status);
  for (const [status, names] of byStatus)
    responses[String(status)] = {
      description: names.map((name) => `\`${name}\`: ${PROBLEM_TYPES[name].meaning}`).join('; '),
      content: { 'application/problem+json': { schema: pointer('Problem') } },
      'x-problems': names,
    };
  const parameters = (operation.parameters ?? []).map((parameter) => {
    const example = parameter.in === 'path' ? entry.params?.[parameter.name] : undefined;
    return example === undefined ? parameter : { ...parameter, example: EXAMPLE[example] };
  });
  if (method === 'POST')
    parameters.push(header('Idempotency-Key', 'same key and body: same answer, kept for 24 hours'));
  if (single) parameters.push(header('If-None-Match', 'entity tags; 304 where it is still one of them'));
  if (isConditional(method))
    parameters.push(header('If-Match', 'entity tags of the resource; 412 where it is none of them any more'));
  const content = operation.requestBody?.content['application/json'];
  return {
    ...operation,
    operationId: entry.id,
    summary: entry.summary,
    description: entry.description ?? '',
    tags: [entry.id.split('.')[1]!],
    ...(entry.security === undefined
      ? { 'x-operation': entry.needs ?? entry.id }
      : { security: entry.security }),
    parameters,
    ...(operation.requestBody === undefined || content === undefined
      ? {}
      : {
          requestBody: {
            ...operation.requestBody,
            content: { 'application/json': { ...content, examples: entry.examples ?? {} } },
          },
        }),
    responses,
  };
}

/** The document with what the reference knows of its operations. */
export function complete<D extends OpenApi>(document: D, reference: Reference): D {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const [path, methods] of Object.entries(document.paths ?? {})) {
    const completed: Record<string, Operation> = {};
    for (const [method, operation] of Object.entries(methods)) {
      const entry = reference[`${method.toUpperCase()} ${path}`];
      completed[method] =
        entry === undefined ? operation : completeOne(method.toUpperCase(), operation, entry);
    }
    paths[path] = completed;
  }
  const text = JSON.stringify(paths);
  const named = Object.entries(RESOURCES as Record<string, TSchema>).filter(([name]) =>
    text.includes(`"#/components/schemas/${name}"`),
  );
  return {
    ...document,
    paths,
    components: {
      ...document.components,
      schemas: { ...document.components?.schemas, ...Object.fromEntries(named) },
    },
  };
}
