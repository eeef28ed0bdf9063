/** The only wiring: a Config becomes a running Service. The only importer of store engines. */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SecureContext } from 'node:tls';
import { pino } from 'pino';
import { createControl } from './api/control.ts';
import { type Api, createApi } from './api/server.ts';
import { type Config, isLoopback } from './config/config.ts';
import type { CommitDeps } from './delivery/commit.ts';
import { newsOf } from './delivery/news.ts';
import { createOperator } from './delivery/operate.ts';
import { outcomeOfReply } from './delivery/outcome.ts';
import { matchesGlob } from './delivery/route.ts';
import { createScheduler } from './delivery/scheduler.ts';
import { DEFAULT_RETRY, prepareSettle } from './delivery/settle.ts';
import { createChecker } from './domains/checker.ts';
import { createKeyRing } from './domains/dkim-keys.ts';
import { checkOwnership } from './domains/ownership.ts';
import { isHosted } from './domains/types.ts';
import { createDispatcher } from './edj/dispatcher.ts';
import { createEventSignal } from './edj/event-signal.ts';
import { recordPublish } from './edj/publish.ts';
import { type RenderDeps, renderEvent } from './edj/render-event.ts';
import { createAuthenticator, principalOf } from './iam/authenticate.ts';
import type { Principal } from './iam/types.ts';
import { createIntake } from './intake/accept.ts';
import { createHostedDelivery, createHostedPlanner } from './intake/hosted.ts';
import { MX_SIZE_LIMIT, SUBMISSION_SIZE_LIMIT } from './intake/limits.ts';
import { planNotice } from './intake/notices.ts';
import type { HostedOutcome } from './intake/planned.ts';
import { createReceiver } from './intake/receiver.ts';
import { createSubmit } from './intake/submit.ts';
import { cutSpans } from './intake/trace.ts';
import { createLimiter } from './limits/limiter.ts';
import { keptMs } from './limits/types.ts';
import type { Domain } from './mail/domain.ts';
import { systemClock } from './runtime/clock.ts';
import { createCollector } from './runtime/collect.ts';
import { createResolver } from './runtime/dns-resolver.ts';
import { createHttpClient } from './runtime/http-client.ts';
import type { ApiClientId, ProjectId, TopicId } from './runtime/ids.ts';
import { parseId } from './runtime/ids.ts';
import type { Logger } from './runtime/logger.ts';
import { createMetrics } from './runtime/metrics.ts';
import { systemNetwork } from './runtime/network.ts';
import { createRandom } from './runtime/random.ts';
import { createSealer, type Sealer } from './runtime/sealing.ts';
import { createTlsContext, makeSelfSigned } from './runtime/tls.ts';
import { StoreError } from './runtime/transactor.ts';
import { createByteBudget } from './smtp/server/byte-budget.ts';
import { createSmtpListener, type SmtpListener } from './smtp/server/listener.ts';
import type { StoredMessage } from './spool/types.ts';
import { createSweeper } from './store/retention.ts';
import { type BackupFacts, type BackupOptions, backUpSqlite } from './store/sqlite/backup.ts';
import { openSqliteStore } from './store/sqlite/open.ts';
import { type RestoreOptions, restoreSqlite } from './store/sqlite/restore.ts';
import type { Store } from './store/store.ts';
import { bodyOffset } from './verify/canonical.ts';
import { stripForgedResults } from './verify/forged-results.ts';
import { bodyHash, signDkim } from './verify/sign.ts';

export interface RunningService extends AsyncDisposable {
  readonly http: string;
  readonly mx: string;
  readonly submission: string;
  readonly submissions: string;
}

export function createLogger(config: Config): Logger {
  return pino({
    level: config.logLevel,
    base: { node: config.node },
    messageKey: 'msg',
    timestamp: pino.stdTimeFunctions.isoTime,
  }) as unknown as Logger;
}

/** In the data directory, where the environment gives no key. */
export const SECRET_KEY_FILE = 'secret.key';

/** A file of the data directory, made by `make` where it is missing; readable by the owner alone. */
async function ownFile(
  config: Config,
  name: string,
  make: () => Promise<Buffer | string> | Buffer | string,
): Promise<Buffer> {
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const path = join(config.dataDir, name);
  if (!existsSync(path)) {
    try {
      writeFileSync(path, await make(), { mode: 0o600, flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  return readFileSync(path);
}

/** The instance's sealer: its key from the environment, or made at first start in the data directory. */
export async function openSealer(config: Config): Promise<Sealer> {
  return createSealer(config.secretKey ?? (await ownFile(config, SECRET_KEY_FILE, () => randomBytes(32))));
}

/** The store of the configuration; `lock: false` opens it beside a running service. */
export function openStore(
  config: Config,
  logger: Logger,
  lock: boolean,
  onCommit?: (info: { ops: number; ms: number }) => void,
): Promise<Store> {
  return openSqliteStore({
    directory: config.store.directory,
    clock: systemClock,
    random: createRandom(),
    logger,
    lock,
    ...(onCommit === undefined ? {} : { onCommit }),
  });
}

function embeddedDirectory({ store }: Config): string {
  if (store.kind !== 'sqlite')
    throw new Error(
      "HIKYAKU_STORE is no embedded store: back PostgreSQL up by its own means (pg_dump, the provider's snapshots)",
    );
  return store.directory;
}
/** A backup of the embedded store, also beside a running service. Throws BackupError. */
export function backUpStore(config: Config, options: Omit<BackupOptions, 'directory'>): BackupFacts {
  return backUpSqlite({ ...options, directory: embeddedDirectory(config) });
}
/** A backup becomes the embedded store. Throws BackupError, StoreLocked, StoreTooNew. */
export function restoreStore(config: Config, options: Omit<RestoreOptions, 'directory'>): BackupFacts {
  return restoreSqlite({ ...options, directory: embeddedDirectory(config) });
}

interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** The context for listeners of this least version; re-read when the files change. */
  contextFor(minVersion: Config['tlsMinVersion']): () => SecureContext;
}
async function openCertificate(config: Config, logger: Logger): Promise<Certificate> {
  const paths = config.tls ?? {
    cert: join(config.dataDir, 'self-signed.cert.pem'),
    key: join(config.dataDir, 'self-signed.key.pem'),
  };
  if (config.tls === null && !existsSync(paths.key)) {
    const made = await makeSelfSigned(config.hostname, systemClock.now());
    await ownFile(config, 'self-signed.cert.pem', () => made.cert);
    await ownFile(config, 'self-signed.key.pem', () => made.key);
    chmodSync(paths.key, 0o600);
  }
  const read = () => {
    try {
      const pair = { cert: readFileSync(paths.cert), key: readFileSync(paths.key) };
      createTlsContext({ ...pair, minVersion: 'TLSv1.2' });
      return pair;
    } catch (error) {
      throw new Error(`HIKYAKU_TLS_CERT or HIKYAKU_TLS_KEY cannot be used: ${(error as Error).message}`, {
        cause: error,
      });
    }
  };
  const stamp = () => `${statSync(paths.cert).mtimeMs} ${statSync(paths.key).mtimeMs}`;
  const first = read();
  return {
    ...first,
    contextFor(minVersion) {
      const current = {
        stamp: stamp(),
        checkedAt: systemClock.monotonic(),
        context: createTlsContext({ ...first, minVersion }),
      };
      return () => {
        const now = systemClock.monotonic();
        if (now - current.checkedAt > 1000) {
          current.checkedAt = now;
          try {
            const seen = stamp();
            if (seen !== current.stamp) {
              current.context = createTlsContext({ ...read(), minVersion });
              current.stamp = seen;
              logger.info({}, 'the TLS certificate was read again');
            }
          } catch (error) {
            logger.error({ err: error }, 'the changed TLS certificate cannot be used; the old one stays');
          }
        }
        return current.context;
      };
    },
  };
}

/** Mail is refused while less is free than 1.5 × the largest message, or 10 % of the disk (5 GiB at most). Asked at most once a second. */
function spaceGate(directory: string): () => boolean {
  const seen = { at: Number.NEGATIVE_INFINITY, enough: true };
  return () => {
    const now = systemClock.monotonic();
    if (now - seen.at < 1000) return seen.enough;
    seen.at = now;
    const { bavail, blocks, bsize } = statfsSync(directory);
    seen.enough =
      bavail * bsize > Math.max(1.5 * MX_SIZE_LIMIT, Math.min((blocks * bsize) / 10, 5 * 1024 ** 3));
    return seen.enough;
  };
}

const STORE_ENDED = 'the store takes no writes: check the disk, then restart';

/** What tests may put in place of the real thing. */
export interface Seams {
  /** Told of named moments on a message's way; crash tests end the process at one of them. */
  readonly probe?: (moment: Moment) => void;
  readonly retry?: { readonly baseMs: number; readonly maxMs: number };
}
export const MOMENTS = [
  'accept.before',
  'accept.after',
  'attempt.begun',
  'settle.before',
  'settle.after',
  'hooks.before',
  'hooks.after',
  'commit.answered',
] as const;
export type Moment = (typeof MOMENTS)[number];

/** Starts everything; rejects, having undone what it began, where anything cannot start. */
export async function startService(
  config: Config,
  logger: Logger,
  signal: AbortSignal,
  { probe = () => {}, retry = DEFAULT_RETRY }: Seams = {},
): Promise<RunningService> {
  /** After an I/O error nothing can be promised any more: no mail is taken or tried, and the operator is told. */
  function storeEnded(error: StoreError): void {
    if (ready.reason === STORE_ENDED || ready.reason === 'stopping') return;
    ready.reason = STORE_ENDED;
    logger.error({ err: error }, 'the store takes no writes any more: check the disk, then restart');
  }
  /** The store as one of the rooms writes to it, with its moments. */
  function writing(room: 'accept' | 'settle' | 'hooks'): Pick<Store, 'transact'> {
    return {
      async transact(project, record) {
        probe(`${room}.before`);
        try {
          await store.transact(project, record);
        } catch (error) {
          if (error instanceof StoreError && !error.retryable) storeEnded(error);
          throw error;
        }
        probe(`${room}.after`);
      },
    };
  }
  await using starting = new AsyncDisposableStack();
  const clock = systemClock;
  const random = createRandom();
  const metrics = createMetrics();
  const collector = createCollector();
  const certificate = await openCertificate(config, logger);
  const sealer = await openSealer(config);
  const store = starting.use(
    await openStore(config, logger, true, (info) => {
      metrics.groupCommit(info);
      probe('commit.answered');
    }),
  );
  const { read } = store;
  const resolver = starting.use(createResolver({ servers: [...config.dnsServers], clock }));
  const http = starting.use(createHttpClient({ allowPrivate: config.allowPrivateTargets }));
  const eventSignal = createEventSignal();
  const hasSpace = spaceGate(config.store.directory);
  const ready = { reason: 'starting' as string | null };
  const urls = { http: config.publicUrl };

  const shown = (message: StoredMessage): Buffer => {
    const raw =
      message.direction === 'incoming'
        ? cutSpans(message.raw, stripForgedResults(message.raw, config.hostname).removed)
        : message.raw;
    return Buffer.concat([message.prefix, raw]);
  };
  const render: RenderDeps = {
    loadMessage: (project, id) => read.message(project, id),
    shown,
    get publicUrl() {
      return urls.http;
    },
  };
  const sandboxed = async (project: Principal['projectId']) =>
    (await read.project(project))?.sandbox ?? false;
  const dispatcher = createDispatcher({
    transactor: writing('hooks'),
    read,
    http,
    sealer,
    render,
    clock,
    random,
    logger,
    metrics,
    allowLoopback: async (project) => isLoopback(config.httpListen.host) && (await sandboxed(project)),
  });
  const published = (project: ProjectId, topics: readonly TopicId[]) => {
    eventSignal.notify(topics);
    Promise.all(topics.map((topic) => read.isHeard(project, topic))).then(
      (heard) => heard.includes(true) && dispatcher.nudge(),
      dispatcher.nudge,
    );
  };
  const planHosted = createHostedPlanner({ read, clock, random, hostname: config.hostname });
  const intake = createIntake({
    read,
    planHosted,
    async isHosted(name) {
      const domain = await read.findDomain(name as Domain);
      return domain !== null && isHosted(domain);
    },
    async prepareSettle(message) {
      const settlement = await prepareSettle(message, {
        read,
        clock,
        random,
        retry,
        timeIsTrusted: () => true,
      });
      return {
        record: (tx, { row, reply }) => settlement.record(tx, { row, outcome: outcomeOfReply(reply) }),
        committed() {
          const settled = [...settlement.recorded.values()];
          for (const { result } of settled) metrics.recipientSettled(result);
          if (settled.some(({ events }) => events > 0)) dispatcher.nudge();
        },
      };
    },
    transactor: writing('accept'),
    clock,
    random,
    metrics,
    published,
    enqueue: (message, rows) => scheduler.enqueue(message, rows),
  });
  const deliverHosted = createHostedDelivery(planHosted, intake);
  const limiter = createLimiter({
    reader: read,
    clock,
    defaults: { perMinute: config.limitPerMinute, perDay: config.limitPerDay },
  });
  const siteConnections = (site: string) =>
    config.siteConnections.find(({ pattern }) => matchesGlob(pattern, site))?.connections ?? 20;
  const noticeDeps = { read, clock, random, hostname: config.hostname };
  const telling: Pick<CommitDeps, 'notices' | 'accept'> = {
    async notices(message, items, settlement) {
      const groups = newsOf(items, settlement);
      const made = await Promise.all(groups.map((news) => planNotice(message, news, noticeDeps)));
      return made.filter((notice) => notice !== null);
    },
    accept: (notices, also) =>
      intake.accept({ messages: notices.map((notice) => ({ ...notice, events: [] })), also }),
  };
  const keyRing = createKeyRing(sealer);
  const scheduler = createScheduler({
    transactor: writing('settle'),
    read,
    resolver,
    network: systemNetwork,
    clock,
    random,
    logger,
    metrics,
    hostname: config.hostname,
    ownAddresses: config.mxListen.map(({ host }) => host),
    routes: config.routes,
    allowPrivate: config.allowPrivateTargets,
    sandboxed,
    limiter,
    perSite: (site) => siteConnections(site),
    ...telling,
    retry,
    released: collector.released,
    nudgeEvents: () => dispatcher.nudge(),
    async hosted(message, rows, settle, notices) {
      const itemOf = ({ row, reply }: HostedOutcome) => ({ row, outcome: outcomeOfReply(reply) });
      const left = await deliverHosted(
        message,
        rows,
        (tx, outcome) => settle(tx, itemOf(outcome)),
        (taken) => notices(taken.map(itemOf)),
      );
      return left.map(itemOf);
    },
    async sign(message) {
      probe('attempt.begun');
      const domain =
        message.domainId === null ? null : await read.domain(message.projectId, message.domainId);
      if (domain === null || !domain.dkimEnabled) return '';
      const keys = keyRing(await read.dkimKeys(message.projectId, domain.id));
      return signDkim({
        message: Buffer.concat([message.prefix, message.raw.subarray(0, bodyOffset(message.raw))]),
        bodyHash: bodyHash(message.raw),
        domain: domain.name,
        keys,
        now: clock.now(),
      });
    },
  });
  const operate = createOperator({
    ...telling,
    read,
    transactor: writing('settle'),
    scheduler,
    prepare: (message) => prepareSettle(message, { read, clock, random, retry, timeIsTrusted: () => true }),
    clock,
    random,
    logger,
    nudgeEvents: () => dispatcher.nudge(),
  });
  metrics.setQueueDepthSource(async () => scheduler.depth);
  const dns = {
    mxHosts: config.mxHosts,
    spfInclude: config.spfInclude,
    submissionHost: config.submissionHost,
  };
  const checker = createChecker({
    transactor: store,
    reader: read,
    resolver,
    expectations: dns,
    clock,
    logger,
    async preparePublish(project) {
      const kept = keptMs(await read.sendingSettings(project));
      return (tx, name, domain, content) => {
        recordPublish(
          tx,
          { random, now: clock.now() },
          {
            project,
            topicId: domain.defaultTopicId,
            service: 'mta',
            name,
            content,
            summary: `${name}: ${domain.name}`,
            keptMs: kept,
          },
        );
      };
    },
  });
  const authenticator = createAuthenticator({ iam: read, sealer, clock });
  const inTrusted = (address: string) => config.trustedNetworks.find((network) => within(address, network));
  const receiver = createReceiver({
    read,
    intake,
    authenticator,
    limiter,
    resolver,
    clock,
    random,
    logger,
    hostname: config.hostname,
    hasSpace,
    async trusted(address) {
      const network = inTrusted(address);
      const id = network === undefined ? null : parseId<'api-client'>(network.apiClientId);
      const found = id === null ? null : await read.findApiClient(id as ApiClientId);
      return found === null ? null : principalOf(found.client, found.project, null);
    },
  });
  const budget = createByteBudget(collector.released);
  const listeners: Record<'mx' | 'submission' | 'submissions', SmtpListener[]> = {
    mx: [],
    submission: [],
    submissions: [],
  };
  const least = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];
  for (const [role, addresses, minVersion] of [
    ['mx', config.mxListen, config.mxTlsMinVersion],
    ['submission', config.submissionListen, config.tlsMinVersion],
    ['submissions', config.submissionsListen, config.tlsMinVersion],
  ] as const) {
    for (const { host, port } of addresses) {
      const listener = createSmtpListener({
        role,
        host,
        port,
        secureContext: certificate.contextFor(minVersion),
        receiver,
        hostname: config.hostname,
        budget,
        clock,
        logger,
        announcedSize: (connection) =>
          role === 'mx' && connection.principal === null ? MX_SIZE_LIMIT : SUBMISSION_SIZE_LIMIT,
        authAllowed: (version) => least.indexOf(version) >= least.indexOf(config.tlsMinVersion),
        exempt: (address) => role === 'submission' && inTrusted(address) !== undefined,
      });
      listeners[role].push(listener);
    }
  }
  const api: Api = await createApi(
    {
      read,
      transactor: store,
      authenticator,
      limiter,
      sealer,
      clock,
      random,
      logger,
      metrics,
      publicUrl: () => urls.http,
      dns,
      eventSignal,
      published,
      renderEvent: (event) => renderEvent(event, { inline: false, deprecated: false }, render),
      shown,
      checkDomain: (project, id) => checker.checkNow(project, id),
      verifyOwnership: (owned) => checkOwnership(resolver, owned),
      submit: createSubmit({ read, intake, limiter, clock, random, hostname: config.hostname, hasSpace }),
      operate,
      queue: {
        lanes: () => [...scheduler.lanes()],
        dead: () => scheduler.dead(),
        isActive: scheduler.isSending,
      },
      notReady: () => ready.reason,
    },
    {
      ...config.httpListen,
      tls:
        config.tls === null || config.trustedProxies.length > 0
          ? null
          : { cert: certificate.cert, key: certificate.key, minVersion: config.tlsMinVersion },
      trustedProxies: config.trustedProxies,
    },
  );
  // Order of stopping is the reverse: doors first, then what they fed, the store last.
  const control = createControl(config.dataDir, { operate, clock, logger });
  const sweeper = createSweeper({ store, clock, logger });
  for (const service of [dispatcher, scheduler, checker, control, sweeper]) {
    starting.use(service);
    await service.start(signal);
  }
  for (const service of [...listeners.mx, ...listeners.submission, ...listeners.submissions, api]) {
    starting.use(service);
    await explained(service.start(signal));
  }
  const httpScheme = config.tls === null || config.trustedProxies.length > 0 ? 'http' : 'https';
  if (!config.publicUrlGiven) urls.http = `${httpScheme}://${config.httpListen.host}:${api.port}`;
  ready.reason = null;
  const address = (list: readonly SmtpListener[], from: Config['mxListen']) =>
    list.map((one, i) => `${from[i]!.host}:${one.port}`).join(',');
  const running = starting.move();
  return {
    http: `${config.httpListen.host}:${api.port}`,
    mx: address(listeners.mx, config.mxListen),
    submission: address(listeners.submission, config.submissionListen),
    submissions: address(listeners.submissions, config.submissionsListen),
    async [Symbol.asyncDispose]() {
      ready.reason = 'stopping';
      await running.disposeAsync();
    },
  };
}

async function explained(starting: Promise<void>): Promise<void> {
  try {
    await starting;
  } catch (error) {
    const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
    if (code === 'EADDRINUSE')
      throw new Error(`${address}:${port} is already in use by another program`, { cause: error });
    if (code === 'EACCES')
      throw new Error(`${address}:${port}: no permission to listen there`, { cause: error });
    throw error;
  }
}

function within(address: string, network: Config['trustedNetworks'][number]): boolean {
  if (network.address.includes(':')) return address === network.address;
  const bits = (text: string) => text.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(address)) return false;
  const size = 2 ** (32 - network.prefix);
  return Math.floor(bits(address) / size) === Math.floor(bits(network.address) / size);
}
