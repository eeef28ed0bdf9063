/**
 * The published OpenAPI documents, one for each service, made from the contract. An operation lists its own
 * problems and those that every operation of its kind may return because of the guard and the server.
 */
import type { TSchema } from 'typebox';
import { EVENT_CONTENTS } from '../contract/event-contents.ts';
import { EVENT_EXAMPLES } from '../contract/event-examples.ts';
import { EVENT_NAMES, EVENTS, type EventName } from '../contract/events.ts';
import { EXAMPLE, OWN_EXAMPLE } from '../contract/example-ids.ts';
import { DELIVERY_HEADERS, SIGNATURE_HEADERS } from '../contract/hooks.ts';
import {
  type Answer,
  isConditional,
  type OperationSpec,
  permissionOf,
  type Service,
  wayOf,
} from '../contract/operation.ts';
import { OPERATIONS } from '../contract/operations/index.ts';
import { PROBLEMS, type ProblemName } from '../contract/problems.ts';
import { RESOURCES, resourceName } from '../contract/resources/index.ts';
import { MOST_LOOKED_AT } from '../runtime/transactor.ts';
import { type Connect, connectLines } from './connect.ts';
import { mayBeAbsent } from './given.ts';
import { documented, kindExamples } from './kinds.ts';

const TITLES: Record<Service, string> = { mta: 'Hikyaku MTA', edj: 'Hikyaku EDJ', iam: 'Hikyaku IAM' };
const ABOUT = [
  '`null` for an optional field of a request is the absence of the field, unless the schema of the field allows null.',
  'In a query, an empty value and `null` are absence where the schema of the parameter does not take that text.',
  'Texts are Unicode: the service refuses half of a surrogate pair.',
].join(' ');

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: object;
  readonly description?: string;
  readonly example?: string;
}
export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly description?: string;
    readonly content: Readonly<
      Record<string, { readonly schema: TSchema; readonly examples: OperationSpec['examples'] }>
    >;
  };
  readonly responses: Readonly<Record<string, object>>;
  readonly 'x-operation'?: string;
  readonly security?: readonly object[];
}
export interface OpenApi {
  readonly openapi: string;
  readonly servers: readonly { readonly url: string }[];
  /** Only for EDJ: the request to an HTTP hook, by the name of the event. */
  readonly webhooks?: Readonly<Record<string, object>>;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly components: object;
  readonly security: readonly object[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const LOOKED_AT = {
  type: 'integer',
  minimum: 0,
  description: `present with a filter: the number of rows that were compared with the filter for this page; \`items\` are those that match. The service compares about ${MOST_LOOKED_AT} rows for one page, so a page may be short or empty before the end of the list. The list ends when \`next_cursor\` is null`,
};
const OF = {
  type: 'integer',
  minimum: 0,
  description:
    'present with `looked_at`: the number of rows in the whole list; absent if it would be costly to count',
};
function pointer(schema: TSchema): object {
  const name = resourceName(schema);
  if (name === null) throw new Error('an answer has no name among the resources');
  return { $ref: `#/components/schemas/${name}` };
}
function contentOf(answer: Answer): { readonly type: string; readonly schema: object } | null {
  if (answer === null) return null;
  if ('octets' in answer) return { type: answer.octets, schema: { type: 'string', format: 'binary' } };
  if ('streamed' in answer) return { type: 'application/json', schema: pointer(answer.streamed) };
  if (!('list' in answer)) return { type: 'application/json', schema: pointer(answer) };
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

type Way = ReturnType<typeof wayOf>;
const READ: Readonly<Record<Way, readonly ProblemName[]>> = {
  any: [
    'unauthenticated',
    'operation-not-permitted',
    'too-many-failures',
    'too-many-in-flight',
    'internal',
    'store-unavailable',
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
    'store-unavailable',
    'set-up-needed',
    'not-found',
  ],
  open: ['internal', 'store-unavailable'],
};
const WRITE: readonly ProblemName[] = [
  'invalid-json',
  'bad-request',
  'unsupported-media-type',
  'body-too-large',
  'conflict',
  'store-unavailable',
  'insufficient-storage',
];
/** A POST in a project accepts Idempotency-Key. */
function isRepeatable(spec: OperationSpec): boolean {
  return spec.method === 'POST' && wayOf(spec) === 'any';
}
/** The answer is produced while it is sent: a list or octets. */
function isMade({ answers }: OperationSpec): boolean {
  return Object.values(answers).some((answer) => answer !== null && ('list' in answer || 'octets' in answer));
}

/** The problems that an operation may return, in the order of PROBLEMS. */
export function problemsOf(spec: OperationSpec): readonly ProblemName[] {
  const way = wayOf(spec);
  const { method, params, problems = [] } = spec;
  // The service refuses parameters of a query that it does not know.
  const names = new Set<ProblemName>(['validation', 'bad-request', ...READ[way], ...problems]);
  if (way === 'session' && permissionOf(spec) !== null) names.add('operation-not-permitted');
  if (params !== undefined) names.add('not-found');
  if (isMade(spec)) names.add('too-busy');
  // The service also reads, and may refuse, a body of an operation that needs none.
  if (method !== 'GET') {
    names.add('cross-site');
    if (way !== 'open') names.add('csrf-token');
    // A condition that the operation cannot look at fails, too.
    names.add('precondition-failed');
    for (const name of WRITE) names.add(name);
  }
  if (isRepeatable(spec)) names.add('idempotency-running').add('idempotency-mismatch');
  return (Object.keys(PROBLEMS) as ProblemName[]).filter((name) => names.has(name));
}

/** A single resource has an entity tag, unless it is produced while it is sent. */
function isTagged(spec: OperationSpec): boolean {
  const answer = spec.answers[200];
  if (spec.method !== 'GET' || wayOf(spec) === 'open' || answer === undefined || answer === null)
    return false;
  if ('streamed' in answer) return answer.tagged === true;
  return !('list' in answer) && !('octets' in answer);
}

const IDS = { ...EXAMPLE, ...OWN_EXAMPLE };
const header = (name: string, description: string): Parameter => ({
  name,
  in: 'header',
  required: false,
  description,
  schema: { type: 'string' },
});
function parametersOf(spec: OperationSpec): readonly Parameter[] {
  const { params = {}, query } = spec;
  const { properties = {} }: { readonly properties?: Readonly<Record<string, TSchema>> } = query ?? {};
  const inQuery = Object.entries(properties);
  return [
    ...inQuery.map(([name, { description, ...schema }]: [string, TSchema & { description?: string }]) => ({
      schema,
      in: 'query' as const,
      name,
      required: false,
      ...(description === undefined ? {} : { description }),
    })),
    ...Object.entries(params).map(([name, example]) => ({
      schema: { type: 'string' },
      in: 'path' as const,
      name,
      required: true,
      example: IDS[example],
    })),
    ...(isRepeatable(spec)
      ? [
          header(
            'Idempotency-Key',
            'a repeated call with the same key and body gets the same answer, for 24 hours',
          ),
        ]
      : []),
    ...(isTagged(spec)
      ? [header('If-None-Match', 'entity tags; the answer is 304 if one of them is the present one')]
      : []),
    ...(isConditional(spec)
      ? [header('If-Match', 'entity tags; the answer is 412 if none of them is the present one')]
      : []),
  ];
}
function responsesOf(spec: OperationSpec): Record<string, object> {
  const responses: Record<string, object> = {};
  const tagged = isTagged(spec);
  for (const [status, answer] of Object.entries(spec.answers)) {
    const body = contentOf(answer);
    responses[status] = {
      description: body === null ? 'done' : spec.summary,
      ...(tagged ? { headers: { ETag: { schema: { type: 'string' } } } } : {}),
      ...(body === null ? {} : { content: { [body.type]: { schema: body.schema } } }),
    };
  }
  if (tagged) responses['304'] = { description: 'If-None-Match holds the present entity tag' };
  const byStatus = Map.groupBy(problemsOf(spec), (name) => PROBLEMS[name].status);
  for (const [status, names] of byStatus)
    responses[String(status)] = {
      description: names.map((name) => `\`${name}\`: ${PROBLEMS[name].meaning}`).join('; '),
      content: { 'application/problem+json': { schema: pointer(RESOURCES.Problem) } },
      'x-problems': names,
    };
  return responses;
}
function operationOf(spec: OperationSpec): Operation {
  const { id, summary, description = '', body, examples = {} } = spec;
  const way = wayOf(spec);
  const permission = permissionOf(spec);
  const security = way === 'open' ? [] : [{ session: [] }];
  return {
    operationId: id,
    summary,
    description,
    tags: [id.split('.')[1]!],
    ...(way === 'any' ? {} : { security }),
    ...(permission === null ? {} : { 'x-operation': permission }),
    parameters: parametersOf(spec),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: !mayBeAbsent(body),
            ...pickDescription(body),
            content: {
              'application/json': {
                schema: documented(body),
                examples: { ...kindExamples(body), ...examples },
              },
            },
          },
        }),
    responses: responsesOf(spec),
  };
}

function pickDescription(schema: TSchema & { readonly description?: string }) {
  return schema.description === undefined ? {} : { description: schema.description };
}

const SIGNED = SIGNATURE_HEADERS.map((name) => ({
  ...header(name, DELIVERY_HEADERS[name].en),
  required: true,
}));
/** The request to an HTTP hook for an event with this name. */
function webhookOf(name: EventName): object {
  const { service, when } = EVENTS[name];
  const content = EVENT_CONTENTS[name];
  const { properties } = RESOURCES.WholeEvent;
  const schema = {
    ...RESOURCES.WholeEvent,
    properties: { ...properties, service: { const: service }, name: { const: name }, content, raw: content },
  };
  return {
    post: {
      operationId: `webhook.${name}`,
      summary: when.en,
      parameters: SIGNED,
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema,
            examples: { example: { value: EVENT_EXAMPLES[name] } },
          },
        },
      },
      responses: {
        '2XX': { description: 'the hook accepts the event' },
        '410': { description: 'the hook is gone; the service does not send this event again' },
        default: { description: 'the service sends the event again later and respects Retry-After' },
      },
    },
  };
}

/** The document of a service. `server`: the address of the API without a trailing slash. */
export function openApi(service: Service, server: string, connect: Connect): OpenApi {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const spec of OPERATIONS)
    if (spec.path.startsWith(`/${service}/`))
      paths[spec.path] = { ...paths[spec.path], [spec.method.toLowerCase()]: operationOf(spec) };
  const text = JSON.stringify(paths);
  const named = Object.entries(RESOURCES).filter(([name]) => text.includes(`"#/components/schemas/${name}"`));
  return {
    openapi: '3.1.0',
    info: {
      title: TITLES[service],
      version: '1',
      description: `${ABOUT}\n\nWhere programs connect to send:\n${connectLines(connect)
        .map((line) => `\n- ${line}`)
        .join('')}`,
    },
    servers: [{ url: server }],
    components: {
      securitySchemes: {
        key: { type: 'http', scheme: 'basic' },
        session: { type: 'apiKey', in: 'cookie', name: 'hikyaku_session' },
      },
      schemas: Object.fromEntries(named.map(([name, schema]) => [name, documented(schema)])),
    },
    security: [{ key: [] }, { session: [] }],
    paths,
    ...(service === 'edj'
      ? { webhooks: Object.fromEntries(EVENT_NAMES.map((name) => [name, webhookOf(name)])) }
      : {}),
  };
}

const SERVICES = ['mta', 'edj', 'iam'] as const satisfies readonly Service[];
/** The documents. They are made at the first request, because the port may not be known before. */
export function createDocuments(publicUrl: () => string, connect: () => Connect) {
  const made = new Map<Service, { readonly document: OpenApi; readonly octets: Buffer }>();
  function of(service: Service) {
    const known = made.get(service);
    if (known !== undefined) return known;
    const document = openApi(service, publicUrl(), connect());
    const one = { document, octets: Buffer.from(JSON.stringify(document)) };
    made.set(service, one);
    return one;
  }
  return {
    all: () => SERVICES.map((service) => of(service).document),
    /** All clients get the same octets. */
    octets: (service: Service) => of(service).octets,
  };
}
