/** A running service over HTTP, for commands. Answers are values; who asks decides what a refusal means. */
import { type ApiAccess, loadApiAccess } from '../config/api-access.ts';
import { type CommandContext, UsageError } from './usage.ts';

export const ACCESS_OPTIONS = {
  url: { type: 'string' },
  'key-id': { type: 'string' },
  'key-secret': { type: 'string' },
} as const;

/** Between two tries to reach a service that is away. */
const AGAIN_MS = 1_000;

export interface ApiRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}
export interface ApiAnswer {
  readonly status: number;
  /** As it came. */
  readonly octets: Buffer;
  /** From Retry-After; null without it. */
  readonly againMs: number | null;
  /** null where it is no JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: answers of many shapes, read as their documents say
  readonly json: any;
}
export interface ApiClient {
  readonly url: string;
  readonly keyId: string | null;
  /** Throws ServiceAway where nothing answers. */
  ask(request: ApiRequest): Promise<ApiAnswer>;
  /** The JSON of a 2xx answer; throws RefusedByService for any other. */
  get(path: string): Promise<ApiAnswer['json']>;
  change(method: string, path: string, body?: unknown): Promise<ApiAnswer['json']>;
  /** The octets of a 2xx answer as they come; throws RefusedByService for any other, ServiceAway where they break off. */
  octets(path: string): AsyncIterable<Buffer>;
}
/** Nothing answers at the address. */
export class ServiceAway extends Error {
  override name = 'ServiceAway';
}
/** The service said no; the message is the problem in words, `againMs` how soon it would be asked again. */
export class RefusedByService extends Error {
  override name = 'RefusedByService';
  readonly status: number;
  readonly againMs: number | null;
  constructor({ status, againMs }: Pick<ApiAnswer, 'status' | 'againMs'>, message: string) {
    super(message);
    this.status = status;
    this.againMs = againMs;
  }
}
export function refusal(answer: ApiAnswer): RefusedByService {
  const { status, json, octets } = answer;
  const { title, detail } = (json ?? {}) as { title?: string; detail?: string };
  const words = title === undefined ? octets.toString('utf8').slice(0, 500) : `${title}: ${detail}`;
  return new RefusedByService(answer, `the service answered ${status} ${words}`);
}

/** How long to wait before it is asked again, ms; null where it has said no for good, or something else failed. */
export function pauseBefore(error: unknown): number | null {
  if (error instanceof ServiceAway) return AGAIN_MS;
  return error instanceof RefusedByService ? error.againMs : null;
}

export function createApiClient(access: ApiAccess, signal: AbortSignal): ApiClient {
  const { url, key } = access;
  const authorization =
    key === null
      ? {}
      : { authorization: `Basic ${Buffer.from(`${key.id}:${key.secret}`).toString('base64')}` };
  const away = (error: unknown): ServiceAway => {
    const cause = (error as { cause?: { code?: string; message?: string } }).cause;
    const why = cause?.code ?? cause?.message ?? String(error);
    return new ServiceAway(
      `no service answers at ${url}: ${why}; does \`hikyaku serve\` run there? HIKYAKU_API_URL or --url names another address${/CERT|SELF_SIGNED|ALTNAME/.test(why) ? ', by the name in its certificate (NODE_EXTRA_CA_CERTS names a file of certificates to trust)' : ''}`,
    );
  };
  async function open({ method, path, body, headers = {} }: ApiRequest): Promise<Response> {
    try {
      return await fetch(`${url}${path}`, {
        method,
        redirect: 'manual',
        signal,
        headers: {
          ...authorization,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      throw signal.aborted ? error : away(error);
    }
  }
  async function whole(response: Response): Promise<ApiAnswer> {
    const octets = Buffer.from(await response.arrayBuffer());
    const isJson = /^application\/(problem\+)?json/.test(response.headers.get('content-type') ?? '');
    const again = response.headers.get('retry-after') ?? '';
    return {
      status: response.status,
      octets,
      againMs: /^\d{1,5}$/.test(again) ? Number(again) * 1000 : null,
      json: isJson && octets.length > 0 ? JSON.parse(octets.toString('utf8')) : null,
    };
  }
  const ask = async (request: ApiRequest): Promise<ApiAnswer> => whole(await open(request));
  async function* octets(path: string): AsyncGenerator<Buffer> {
    const response = await open({ method: 'GET', path });
    if (!response.ok) throw refusal(await whole(response));
    try {
      for await (const piece of response.body ?? []) yield Buffer.from(piece);
    } catch (error) {
      throw signal.aborted ? error : away(error);
    }
  }
  async function change(method: string, path: string, body?: unknown) {
    const answer = await ask({ method, path, body });
    if (answer.status >= 200 && answer.status < 300) return answer.json;
    throw refusal(answer);
  }
  return { url, keyId: key?.id ?? null, ask, change, octets, get: (path) => change('GET', path) };
}

/** The client of a command that needs a key. Throws UsageError without one. */
export function clientOf(
  options: { url?: string | undefined; 'key-id'?: string | undefined; 'key-secret'?: string | undefined },
  { env, signal }: CommandContext,
): ApiClient {
  const access = loadApiAccess(env, options);
  if (access.key === null)
    throw new UsageError(
      'a static key is needed: HIKYAKU_API_KEY_ID and HIKYAKU_API_KEY_SECRET, or the flags',
    );
  return createApiClient(access, signal);
}
