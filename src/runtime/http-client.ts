/**
 * Outgoing HTTP for hooks. The connected address decides, never the text of the URL: this module resolves
 * names, and refuses a private address before any packet leaves. Redirects are not followed; answers are cut.
 */
import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import { request } from 'undici';
import { isPrivateAddress } from './addresses.ts';
import type { HostNames } from './host-names.ts';
import { createAgents, type Judge } from './http-agents.ts';

export type HttpErrorCode = 'blocked-address' | 'bad-url' | 'timeout' | 'tls' | 'connect' | 'protocol';
/** Of HttpError 'blocked-address'. */
export const PRIVATE_ADDRESS =
  'the address is private or loopback: requests go there only if the operator sets HIKYAKU_ALLOW_PRIVATE_TARGETS';
export class HttpError extends Error {
  override name = 'HttpError';
  readonly code: HttpErrorCode;
  constructor(code: HttpErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
/** The whole body, or `length` octets piece by piece; the signal aborts when the connection has ended. */
export type HttpBody =
  | Buffer
  | { readonly length: number; readonly pieces: (signal: AbortSignal) => AsyncIterable<Buffer> };
export interface HttpRequest {
  /** Whose connections are used: one share never waits for a connection of another. */
  readonly share: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: HttpBody;
  /** For the whole request, in ms. */
  readonly timeoutMs: number;
  /** The octets of the answer that are read; after that, the connection is closed. */
  readonly maxResponseBytes: number;
  /** Permits loopback for this request. */
  readonly allowLoopback?: boolean;
  /** Ends the request early. */
  readonly signal?: AbortSignal;
}
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyText: string;
}
export interface HttpClient extends AsyncDisposable {
  /** Throws HttpError, the body's own error, or the signal's reason. */
  post(url: string, request: HttpRequest): Promise<HttpResponse>;
}

const isLoopbackAddress: Judge = (address) => /^(::ffff:)?127\./.test(address) || address === '::1';

export interface HttpClientDeps {
  readonly allowPrivate: boolean;
  readonly names: HostNames;
}
export function createHttpClient({ allowPrivate, names }: HttpClientDeps): HttpClient {
  const everywhere = createAgents(() => true, names);
  const publicOnly = createAgents((address) => !isPrivateAddress(address), names);
  const orLoopback = createAgents(
    (address) => !isPrivateAddress(address) || isLoopbackAddress(address),
    names,
  );

  return {
    async post(text, { share, headers, body, timeoutMs, maxResponseBytes, allowLoopback = false, signal }) {
      const url = URL.parse(text);
      if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
        throw new HttpError('bad-url', 'the URL must be http or https, without credentials');
      }
      const host = url.hostname.replace(/^\[|\]$/g, '');
      // A literal address needs no DNS lookup, so it is checked here.
      if (
        isIP(host) !== 0 &&
        !allowPrivate &&
        isPrivateAddress(host) &&
        !(allowLoopback && isLoopbackAddress(host))
      ) {
        throw new HttpError('blocked-address', PRIVATE_ADDRESS);
      }
      const over = overAfter(timeoutMs, signal);
      using lent = (allowPrivate ? everywhere : allowLoopback ? orLoopback : publicOnly).lend(share);
      const broken: unknown[] = [];
      try {
        const answer = await request(url, {
          method: 'POST',
          dispatcher: lent.agent,
          headers: { ...headers, 'content-length': String(body.length) },
          body: Buffer.isBuffer(body) ? body : streamOf(body.pieces(over.signal), broken),
          signal: over.signal,
          headersTimeout: timeoutMs,
          bodyTimeout: timeoutMs,
        });
        const parts: Buffer[] = [];
        let read = 0;
        for await (const chunk of answer.body as AsyncIterable<Buffer>) {
          parts.push(chunk.subarray(0, maxResponseBytes - read));
          read += chunk.length;
          if (read >= maxResponseBytes) break;
        }
        const flat: Record<string, string> = {};
        for (const [name, value] of Object.entries(answer.headers))
          flat[name] = Array.isArray(value) ? value.join(', ') : (value ?? '');
        return { status: answer.statusCode, headers: flat, bodyText: Buffer.concat(parts).toString('utf8') };
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        if (broken.length > 0 && !over.isLate()) throw broken[0];
        throw httpError(error, over.isLate());
      } finally {
        over.end();
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([everywhere, publicOnly, orLoopback].map((agents) => agents[Symbol.asyncDispose]()));
    },
  };
}

/** The pieces as a stream; `broken` gets the reason if they end too early. */
function streamOf(pieces: AsyncIterable<Buffer>, broken: unknown[]): Readable {
  const stream = Readable.from(pieces, { objectMode: false });
  return stream.on('error', (error) => broken.push(error));
}

/** Reasons that nobody reads are made once: each has its stack. */
const LATE = new Error('no answer in time');
const ENDED = new Error('the request has ended');
/** A signal that aborts after `ms`, with the other signal, and at the end. */
function overAfter(ms: number, other: AbortSignal | undefined) {
  const over = new AbortController();
  const state = { late: false };
  const timer = setTimeout(() => {
    state.late = true;
    over.abort(LATE);
  }, ms);
  const abort = () => over.abort(other!.reason);
  if (other?.aborted) abort();
  else other?.addEventListener('abort', abort, { once: true });
  return {
    signal: over.signal,
    isLate: () => state.late,
    end(): void {
      clearTimeout(timer);
      other?.removeEventListener('abort', abort);
      over.abort(ENDED);
    },
  };
}

function httpError(error: unknown, isLate: boolean): HttpError {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  if (isLate || /TIMEOUT/.test(code)) return new HttpError('timeout', 'no answer in time');
  if (code === 'EBLOCKED') return new HttpError('blocked-address', PRIVATE_ADDRESS);
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_/.test(code)) return new HttpError('tls', `TLS failed: ${code}`);
  if (code === 'EDNS') return new HttpError('connect', message.slice(0, 200));
  if (/^E[A-Z]+$/.test(code) || code === 'UND_ERR_SOCKET')
    return new HttpError('connect', `connection failed: ${code}`);
  return new HttpError('protocol', `HTTP failed: ${code || message}`.slice(0, 200));
}
