/**
 * The deployment files: they parse, name only settings that exist, agree with one another, the documents and the
 * service's own reading of its environment. What needs an engine that is absent is skipped with its name.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig, parseHostPort } from '../src/config/config.ts';
import { VARIABLES } from '../src/config/variables.ts';
import { execute, has, startService, temporaryDirectory } from './journeys/harness.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const CHART = 'deploy/helm/hikyaku';
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const files = readdirSync(join(ROOT, 'deploy'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length));

/** What a compose file says of the services that run Hikyaku; merge keys are resolved. */
interface ComposeService {
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly environment: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly networks?: Readonly<Record<string, { readonly ipv4_address?: string }>>;
  readonly volumes?: readonly string[];
}
const compose = (path: string): Record<string, ComposeService> => parse(read(path), { merge: true }).services;
const SECRET = 'ab'.repeat(32);
const GIVEN: Readonly<Record<string, string>> = {
  HIKYAKU_HOSTNAME: 'mail.example.com',
  HIKYAKU_SECRET_KEY: SECRET,
  POSTGRES_PASSWORD: 'pw',
};
/** `${NAME}` and `${NAME:?message}` as Compose replaces them; a name that is not given fails. */
function interpolated(environment: Readonly<Record<string, string>>): Record<string, string> {
  const replace = (text: string) =>
    text.replace(/\$\{([A-Z_]+)(?::\?[^}]*)?\}/g, (_, name: string) => {
      assert.ok(name in GIVEN, `${name} is asked for`);
      return GIVEN[name]!;
    });
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, replace(String(value))]),
  );
}
/** The image's own environment. */
function imageEnvironment(): Record<string, string> {
  const settings = read('deploy/Dockerfile').matchAll(/(HIKYAKU_[A-Z_]+)=(\S+)/g);
  return Object.fromEntries([...settings].map(([, name, value]) => [name!, value!]));
}
const portsOf = ({
  httpListen,
  mxListen,
  submissionListen,
  submissionsListen,
}: ReturnType<typeof loadConfig>) => ({
  mx: mxListen[0]!.port,
  submission: submissionListen[0]!.port,
  submissions: submissionsListen[0]!.port,
  http: httpListen.port,
});
/** /metrics, for monitoring from inside. */
const METRICS_PORT = 9464;
const PRODUCTION = { mx: 25, submission: 587, submissions: 465, http: 443 };
/** The unprivileged ones: the service's defaults, as the README shows them. */
const UNPRIVILEGED = {
  mx: parseHostPort(VARIABLES.HIKYAKU_MX_LISTEN.otherwise.en)!.port,
  submission: parseHostPort(VARIABLES.HIKYAKU_SUBMISSION_LISTEN.otherwise.en)!.port,
  submissions: parseHostPort(VARIABLES.HIKYAKU_SUBMISSIONS_LISTEN.otherwise.en)!.port,
  http: parseHostPort(VARIABLES.HIKYAKU_HTTP_LISTEN.otherwise.en)!.port,
};

test('every setting that is named exists', () => {
  assert.ok(files.length >= 15, `${files.length} files`);
  const seen = new Set<string>();
  for (const path of [...files, 'docs/operations.md']) {
    for (const [name] of read(path).matchAll(/HIKYAKU_[A-Z_]*[A-Z]/g)) {
      seen.add(name);
      assert.ok(name in VARIABLES, `${path}: ${name} does not exist`);
    }
  }
  assert.ok(seen.size >= 12, [...seen].join());
});

test('files for engines that were absent say so', () => {
  for (const path of [
    'deploy/Dockerfile',
    'deploy/compose.yaml',
    'deploy/compose.cluster.yaml',
    'deploy/haproxy.cfg',
    'deploy/systemd/hikyaku.service',
    `${CHART}/Chart.yaml`,
    `${CHART}/values.yaml`,
  ])
    assert.match(read(path).slice(0, 600), /[Uu]ntried/, path);
});

test('the systemd environment is a whole one, on the production ports', () => {
  const lines = read('deploy/systemd/hikyaku.env')
    .split('\n')
    .filter((line) => /^[A-Z]/.test(line));
  const env = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const config = loadConfig(env);
  assert.deepEqual(portsOf(config), PRODUCTION);
  assert.equal(config.store.kind === 'sqlite' && config.store.directory, config.dataDir);
  const unit = read('deploy/systemd/hikyaku.service');
  assert.match(unit, new RegExp(`^StateDirectory=${config.dataDir.replace('/var/lib/', '')}$`, 'm'));
  for (const line of [
    'AmbientCapabilities=CAP_NET_BIND_SERVICE',
    'Restart=on-failure',
    'LimitNOFILE=65536',
    'NoNewPrivileges=yes',
  ])
    assert.ok(unit.includes(`\n${line}\n`), line);
});

test('systemd takes the unit', async (t) => {
  if (!(await has('systemd-analyze'))) return t.skip('systemd-analyze is absent');
  const directory = temporary(t);
  const path = join(directory, 'hikyaku.service');
  // The program and the document lie elsewhere on this machine; nothing else is changed.
  const unit = read('deploy/systemd/hikyaku.service')
    .replace('/opt/hikyaku/node_modules/.bin/hikyaku', process.execPath)
    .replace(/^Documentation=.*$/m, 'Documentation=https://example.com/');
  writeFileSync(path, unit);
  const verified = await execute('systemd-analyze', ['verify', path]);
  assert.deepEqual(verified, { status: 0, output: '' });
  const hardened = await execute('systemd-analyze', ['security', '--offline=true', '--threshold=20', path]);
  if (/unrecognized option|Unknown/.test(hardened.output))
    return t.skip('this systemd-analyze judges no files');
  assert.equal(hardened.status, 0, hardened.output.slice(-500));
});

test('the image listens where its documents say, and keeps what the package is made of', () => {
  const dockerfile = read('deploy/Dockerfile');
  assert.match(dockerfile, /\nUSER node\n/);
  assert.match(dockerfile, /\nHEALTHCHECK [^\n]*\["hikyaku", "ready"\]/);
  assert.deepEqual(portsOf(loadConfig(imageEnvironment())), UNPRIVILEGED);
  const exposed = /^EXPOSE (.*)$/m.exec(dockerfile)![1]!.split(' ');
  const dns = loadConfig(imageEnvironment()).dnsListen.map(({ port }) => port);
  assert.deepEqual(
    exposed.sort(),
    [...Object.values(UNPRIVILEGED), METRICS_PORT, ...dns.flatMap((port) => [`${port}/tcp`, `${port}/udp`])]
      .map(String)
      .sort(),
  );
  // The package is made of the files that `npm pack` takes, of their sources, and of what builds them.
  const kept = read('deploy/Dockerfile.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  const { files: packed, scripts } = JSON.parse(read('package.json'));
  const made: Readonly<Record<string, string>> = { lib: 'src', 'console/dist': 'console' };
  const script = /^node (\S+)$/.exec(scripts.prepack)![1]!;
  for (const name of [...packed.map((file: string) => made[file] ?? file), script, 'tsconfig.build.json'])
    assert.ok(kept.includes(name), `.dockerignore keeps ${name}`);
  for (const name of kept) assert.ok(existsSync(join(ROOT, name)), name);
});

test('`hikyaku ready` follows /readyz, as the health checks want it', async () => {
  const check = (env: Record<string, string>, http: string) =>
    execute(process.execPath, [join(ROOT, 'bin/hikyaku.js'), 'ready'], {
      env: { ...env, HIKYAKU_HTTP_LISTEN: http },
    });
  const directory = temporaryDirectory();
  const plain = await startService({}, directory, true);
  const { http } = plain.ready;
  assert.deepEqual(await check(plain.env, http), { status: 0, output: '' });
  await plain[Symbol.asyncDispose]();
  const ended = await check(plain.env, http);
  assert.equal(ended.status, 1);
  assert.match(ended.output, /not ready: .*ECONNREFUSED/);
  const certificate = {
    HIKYAKU_TLS_CERT: join(directory, 'self-signed.cert.pem'),
    HIKYAKU_TLS_KEY: join(directory, 'self-signed.key.pem'),
  };
  const open = { HIKYAKU_HTTP_LISTEN: '0.0.0.0:0', HIKYAKU_METRICS_LISTEN: '127.0.0.1:0' };
  await using encrypted = await startService({ ...certificate, ...open }, directory);
  assert.deepEqual(await check(encrypted.env, encrypted.ready.http), { status: 0, output: '' });
  // Beyond loopback, only the address of their own answers the metrics; the line `ready` names it.
  const metrics = await fetch(`http://${encrypted.ready.metrics}/metrics`);
  assert.match(await metrics.text(), /^# TYPE hikyaku_queue_recipients gauge/m);
  const port = Number(encrypted.ready.http.split(':').at(-1));
  const options = { host: '127.0.0.1', port, path: '/metrics', rejectUnauthorized: false, agent: false };
  const [refused] = await once(request(options).end(), 'response');
  refused.resume();
  assert.equal(refused.statusCode, 404);
});

test('compose.yaml: the production ports lead to the ports the service listens on', () => {
  const { hikyaku } = compose('deploy/compose.yaml');
  const config = loadConfig({ ...imageEnvironment(), ...interpolated(hikyaku!.environment) });
  const inside = portsOf(config);
  assert.deepEqual(
    [...hikyaku!.ports!].sort(),
    [
      ...(Object.keys(PRODUCTION) as (keyof typeof PRODUCTION)[]).map(
        (name) => `${PRODUCTION[name]}:${inside[name]}`,
      ),
      `127.0.0.1:${METRICS_PORT}:${METRICS_PORT}`,
    ].sort(),
  );
  assert.equal(config.metricsListen?.port, METRICS_PORT);
  assert.ok(config.tls !== null && hikyaku!.volumes!.includes('./tls:/tls:ro'));
});

test('compose.cluster.yaml and haproxy.cfg: three nodes, PROXY v2 from the one trusted address', () => {
  const { haproxy, database, ...nodes } = compose('deploy/compose.cluster.yaml');
  assert.ok(database !== undefined);
  assert.deepEqual(Object.keys(nodes), ['node1', 'node2', 'node3']);
  const configs = Object.values(nodes).map((node) =>
    loadConfig({ ...imageEnvironment(), ...interpolated(node.environment) }),
  );
  assert.deepEqual(
    configs.map(({ node }) => node),
    Object.keys(nodes),
  );
  for (const config of configs) assert.deepEqual(config.secretKey, Buffer.from(SECRET, 'hex'));
  for (const { environment } of Object.values(nodes))
    assert.equal(environment['HIKYAKU_TRUSTED_PROXIES'], haproxy!.networks!['inside']!.ipv4_address);
  assert.deepEqual(
    [...haproxy!.ports!].sort(),
    Object.values(PRODUCTION)
      .map((port) => `${port}:${port}`)
      .sort(),
  );

  const sections = new Map<string, string>();
  for (const section of read('deploy/haproxy.cfg')
    .split(/\n(?=(?:frontend|backend) )/)
    .slice(1))
    sections.set(section.slice(0, section.indexOf('\n')), section);
  const inside = portsOf(configs[0]!);
  const names = { mx: 'mx', submission: 'submission', submissions: 'submissions', http: 'https' } as const;
  for (const [role, name] of Object.entries(names) as [keyof typeof names, string][]) {
    const frontend = sections.get(`frontend ${name}`)!;
    assert.match(frontend, new RegExp(`bind :::${PRODUCTION[role]} v4v6`));
    assert.match(frontend, new RegExp(`default_backend ${name}$`, 'm'));
    const servers = [...sections.get(`backend ${name}`)!.matchAll(/^ {2}server (\S+) (\S+) (.*)$/gm)];
    assert.deepEqual(
      servers.map(([, node]) => node),
      Object.keys(nodes),
    );
    for (const [, node, address, rest] of servers) {
      assert.equal(address, `${node}:${inside[role]}`);
      assert.equal(rest, role === 'http' ? 'check' : `send-proxy-v2 check port ${inside.http}`);
    }
  }
});

// biome-ignore lint/suspicious/noExplicitAny: the schema says what it is
const values: any = parse(read(`${CHART}/values.yaml`));
const schema = new Ajv({ allErrors: true, strictTypes: false }).compile(
  JSON.parse(read(`${CHART}/values.schema.json`)),
);
const fits = (given: unknown): boolean => schema(given);
const CLUSTER = {
  ...values,
  replicas: 3,
  store: { ...values.store, type: 'postgres', postgres: { existingSecret: 'database', key: 'url' } },
  secretKey: { value: SECRET, existingSecret: '', key: 'secret-key' },
  trustedProxies: ['10.1.2.3', '10.2.0.0/16'],
  env: { HIKYAKU_MX_HOSTS: 'mx1.example.com,mx2.example.com' },
};
test('the schema takes the values, and a cluster; it refuses what the service could not run with', () => {
  assert.ok(fits(values), JSON.stringify(schema.errors));
  assert.ok(fits(CLUSTER), JSON.stringify(schema.errors));
  const wrong: Record<string, object> = {
    'three nodes on one file': { ...values, replicas: 3 },
    'PostgreSQL without a URL': { ...CLUSTER, store: { type: 'postgres', postgres: { existingSecret: '' } } },
    'PostgreSQL without a secret key': { ...CLUSTER, secretKey: values.secretKey },
    'HTTP beyond loopback without TLS': { ...values, tls: { secretName: '' } },
    'a name that is not there': { ...values, hostnam: 'x' },
    'a short key': { ...values, secretKey: { value: 'abcd' } },
    'a port that is none': { ...values, listen: { ...values.listen, mx: 0 } },
    'a setting that is none of ours': { ...values, env: { PATH: '/bin' } },
  };
  for (const [name, given] of Object.entries(wrong)) assert.equal(fits(given), false, name);
});

test('the chart: templates read only values that exist', () => {
  const known = (path: readonly string[]) => path.reduce((at, name) => at?.[name], values) !== undefined;
  const templates = files.filter((path) => path.startsWith(`${CHART}/templates/`));
  const used = new Set(
    templates.flatMap((path) =>
      [...read(path).matchAll(/\.Values\.([A-Za-z.]+)/g)].map((match) => match[1]!),
    ),
  );
  assert.ok(used.size > 20);
  for (const name of used) assert.ok(known(name.split('.')), name);
});

/** The templates' objects, rendered by Go's template engine. */
async function rendered(given: object) {
  const { status, output } = await execute(
    'go',
    ['run', join(ROOT, 'test/deploy/render-chart.go'), join(ROOT, CHART)],
    {
      input: JSON.stringify(given),
      env: { GO111MODULE: 'off', GOFLAGS: '', GOCACHE: join(tmpdir(), 'hikyaku-go-cache') },
    },
  );
  assert.equal(status, 0, output);
  const objects = Object.entries(JSON.parse(output) as Record<string, string>)
    .filter(([name]) => name.endsWith('.yaml'))
    .flatMap(([, text]) => parseAllDocuments(text))
    .filter((document) => document.contents !== null)
    .map((document) => {
      assert.deepEqual(document.errors, []);
      return document.toJS();
    });
  return (kind: string) => objects.filter((object) => object.kind === kind);
}
test('the chart: one node on a volume; three on PostgreSQL', async (t) => {
  if (!(await has('go'))) return t.skip('Go is absent, whose template engine renders the chart');
  for (const [given, replicas] of [
    [values, 1],
    [CLUSTER, 3],
  ] as const) {
    const find = await rendered(given);
    const [set] = find('StatefulSet');
    assert.equal(set.spec.replicas, replicas);
    const [container] = set.spec.template.spec.containers;
    type Variable = {
      name: string;
      value?: string;
      valueFrom?: { secretKeyRef?: { name: string; key: string } };
    };
    const variables = container.env as Variable[];
    assert.equal(new Set(variables.map(({ name }) => name)).size, variables.length);
    const fromSecrets: Record<string, string> = {
      HIKYAKU_STORE: 'postgres://u:p@db/hikyaku',
      HIKYAKU_SECRET_KEY: SECRET,
      HIKYAKU_NODE: 'mail-0',
    };
    const env = Object.fromEntries(variables.map(({ name, value }) => [name, value ?? fromSecrets[name]!]));
    const config = loadConfig(env);
    assert.deepEqual(portsOf(config), UNPRIVILEGED);
    const behind = given.trustedProxies.length > 0;
    assert.equal(config.trustedProxies.length, given.trustedProxies.length);
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
      assert.equal(container[probe].httpGet.scheme, config.tls !== null && !behind ? 'HTTPS' : 'HTTP');
      assert.equal(container[probe].httpGet.path, probe === 'readinessProbe' ? '/readyz' : '/healthz');
    }
    const volumes = [
      ...set.spec.template.spec.volumes,
      ...(set.spec.volumeClaimTemplates ?? []).map((claim: { metadata: object }) => claim.metadata),
    ];
    for (const { name } of container.volumeMounts)
      assert.ok(
        volumes.some((volume) => volume.name === name),
        name,
      );
    const containerPorts = container.ports as { name: string; containerPort: number }[];
    const smtp = find('Service').find((service) => service.metadata.name === 'mail-smtp');
    for (const { name, port, targetPort } of smtp.spec.ports) {
      assert.equal(PRODUCTION[name as keyof typeof PRODUCTION], port);
      assert.ok(containerPorts.some((one) => one.name === targetPort));
    }
    assert.deepEqual(Object.fromEntries(containerPorts.map((one) => [one.name, one.containerPort])), {
      ...UNPRIVILEGED,
      metrics: METRICS_PORT,
    });
    assert.equal(config.metricsListen?.port, METRICS_PORT);
    const secrets = find('Secret');
    assert.equal(secrets.length, given.secretKey.value === '' ? 0 : 1);
    const ref = variables.find(({ name }) => name === 'HIKYAKU_SECRET_KEY')?.valueFrom?.secretKeyRef;
    if (secrets.length === 1) assert.equal(secrets[0].stringData[ref!.key], SECRET);
    assert.equal(ref?.name, secrets[0]?.metadata.name);
  }
});

test('operations.md: its ports are those of the files, its figures are those of the service', async () => {
  const page = read('docs/operations.md');
  const rows = [...page.matchAll(/^\| (MX|submission|submissions|HTTP) +\| (\d+) +\| (\d+) +\|/gm)];
  const table = Object.fromEntries(
    rows.map(([, name, production, inside]) => [name!.toLowerCase(), [Number(production), Number(inside)]]),
  );
  assert.deepEqual(
    table,
    Object.fromEntries(
      (Object.keys(PRODUCTION) as (keyof typeof PRODUCTION)[]).map((name) => [
        name,
        [PRODUCTION[name], UNPRIVILEGED[name]],
      ]),
    ),
  );
  await using service = await startService();
  const metrics = await (await fetch(`http://${service.ready.http}/metrics`)).text();
  const named = [...page.matchAll(/\b(?:hikyaku|nodejs|process)_[a-z0-9_]+[a-z]/g)].map(([name]) => name);
  assert.ok(named.length >= 9);
  for (const name of named) assert.match(metrics, new RegExp(`^# TYPE ${name} `, 'm'), name);
});

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'hikyaku-deploy-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
