/**
 * The start of most journeys: a service that sends all mail to a recording sink, with one verified domain.
 */
import { type Bootstrapped, bootstrap, type Running, type Sink, startService, startSink } from './harness.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
export type Json = any;

export interface Journey extends AsyncDisposable {
  readonly service: Running;
  readonly sink: Sink;
  readonly who: Bootstrapped;
  call(
    method: string,
    path: string,
    body?: unknown,
    who?: Bootstrapped,
  ): Promise<{ status: number; json: Json; headers: Headers }>;
}

export function authorization(who: Bootstrapped): string {
  return `Basic ${Buffer.from(`${who.key.id}:${who.key.secret}`).toString('base64')}`;
}

export async function startJourney(
  more: Record<string, string> = {},
  role = 'admin',
  sinkOptions: readonly string[] = [],
): Promise<Journey> {
  const sink = await startSink(...sinkOptions);
  const service = await startService({
    HIKYAKU_ROUTES: `*=smtp://${sink.smtp}`,
    HIKYAKU_ALLOW_PRIVATE_TARGETS: 'true',
    ...more,
  });
  const who = await bootstrap(service.env, 'sender.test', '--project', 'journey', '--role', role);
  return {
    service,
    sink,
    who,
    async call(method, path, body, as = who) {
      const response = await fetch(path.startsWith('http') ? path : `http://${service.ready.http}${path}`, {
        method,
        headers: { authorization: authorization(as), 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        json: text === '' ? null : JSON.parse(text),
      };
    },
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await sink[Symbol.asyncDispose]();
    },
  };
}
