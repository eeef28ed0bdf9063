/**
 * For tests: the HTTP API in this process, on a real embedded store. Callers are made by name with the roles that they
 * have. Sending is counted and stores nothing but what belongs to its commit. Imported by tests only.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiDeps } from '../api/deps.ts';
import { createApi } from '../api/server.ts';
import { operationsOf } from '../iam/policy.ts';
import type { ApiClient, Principal, Project } from '../iam/projects.ts';
import type { Submit } from '../intake/submit.ts';
import type { Clock } from '../runtime/clock.ts';
import { systemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { noNotices } from '../runtime/notices.ts';
import { createRandom } from '../runtime/random.ts';
import { createSealer } from '../runtime/sealing.ts';
import * as make from '../store/conformance/samples.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import type { Store } from '../store/store.ts';
import { turnsFor } from './turns.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
type Json = any;
export interface Caller {
  readonly client: ApiClient;
  readonly authorization: string;
}
export interface Asked {
  readonly as?: Caller;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is, instead of a body as JSON. */
  readonly octets?: string | Buffer;
}
export interface ApiRig extends AsyncDisposable {
  readonly store: Store;
  readonly project: Project;
  readonly owner: Caller;
  readonly directory: string;
  readonly port: number;
  /** Errors that the API logged. */
  readonly logged: readonly unknown[];
  /** The messages that were sent: their subjects. */
  readonly sent: readonly string[];
  caller(name: string, roles: readonly string[]): Promise<Caller>;
  call(
    method: string,
    path: string,
    body?: unknown,
    asked?: Asked,
  ): Promise<{ status: number; text: string; json: Json; headers: Headers }>;
}

export async function openApiRig(over: Partial<ApiDeps> = {}, clock: Clock = systemClock): Promise<ApiRig> {
  const directory = mkdtempSync(join(tmpdir(), 'hikyaku-test-'));
  const random = createRandom();
  const turns = turnsFor(clock);
  const store = await openSqliteStore({
    ...{ directory, clock, random, logger: silentLogger, lock: false },
    ...turns,
  });
  const project = make.project();
  await store.transact(project.id, (tx) => tx.insertProject(project));
  const principals = new Map<string, Principal>();
  const logged: unknown[] = [];
  const sent: string[] = [];
  const submit: Submit = async (principal, _domain, input, also) => {
    const accepted = { kind: 'accepted', id: random.id(), messageIdHeader: '<x@y>', recipients: [] } as const;
    await store.transact(principal.projectId, (tx) => also?.(tx, accepted));
    sent.push(input.subject);
    return accepted;
  };
  const api = await createApi(
    {
      read: store.read,
      transactor: store,
      publicUrl: () => 'http://hikyaku.test',
      ...{ clock, random, notices: noNotices, submit },
      ...turns,
      metrics: createMetrics(),
      sealer: createSealer(random.bytes(32)),
      logger: { ...silentLogger, error: (fields: unknown) => logged.push(fields) },
      dns: { mxHosts: [], spfInclude: '_spf.x', submissionHost: 'x' } as unknown as ApiDeps['dns'],
      limitDefaults: { perMinute: 300, perDay: 50_000 },
      issuer: 'x',
      writesMail: false,
      allowPrivateTargets: true,
      notReady: () => null,
      published: () => {},
      domainChanged: () => {},
      limitsRaised: () => {},
      cancelQueued: () => {},
      authenticator: {
        async authenticate(name) {
          const principal = principals.get(name);
          return principal === undefined ? { kind: 'refused', key: null } : { kind: 'ok', principal };
        },
      },
      ...over,
    } as Partial<ApiDeps> as ApiDeps,
    { host: '127.0.0.1', port: 0, secureContext: null, trustedProxies: [], hasMetrics: false },
  );
  await api.start(new AbortController().signal);

  async function caller(name: string, roles: readonly string[]): Promise<Caller> {
    const client = make.client(project, { name, roles });
    await store.transact(project.id, (tx) => tx.insertApiClient(client));
    const custom = await store.read.rolesByName(project.id, roles);
    principals.set(client.id, {
      projectId: project.id,
      actor: { kind: 'key', apiClientId: client.id, keyId: null },
      operations: operationsOf(roles, custom),
      sandbox: false,
    });
    return { client, authorization: `Basic ${Buffer.from(`${client.id}:x`).toString('base64')}` };
  }
  const owner = await caller('owner', ['owner']);
  return {
    ...{ store, project, owner, directory, logged, sent, caller },
    get port() {
      return api.port;
    },
    async call(method, path, body, { as = owner, headers = {}, octets } = {}) {
      const sentBody = octets ?? (body === undefined ? undefined : JSON.stringify(body));
      const response = await fetch(`http://127.0.0.1:${api.port}${path}`, {
        method,
        headers: {
          authorization: as.authorization,
          ...(sentBody === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(sentBody === undefined
          ? {}
          : { body: typeof sentBody === 'string' ? sentBody : new Uint8Array(sentBody) }),
      });
      const text = await response.text();
      const isJson = /json/.test(response.headers.get('content-type') ?? '');
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: isJson && text !== '' ? JSON.parse(text) : null,
      };
    },
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true });
    },
  };
}
