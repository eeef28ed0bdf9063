/**
 * The reference: what the OpenAPI documents say of each operation beyond its parameters and body, which come from the
 * routes themselves. Keyed by method and path, so that route files hold no prose. `complete` merges it into a generated
 * document. An operation without an entry stays as generated, and the tests name it.
 */
import type { TSchema } from 'typebox';
import { MOST_LOOKED_AT } from '../../runtime/transactor.ts';
import { PROBLEM_TYPES, type ProblemName } from '../problem-types.ts';
import { EXAMPLE, type ExampleName, OWN_EXAMPLE, type OwnExampleName } from './example-ids.ts';
import { RESOURCES, type ResourceName } from './resources.ts';

export interface Example {
  readonly summary: string;
  readonly value: object;
}
/** A resource by name, a page of them, octets of a media type, or nothing. */
export type Answer =
  | ResourceName
  /** `filtered`: it may be filtered by what no index knows, and then says how many rows were looked at. */
  | { readonly list: ResourceName; readonly filtered?: true }
  | { readonly octets: string }
  | null;
export interface OperationReference {
  /** Stable name: the operation the role needs, where that is one and the same. */
  readonly id: string;
  readonly summary: string;
  /** What the role must permit; `id` where it is left out. */
  readonly needs?: string;
  /** Another way in than a key or a session: a session alone, or nothing. A role decides only where `needs` is said. */
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly description?: string;
  readonly answers: Readonly<Record<number, Answer>>;
  readonly params?: Readonly<Record<string, ExampleName | OwnExampleName>>;
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

const LOOKED_AT = {
  type: 'integer',
  minimum: 0,
  description: `with a filter: of so many rows \`items\` are those it means. About ${MOST_LOOKED_AT} are looked at for one answer, so that it may be short or empty before the end, which is where \`next_cursor\` is null`,
};
const OF = {
  type: 'integer',
  minimum: 0,
  description:
    'beside `looked_at`: how many rows there are, this page and all others; absent where that is not known cheaply',
};
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
        ...(answer.filtered === true ? { looked_at: LOOKED_AT, of: OF } : {}),
      },
    },
  };
}

/** By who may come: whatever the guard (api/guard.ts) and the look at the role say. */
const READ: Readonly<Record<Way, readonly ProblemName[]>> = {
  any: [
    'unauthenticated',
    'operation-not-permitted',
    'too-many-failures',
    'too-many-in-flight',
    'internal',
    'project-needed',
    'set-up-needed',
    'not-found',
  ],
  session: [
    'unauthenticated',
    'members-only',
    'too-many-failures',
    'too-many-in-flight',
    'internal',
    'set-up-needed',
    'not-found',
  ],
  open: ['internal'],
};
type Way = 'any' | 'session' | 'open';
function wayOf({ security }: Pick<OperationReference, 'security'>): Way {
  if (security === undefined) return 'any';
  return security.length === 0 ? 'open' : 'session';
}
const WRITE: readonly ProblemName[] = ['conflict', 'store-unavailable', 'insufficient-storage'];

/** The problem types an operation may answer with, in the order of the catalogue. */
export function problemsOf(method: string, operation: Operation, entry: OperationReference): ProblemName[] {
  const inPath = operation.parameters?.some((parameter) => parameter.in === 'path') ?? false;
  const inQuery = operation.parameters?.some((parameter) => parameter.in === 'query') ?? false;
  const hasBody = operation.requestBody !== undefined;
  const names = new Set<ProblemName>([...READ[wayOf(entry)], ...(entry.problems ?? [])]);
  if (wayOf(entry) === 'session' && entry.needs !== undefined) names.add('operation-not-permitted');
  if (inPath) names.add('not-found');
  if (isMade(entry)) names.add('too-busy');
  if (inQuery || hasBody || method === 'POST') names.add('validation');
  // A body is read, and refused, where none is asked for, too.
  if (method !== 'GET') {
    names.add('cross-site');
    if (wayOf(entry) !== 'open') names.add('csrf-token');
    for (const name of ['invalid-json', 'bad-request', 'unsupported-media-type', 'body-too-large', ...WRITE])
      names.add(name as ProblemName);
  }
  if (isRepeatable(method, entry)) names.add('idempotency-running').add('idempotency-mismatch');
  if (isConditional(method, entry)) names.add('precondition-failed');
  return (Object.keys(PROBLEM_TYPES) as ProblemName[]).filter((name) => names.has(name));
}
/** Is answered with a list, or octets, which may be large. */
function isMade({ answers }: OperationReference): boolean {
  return Object.values(answers).some((answer) => typeof answer === 'object' && answer !== null);
}
/** Heeds If-Match: resources of a project do, a member's own account does not. */
function isConditional(method: string, entry: OperationReference): boolean {
  return wayOf(entry) === 'any' && (method === 'PUT' || method === 'PATCH' || method === 'DELETE');
}
/** Heeds Idempotency-Key: what acts in a project does. */
function isRepeatable(method: string, entry: OperationReference): boolean {
  return method === 'POST' && wayOf(entry) === 'any';
}

/** Without an entity tag: a list with more beside it, and what is made while it is sent. */
const UNTAGGED: readonly Answer[] = ['Queues', 'ProjectExport', 'WholeEvent'];
const IDS = { ...EXAMPLE, ...OWN_EXAMPLE };

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
    method === 'GET' &&
    typeof entry.answers[200] === 'string' &&
    !UNTAGGED.includes(entry.answers[200]) &&
    wayOf(entry) !== 'open';
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
    return example === undefined ? parameter : { ...parameter, example: IDS[example] };
  });
  if (isRepeatable(method, entry))
    parameters.push(header('Idempotency-Key', 'same key and body: same answer, kept for 24 hours'));
  if (single) parameters.push(header('If-None-Match', 'entity tags; 304 where it is still one of them'));
  if (isConditional(method, entry))
    parameters.push(header('If-Match', 'entity tags of the resource; 412 where it is none of them any more'));
  const content = operation.requestBody?.content['application/json'];
  return {
    ...operation,
    operationId: entry.id,
    summary: entry.summary,
    description: entry.description ?? '',
    tags: [entry.id.split('.')[1]!],
    ...(entry.security === undefined ? {} : { security: entry.security }),
    ...(entry.security === undefined || entry.needs !== undefined
      ? { 'x-operation': entry.needs ?? entry.id }
      : {}),
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
