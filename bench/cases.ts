/** What is measured: each case says how its service and its peer are set up and which load they get. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { startPostgres } from '../src/testing/postgres.ts';
import {
  bootstrap,
  environment,
  portOf,
  type Running,
  startService,
  temporaryDirectory,
} from '../test/journeys/harness.ts';
import type { Load } from './generator.ts';
import { type Inbound, prepareInbound } from './inbound.ts';
import { type CountingSink, startPostfix } from './processes.ts';

export const CASES = [
  'line',
  'accept',
  'relay',
  'relay-dkim',
  'submission',
  'http',
  'relay-postgres',
  'inbound',
] as const;
export type CaseName = (typeof CASES)[number];
export interface Shape {
  readonly sessions: number;
  readonly persistent: boolean;
}
/** A thing under load: ours or the peer. */
export interface Subject extends AsyncDisposable {
  load(shape: Shape, count: number): Load;
  /** Process whose CPU is counted; null where it is many. */
  readonly pid: number | null;
  /** Where its messages come to, if not the sink. */
  readonly arrivals?: Inbound['arrivals'];
  /** What its database has done so far. */
  readonly work?: () => Promise<{ readonly commits: number; readonly rows: number }>;
}
export const SIZE = 4096;
const SENDER = 'sender@sender.test';
const OUT = 'someone@out.test';
const base = { host: '127.0.0.1', size: SIZE, sender: SENDER, recipient: OUT } as const;
const anonymous = { tls: 'none', user: null, secret: null } as const;

/** The straight line: generator into sink, nothing between. */
export function line(sink: CountingSink): Subject {
  return {
    pid: null,
    load: (shape, count) => ({ ...base, ...anonymous, ...shape, kind: 'smtp', port: sink.port, count }),
    async [Symbol.asyncDispose]() {},
  };
}

/** `program`: another checkout's, null for this one's. */
export async function ours(
  name: CaseName,
  sink: CountingSink,
  program: string | null = null,
): Promise<Subject & { service: Running }> {
  await using starting = new AsyncDisposableStack();
  const directory = temporaryDirectory();
  const database = name === 'relay-postgres' ? await startDatabase(starting) : null;
  const inbound = name === 'inbound' ? await prepareInbound(starting) : null;
  const settings = {
    ...(program === null ? {} : { HIKYAKU_TEST_PROGRAM: program }),
    HIKYAKU_LIMIT_PER_MINUTE: '0',
    HIKYAKU_LIMIT_PER_DAY: '0',
    HIKYAKU_LOG_LEVEL: 'warn',
    ...database?.settings,
    ...inbound?.settings,
  };
  const who = await bootstrap(environment(directory, settings), 'sender.test');
  const service = starting.use(
    await startService(
      {
        ...settings,
        HIKYAKU_LOG_LEVEL: 'info',
        ...(process.env['NODE_OPTIONS'] === undefined ? {} : { NODE_OPTIONS: process.env['NODE_OPTIONS'] }),
        HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${sink.port}`,
        HIKYAKU_TRUSTED_NETWORKS: `127.0.0.0/8=${who.api_client_id}`,
      },
      directory,
    ),
  );
  const authorization = `Basic ${Buffer.from(`${who.key.id}:${who.key.secret}`).toString('base64')}`;
  if (name !== 'relay-dkim') {
    const response = await fetch(`http://${service.ready.http}/mta/v1/domains/${who.domain_id}`, {
      method: 'PATCH',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ dkim_enabled: false }),
    });
    if (!response.ok)
      throw new Error(`DKIM could not be turned off: ${response.status} ${await response.text()}`);
  }
  await inbound?.subscribe(service, who);
  const credentials = { user: who.key.id, secret: who.key.secret };
  const held = starting.move();
  return {
    service,
    ...(database === null ? {} : { work: database.work }),
    ...(inbound === null ? {} : { arrivals: inbound.arrivals }),
    pid: service.child.pid ?? null,
    load(shape, count) {
      const common = { ...base, ...shape, count };
      if (name === 'http')
        return {
          ...common,
          ...credentials,
          kind: 'http',
          tls: 'none',
          port: portOf(service.ready.http),
          self: who.domain_url,
        };
      if (inbound !== null)
        return {
          ...common,
          ...anonymous,
          ...inbound.load,
          kind: 'smtp',
          port: portOf(service.ready.mx),
        };
      if (name === 'submission')
        return {
          ...common,
          ...credentials,
          kind: 'smtp',
          tls: 'implicit',
          port: portOf(service.ready.submissions),
        };
      const recipient = name === 'accept' ? 'inbox@sender.test' : OUT;
      return { ...common, ...anonymous, recipient, kind: 'smtp', port: portOf(service.ready.submission) };
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** A PostgreSQL of its own, durable like any, on this machine. */
export async function startDatabase(stack: AsyncDisposableStack) {
  const postgres = stack.use(await startPostgres());
  const url = await postgres.database();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  stack.defer(() => client.end());
  return {
    url,
    port: postgres.port,
    settings: { HIKYAKU_STORE: url, HIKYAKU_SECRET_KEY: Buffer.alloc(32, 7).toString('base64') },
    size: async () =>
      Number((await client.query('SELECT pg_database_size(current_database()) AS size')).rows[0].size),
    /** What waits was a command's, which is nobody's: it is left to the first node, as an import leaves it. */
    leave: () =>
      client.query("INSERT INTO node (id, name, holder, beat, started_at) VALUES ('', 'fill', '', -1, 0)"),
    async work() {
      // Sessions report what they did once a second.
      await delay(1500);
      const { rows } = await client.query(
        `SELECT xact_commit AS commits, tup_inserted + tup_updated + tup_deleted AS rows FROM pg_stat_database
          WHERE datname = current_database()`,
      );
      return { commits: Number(rows[0].commits), rows: Number(rows[0].rows) };
    },
  };
}

/** Postfix under the same load; null where it has no such thing. `certificate`: the one our service uses. */
export async function peer(name: CaseName, sink: CountingSink, directory: string): Promise<Subject | null> {
  if (name === 'http' || name === 'line' || name === 'relay-dkim' || name === 'inbound') return null;
  const postfix = await startPostfix({
    sinkPort: sink.port,
    discard: name === 'accept',
    certificate: {
      cert: join(directory, 'self-signed.cert.pem'),
      key: join(directory, 'self-signed.key.pem'),
    },
  });
  return {
    pid: null,
    load(shape, count) {
      const common = { ...base, ...shape, count, kind: 'smtp' } as const;
      if (name !== 'submission') return { ...common, ...anonymous, port: postfix.smtp };
      if (postfix.submissions === null)
        throw new Error('saslpasswd2 is absent: install sasl2-bin and libsasl2-modules');
      return {
        ...common,
        tls: 'implicit',
        user: postfix.user,
        secret: postfix.secret,
        port: postfix.submissions,
      };
    },
    [Symbol.asyncDispose]: () => postfix[Symbol.asyncDispose](),
  };
}
