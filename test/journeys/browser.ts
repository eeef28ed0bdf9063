/**
 * A browser for journeys: it keeps the cookie, sends its origin and the session's CSRF token, and makes
 * one-time codes (RFC 6238) and passkeys (WebAuthn, ES256) with node:crypto alone.
 */
import { createHash, createHmac, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { Agent, fetch, type Headers } from 'undici';
import type { Json } from './journey.ts';

export interface Answer {
  readonly status: number;
  readonly json: Json;
  readonly headers: Headers;
}
export interface Browser {
  /** The current cookie; null if there is none. */
  cookie: string | null;
  csrf: string | null;
  project: string | null;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}
export const ORIGIN = 'http://localhost';

/**
 * A browser without a cookie, on our pages, at this loopback address: the service counts failures by address.
 */
export function openBrowser(http: string, address = '127.0.0.1'): Browser {
  const dispatcher = new Agent({ localAddress: address });
  const browser: Browser = {
    cookie: null,
    csrf: null,
    project: null,
    async call(method, path, body, headers = {}) {
      const response = await fetch(`http://${http}${path}`, {
        method,
        dispatcher,
        headers: {
          origin: ORIGIN,
          'user-agent': 'a browser of the tests',
          ...(browser.cookie === null ? {} : { cookie: browser.cookie }),
          ...(browser.csrf === null ? {} : { 'hikyaku-csrf': browser.csrf }),
          ...(browser.project === null ? {} : { 'hikyaku-project': browser.project }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const [set] = response.headers.getSetCookie();
      if (set !== undefined) {
        const pair = set.slice(0, set.indexOf(';'));
        browser.cookie = /Max-Age=0/.test(set) ? null : pair;
      }
      const text = await response.text();
      const json = text === '' ? null : JSON.parse(text);
      const csrf = json?.csrf_token ?? json?.session?.csrf_token;
      if (typeof csrf === 'string') browser.csrf = csrf;
      return { status: response.status, json, headers: response.headers };
    },
  };
  return browser;
}

/** The code of the base32 secret at that moment (RFC 6238, RFC 4226 §5.3). */
export function totp(secret: string, at: number): string {
  const bits = [...secret.replace(/=+$/, '')]
    .map((char) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(char).toString(2).padStart(5, '0'))
    .join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((octet) => Number.parseInt(octet, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const mac = createHmac('sha1', key).update(counter).digest();
  const number = mac.readUInt32BE(mac.at(-1)! & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

/** CBOR (RFC 8949) for authenticator data: whole numbers, octets, texts, maps. */
function cbor(value: unknown): Buffer {
  const head = (major: number, n: number): Buffer =>
    n < 24
      ? Buffer.from([(major << 5) | n])
      : n < 256
        ? Buffer.from([(major << 5) | 24, n])
        : Buffer.from([(major << 5) | 25, n >> 8, n & 255]);
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value);
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  if (typeof value === 'string')
    return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  const entries = [...(value as Map<unknown, unknown>)];
  return Buffer.concat([head(5, entries.length), ...entries.flatMap(([k, v]) => [cbor(k), cbor(v)])]);
}
export interface Authenticator {
  readonly id: string;
  counter: number;
  /** Answers the service's options; `over` changes the answer. */
  create(options: Json, over?: Said): Json;
  get(options: Json, over?: Said): Json;
}
export interface Said {
  readonly origin?: string;
  readonly challenge?: string;
  /** Bit 0: user present; bit 2: user verified. */
  readonly flags?: number;
  readonly host?: string;
}
const PRESENT = 1;
const VERIFIED = 4;
const ATTESTED = 64;

export function softwareAuthenticator(): Authenticator {
  const { privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject } = generateKeyPairSync(
    'ec',
    {
      namedCurve: 'P-256',
    },
  );
  const { x, y } = publicKey.export({ format: 'jwk' });
  const id = randomBytes(16);
  const url = (octets: Buffer) => octets.toString('base64url');
  const client = (type: string, challenge: string, { origin = ORIGIN, ...said }: Said) =>
    Buffer.from(JSON.stringify({ type, challenge: said.challenge ?? challenge, origin, crossOrigin: false }));
  function data(host: string, flags: number, counter: number): Buffer {
    const tail = Buffer.alloc(5);
    tail[0] = flags;
    tail.writeUInt32BE(counter, 1);
    return Buffer.concat([createHash('sha256').update(host).digest(), tail]);
  }
  const answer = (response: object) => ({
    id: url(id),
    rawId: url(id),
    type: 'public-key',
    clientExtensionResults: {},
    response,
  });
  const authenticator: Authenticator = {
    id: url(id),
    counter: 0,
    create(options, over = {}) {
      const cose = cbor(
        new Map<unknown, unknown>([
          [1, 2],
          [3, -7],
          [-1, 1],
          [-2, Buffer.from(x!, 'base64url')],
          [-3, Buffer.from(y!, 'base64url')],
        ]),
      );
      const length = Buffer.from([0, id.length]);
      const authData = Buffer.concat([
        data(over.host ?? options.rp.id, over.flags ?? PRESENT | VERIFIED | ATTESTED, authenticator.counter),
        Buffer.alloc(16),
        length,
        id,
        cose,
      ]);
      const attestation = new Map<unknown, unknown>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', authData],
      ]);
      return answer({
        clientDataJSON: url(client('webauthn.create', options.challenge, over)),
        attestationObject: url(cbor(attestation)),
        transports: ['internal'],
      });
    },
    get(options, over = {}) {
      authenticator.counter += 1;
      const authenticatorData = data(
        over.host ?? options.rpId,
        over.flags ?? PRESENT | VERIFIED,
        authenticator.counter,
      );
      const clientData = client('webauthn.get', options.challenge, over);
      const signed = Buffer.concat([authenticatorData, createHash('sha256').update(clientData).digest()]);
      return answer({
        clientDataJSON: url(clientData),
        authenticatorData: url(authenticatorData),
        signature: url(sign('sha256', signed, privateKey)),
      });
    },
  };
  return authenticator;
}
