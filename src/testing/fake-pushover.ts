/**
 * Pushover's message API as pushover.net/api describes it, on loopback: required parameters, limits in characters,
 * priorities, the errors of each, and the limit of messages of an application.
 */
import { type FakeAnswer, type FakeHttp, startFakeHttp } from './fake-http.ts';

type Json = Readonly<Record<string, unknown>>;
export interface FakePushover extends FakeHttp {
  readonly endpoint: string;
  /** The keys that it knows. */
  readonly user: string;
  readonly token: string;
  /** The octets of each request that it took, as text. */
  readonly bodies: readonly string[];
  readonly messages: readonly Json[];
  /** Answers that come before any look at the request, in turn. */
  readonly next: FakeAnswer[];
}
const PATH = '/1/messages.json';
const MOST = { message: 1024, title: 250, url: 512, url_title: 100 } as const;

export async function startFakePushover({ limit = 10_000 } = {}): Promise<FakePushover> {
  const bodies: string[] = [];
  const messages: Json[] = [];
  const next: FakeAnswer[] = [];
  const user = 'uFakeUserKey000000000000000000';
  const token = 'aFakeToken00000000000000000000';
  const server = await startFakeHttp(({ method, path, headers, body }) => {
    const answer = next.shift();
    if (answer !== undefined) return answer;
    const request = `fake-request-${messages.length}`;
    const say = (status: number, json: object): FakeAnswer => ({
      status,
      headers: {
        'x-limit-app-limit': String(limit),
        'x-limit-app-remaining': String(Math.max(0, limit - messages.length)),
      },
      body: JSON.stringify({ ...json, request }),
    });
    const refused = (more: object, ...errors: string[]) => say(400, { ...more, errors, status: 0 });
    if (method !== 'POST' || path !== PATH) return say(404, { status: 0, errors: ['resource not found'] });
    const given = parsed(headers['content-type'] ?? '', body);
    if (given === null) return refused({}, 'request is not valid JSON');
    if (given['token'] !== token)
      return refused({ token: 'invalid' }, 'application token is invalid, see https://pushover.net/api');
    if (given['user'] !== user)
      return refused(
        { user: 'invalid' },
        'user identifier is not a valid user, group, or subscribed user key, see https://pushover.net/api#identifiers',
      );
    const wrong = wrongOf(given);
    if (wrong !== null) return refused({ [wrong.name]: 'invalid' }, wrong.error);
    if (messages.length >= limit)
      return say(429, {
        user,
        errors: ['application is over its quota, see https://pushover.net/api#limits'],
        status: 0,
      });
    bodies.push(body);
    messages.push(given);
    return say(200, { status: 1, ...(Number(given['priority']) === 2 ? { receipt: 'fakereceipt' } : {}) });
  });
  return { ...server, endpoint: `${server.url}${PATH}`, user, token, bodies, messages, next };
}

function parsed(type: string, body: string): Json | null {
  if (/^application\/x-www-form-urlencoded\b/.test(type))
    return Object.fromEntries(new URLSearchParams(body));
  if (!/^application\/json\b/.test(type)) return {};
  try {
    const json: unknown = JSON.parse(body);
    return typeof json === 'object' && json !== null ? (json as Json) : null;
  } catch {
    return null;
  }
}
/** The parameter that Pushover refuses, and its error; null: it takes them all. */
export function wrongOf(given: Json): { readonly name: string; readonly error: string } | null {
  const text = (name: string) => (given[name] === undefined ? '' : String(given[name]));
  if (text('message').trim() === '') return { name: 'message', error: 'message cannot be blank' };
  for (const [name, most] of Object.entries(MOST))
    if ([...text(name)].length > most)
      return { name, error: `${name} is too long, must be at most ${most} characters` };
  if (!/^(-[12]|[0-2])?$/.test(text('priority'))) return { name: 'priority', error: 'priority is invalid' };
  if (text('priority') === '2') {
    if (!(Number(text('retry')) >= 30))
      return { name: 'retry', error: 'retry must be supplied with priority=2 and be at least 30 seconds' };
    if (!(Number(text('expire')) >= 1 && Number(text('expire')) <= 10_800))
      return {
        name: 'expire',
        error: 'expire must be supplied with priority=2 and be at most 10800 seconds',
      };
  }
  if (!/^([A-Za-z0-9_-]{1,25}(,[A-Za-z0-9_-]{1,25})*)?$/.test(text('device')))
    return { name: 'device', error: 'device name is not valid for user' };
  if (!/^\d*$/.test(text('timestamp'))) return { name: 'timestamp', error: 'timestamp is invalid' };
  return null;
}
