/**
 * An HTTP client for commands that talk to a running service. `ask` returns every answer as a value; the
 * caller decides what a refusal means.
 */
import { type ApiAccess, loadApiAccess } from '../config/api-access.ts';
import { type CommandContext, UsageError } from './usage.ts';

export const ACCESS_OPTIONS = {
  url: { type: 'string' },
  'key-id': { type: 'string' },
  'key-secret': { type: 'string' },
} as const;

/** Pause between two attempts to reach a service that does not answer. */
const AGAIN_MS = 1_000;

export interface ApiRequest {
  readonly method: string;
  /** Path with query string. */
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}
export interface ApiAnswer {
  readonly status: number;
  /** The body, unchanged. */
  readonly octets: Buffer;
  /** From the Retry-After header; null without one. */
  readonly againMs: number | null;
  /** null if the body is not JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: answers of many shapes, read as their documents say
  readonly json: any;
}
export interface ApiClient {
  readonly url: string;
  readonly keyId: string | null;
  /** Throws ServiceAway if nothing answers. */
  ask(request: ApiRequest): Promise<ApiAnswer>;
  /** The JSON of a 2xx answer; throws RefusedByService for any other. */
  get(path: string): Promise<ApiAnswer['json']>;
  change(method: string, path: string, body?: unknown): Promise<ApiAnswer['json']>;
  /**
   * Yields the body of a 2xx answer as it arrives. Throws RefusedByService for any other status, and
   * ServiceAway if the body breaks off.
   */
  octets(path: string): AsyncIterable<Buffer>;
}
/** Nothing answers at the address. */
export class ServiceAway extends Error {
  override name = 'ServiceAway';
}
/**
 * The service refused the request. `message` is the problem in words; `againMs` is the pause before the next
 * attempt.
 */
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

/**
 * How long to wait before the next attempt, in ms. null if another attempt is of no use: a final refusal or
 * any other error.
 */
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
      `no service answers at ${url}: ${why}; is \`hikyaku serve\` running there? Set HIKYAKU_API_URL or --url to use another address${/CERT|SELF_SIGNED|ALTNAME/.test(why) ? '; it must have the host name in the certificate (NODE_EXTRA_CA_CERTS names a file of certificates to trust)' : ''}`,
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

/** The client for a command that needs a key. Throws UsageError without a key. */
export function clientOf(
  options: { url?: string | undefined; 'key-id'?: string | undefined; 'key-secret'?: string | undefined },
  { env, signal }: CommandContext,
): ApiClient {
  const access = loadApiAccess(env, options);
  if (access.key === null)
    throw new UsageError(
      'a static key is needed: set HIKYAKU_API_KEY_ID and HIKYAKU_API_KEY_SECRET, or --key-id and --key-secret',
    );
  return createApiClient(access, signal);
}
