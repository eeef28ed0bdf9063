/**
 * Outgoing HTTP for hooks. The address that is connected to decides, never the text of the URL: names are resolved
 * here, and a private address is refused before a packet leaves. Redirects are not followed; answers are cut.
 */
import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import { Agent, request } from 'undici';
import { isPrivateAddress } from './addresses.ts';

export type HttpErrorCode = 'blocked-address' | 'bad-url' | 'timeout' | 'tls' | 'connect' | 'protocol';
export class HttpError extends Error {
  override name = 'HttpError';
  readonly code: HttpErrorCode;
  constructor(code: HttpErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
/** Whole, or as many octets as `length` says piece by piece; the signal aborts when the connection has ended. */
export type HttpBody =
  | Buffer
  | { readonly length: number; readonly pieces: (signal: AbortSignal) => AsyncIterable<Buffer> };
export interface HttpRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: HttpBody;
  /** All in all, ms. */
  readonly timeoutMs: number;
  /** Octets of the answer that are read; the rest is dropped with the connection. */
  readonly maxResponseBytes: number;
  /** Loopback is permitted for this one. */
  readonly allowLoopback?: boolean;
}
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyText: string;
}
export interface HttpClient extends AsyncDisposable {
  /** Throws HttpError, or what the body threw. */
  post(url: string, request: HttpRequest): Promise<HttpResponse>;
}

export type Judge = (address: string) => boolean;
const isLoopbackAddress: Judge = (address) => /^(::ffff:)?127\./.test(address) || address === '::1';

/** `most`: octets of an answer beyond which it is an error. */
export function agentFor(allowed: Judge, most?: number): Agent {
  const guarded: LookupFunction = (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '', 0);
      const good = addresses.filter(({ address }) => allowed(address));
      // One private address among public ones is an attack or a mistake: fail closed.
      if (good.length !== addresses.length || good.length === 0) {
        return callback(Object.assign(new Error('address not allowed'), { code: 'EBLOCKED' }), '', 0);
      }
      if (options.all) return callback(null, good as never);
      callback(null, good[0]!.address, good[0]!.family);
    });
  };
  return new Agent({
    connect: { lookup: guarded, timeout: 10_000 },
    connections: 8,
    pipelining: 1,
    keepAliveTimeout: 4_000,
    maxHeaderSize: 16 * 1024,
    ...(most === undefined ? {} : { maxResponseSize: most }),
  });
}

export function createHttpClient({ allowPrivate }: { readonly allowPrivate: boolean }): HttpClient {
  const everywhere = agentFor(() => true);
  const publicOnly = agentFor((address) => !isPrivateAddress(address));
  const orLoopback = agentFor((address) => !isPrivateAddress(address) || isLoopbackAddress(address));

  return {
    async post(text, { headers, body, timeoutMs, maxResponseBytes, allowLoopback = false }) {
      const url = URL.parse(text);
      if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
        throw new HttpError('bad-url', 'the URL must be http or https, without credentials');
      }
      const host = url.hostname.replace(/^\[|\]$/g, '');
      // A literal address is connected to without a look-up: judged here.
      if (
        isIP(host) !== 0 &&
        !allowPrivate &&
        isPrivateAddress(host) &&
        !(allowLoopback && isLoopbackAddress(host))
      ) {
        throw new HttpError('blocked-address', 'the address is not allowed');
      }
      const signal = AbortSignal.timeout(timeoutMs);
      const ended = new AbortController();
      const broken: unknown[] = [];
      try {
        const answer = await request(url, {
          method: 'POST',
          dispatcher: allowPrivate ? everywhere : allowLoopback ? orLoopback : publicOnly,
          headers: { ...headers, 'content-length': String(body.length) },
          body: Buffer.isBuffer(body)
            ? body
            : streamOf(body.pieces(AbortSignal.any([signal, ended.signal])), broken),
          signal,
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
        if (broken.length > 0 && !signal.aborted) throw broken[0];
        throw httpError(error, signal);
      } finally {
        ended.abort();
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([everywhere.destroy(), publicOnly.destroy(), orLoopback.destroy()]);
    },
  };
}

/** The pieces; `broken` gets why they ended too early. */
function streamOf(pieces: AsyncIterable<Buffer>, broken: unknown[]): Readable {
  const stream = Readable.from(pieces, { objectMode: false });
  return stream.on('error', (error) => broken.push(error));
}

function httpError(error: unknown, signal: AbortSignal): HttpError {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  if (signal.aborted || /TIMEOUT/.test(code)) return new HttpError('timeout', 'no answer in time');
  if (code === 'EBLOCKED') return new HttpError('blocked-address', 'the address is not allowed');
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_/.test(code)) return new HttpError('tls', `TLS failed: ${code}`);
  if (/^E[A-Z]+$/.test(code) || code === 'UND_ERR_SOCKET')
    return new HttpError('connect', `connection failed: ${code}`);
  return new HttpError('protocol', `HTTP failed: ${code || message}`.slice(0, 200));
}
