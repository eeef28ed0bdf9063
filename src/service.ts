/** The only place where modules are wired together: turns a Config into a running Service. */

import { X509Certificate } from 'node:crypto';
import { getServers } from 'node:dns';
import { readFile } from 'node:fs/promises';
import { pino } from 'pino';
import { type Connect, connectOf } from './api/connect.ts';
import { createControl } from './api/control.ts';
import { createMetricsListener } from './api/metrics-listener.ts';
import { type Api, createApi } from './api/server.ts';
import { type Config, isLoopback, listeningUrl, usualUrl } from './config/config.ts';
import type { VARIABLES } from './config/variables.ts';
import type { CommitDeps } from './delivery/commit.ts';
import { createConverter } from './delivery/convert.ts';
import { newsOf } from './delivery/news.ts';
import { createOperator, type NodeQuestion } from './delivery/operate.ts';
import { outcomeOfReply } from './delivery/outcome.ts';
import { matchesGlob } from './delivery/route.ts';
import { createScheduler, type LaneView } from './delivery/scheduler.ts';
import { DEFAULT_RETRY, prepareSettle } from './delivery/settle.ts';
import { isSimulated } from './delivery/simulator.ts';
import { createChecker } from './domains/checker.ts';
import { createClaims } from './domains/claims.ts';
import { createKeyRing } from './domains/dkim-keys.ts';
import { createDkimZone } from './domains/dkim-zone.ts';
import { createProviderOpener } from './domains/dns-providers/accounts.ts';
import { createAutomaticDns } from './domains/dns-providers/automatic.ts';
import { expectedRecords } from './domains/dns-records.ts';
import { isHosted } from './domains/mta-domains.ts';
import { OPERATOR_CHECKS, operatorProblems } from './domains/operator-check.ts';
import { createOperatorKeeper } from './domains/operator-keeper.ts';
import { challengeRecord } from './domains/ownership.ts';
import { createOwnershipKeeper } from './domains/ownership-keeper.ts';
import type { CancelQueued } from './domains/removal.ts';
import { createDispatcher } from './edj/dispatcher.ts';
import { type EventMailDeps, MAIL_WINDOW_MS } from './edj/event-mail.ts';
import { createEventSignal } from './edj/event-signal.ts';
import { createEventTrace } from './edj/event-trace.ts';
import { createReadStored } from './edj/read-stored.ts';
import { type RenderDeps, renderEvent } from './edj/render-event.ts';
import { createSamples } from './edj/samples.ts';
import type { EdjTx } from './edj/topics.ts';
import { createAttempts } from './iam/attempts.ts';
import { createAuthenticator, principalOf } from './iam/authenticate.ts';
import { type OperatorStanding, offerOwnerLink, signInUrl } from './iam/links.ts';
import type { Principal } from './iam/projects.ts';
import { createIntake } from './intake/accept.ts';
import { createEventMail } from './intake/event-mail.ts';
import { createHostedDelivery, createHostedPlanner } from './intake/hosted.ts';
import { hasMailName, type Letter, planLetter } from './intake/letters.ts';
import { MX_SIZE_LIMIT, SUBMISSION_SIZE_LIMIT } from './intake/limits.ts';
import { planNotice } from './intake/notices.ts';
import type { HostedOutcome } from './intake/planned.ts';
import { createProjectEvents } from './intake/project-events.ts';
import type { Leaves } from './intake/reachable.ts';
import { createReceiver } from './intake/receiver.ts';
import { retentionLetter } from './intake/retention-letter.ts';
import { createSubmit } from './intake/submit.ts';
import { editSpans } from './intake/trace.ts';
import * as jobs from './jobs.ts';
import { createAttemptLog } from './ledger/attempt-log.ts';
import { createAlertPublisher } from './limits/alert-publisher.ts';
import { createTellExceeded } from './limits/alerts.ts';
import { createLimiter } from './limits/limiter.ts';
import { createRollUp } from './limits/roll-up.ts';
import { createSharedLimiter } from './limits/shared-limiter.ts';
import type { LimitTx } from './limits/usage.ts';
import type { Domain } from './mail/domain.ts';
import { headerBounds } from './mail/headers.ts';
import { createReader } from './reading/reader.ts';
import { createNetworkList, machineAddresses } from './runtime/addresses.ts';
import { openCertificate } from './runtime/certificate.ts';
import { type Clock, systemClock } from './runtime/clock.ts';
import { createCollector } from './runtime/collect.ts';
import { descriptorLimit, outgoingWithin, placesWithin } from './runtime/descriptors.ts';
import { createResolver } from './runtime/dns-resolver.ts';
import { createDnsServer, type ZoneServer } from './runtime/dns-server.ts';
import { createGuardedFetch } from './runtime/guarded-fetch.ts';
import { createHostNames } from './runtime/host-names.ts';
import { createHttpClient } from './runtime/http-client.ts';
import type { ApiClientId, ProjectId, TopicId } from './runtime/ids.ts';
import { INSTANCE, parseId } from './runtime/ids.ts';
import { createInFlight } from './runtime/in-flight.ts';
import { watchJumps } from './runtime/jumps.ts';
import { type Service, unlessStopped } from './runtime/lifecycle.ts';
import type { Logger } from './runtime/logger.ts';
import { createMetrics } from './runtime/metrics.ts';
import { moduleBeside } from './runtime/module-beside.ts';
import { systemNetwork } from './runtime/network.ts';
import { createNotices } from './runtime/notices.ts';
import { createPressure } from './runtime/pressure.ts';
import { createRandom } from './runtime/random.ts';
import { createRate, createTally, perWidth } from './runtime/rates.ts';
import { createReadiness } from './runtime/readiness.ts';
import { createSlots } from './runtime/slots.ts';
import { spaceGate } from './runtime/space.ts';
import { createStopping, PARTS_MS, STORE_MS } from './runtime/stopping.ts';
import { StoreError } from './runtime/transactor.ts';
import { createTurnstile } from './runtime/turnstile.ts';
import { createWorkers } from './runtime/workers.ts';
import { openSealer } from './secret-key.ts';
import { createByteBudget } from './smtp/server/byte-budget.ts';
import { guardReceiver } from './smtp/server/guard.ts';
import {
  createSmtpListener,
  HANDSHAKES_A_MINUTE,
  MOST_CONNECTIONS,
  MOST_OF_AN_ADDRESS,
  type SmtpListener,
} from './smtp/server/listener.ts';
import type { LanePage, Queue, StoredMessage } from './spool/messages.ts';
import type { Store, StoreTx } from './store/store.ts';
import { createSweeper } from './store/sweeper.ts';
import { openGround } from './stores.ts';
import { createBodyHasher, SIGNED } from './verify/body-hash.ts';
import { stripForgedResults } from './verify/forged-results.ts';
import { signDkim } from './verify/sign.ts';

export interface RunningService extends AsyncDisposable {
  readonly http: string;
  readonly mx: string;
  readonly submission: string;
  readonly submissions: string;
  /** Where the zone of delegated keys is served; empty without such a zone. */
  readonly dns: string;
  /** Where /metrics has an address of its own; empty without one. */
  readonly metrics: string;
  /** The URL for people and API callers, without a final slash. */
  readonly url: string;
  /** The HTTP listener's own URL: the scheme that it speaks, and an address that this machine reaches. */
  readonly listeningUrl: string;
  readonly connect: Connect;
  /** Who could sign in as an operator when the service started. */
  readonly operator: OperatorStanding;
  /**
   * The operator's sign-in link, while no operator can sign in and none has a link. Show it to the person who starts the
   * service; never log it.
   */
  readonly signInUrl: string | null;
}

export function createLogger(config: Config): Logger {
  return pino({
    level: config.logLevel,
    base: { node: config.node },
    messageKey: 'msg',
    timestamp: pino.stdTimeFunctions.isoTime,
  }) as unknown as Logger;
}

/** Where `localhost` leads to (RFC 6761 §6.3). */
const STORE_ENDED = 'the store accepts no writes: check the disk, then restart';

/** What tests may replace. */
export interface Seams {
  /** Called at named moments of a message's way; crash tests end the process at one of them. */
  readonly probe?: (moment: Moment) => void;
  readonly retry?: { readonly baseMs: number; readonly maxMs: number };
  readonly clock?: Clock;
  /** Called if another node declared this node dead: the process should end so that a new one can start. */
  readonly fenced?: () => void;
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

/**
 * Starts everything. If a part cannot start, undoes what was started and rejects; with the signal's reason, at whatever
 * the start waits then.
 */
export async function startService(
  config: Config,
  logger: Logger,
  signal: AbortSignal,
  {
    probe = () => {},
    retry = DEFAULT_RETRY,
    clock: machineClock = systemClock,
    fenced = () => {},
  }: Seams = {},
): Promise<RunningService> {
  /**
   * After an I/O error the store can promise nothing: the service accepts and attempts no more mail, and
   * tells the operator.
   */
  function storeEnded(error: StoreError): void {
    if (ready.state === STORE_ENDED || ready.state === 'stopping') return;
    ready.state = STORE_ENDED;
    logger.error({ err: error }, 'the store accepts no more writes: check the disk, then restart');
  }
  function fencedOut(): void {
    storeEnded(new StoreError('another node declared this node dead: restart this node', false));
    fenced();
  }
  /** Rows may wait in the store that no memory knows. */
  function resync(): void {
    scheduler
      .resync()
      .catch((error: unknown) => logger.error({ err: error }, 'counting the queue again failed'));
  }
  /** The store as one part of the service writes to it, with the probe's moments. */
  function writing(room: 'accept' | 'settle' | 'hooks'): Pick<Store, 'transact'> {
    return {
      async transact(project, record, urgent = room === 'accept') {
        probe(`${room}.before`);
        try {
          await (room === 'accept' ? store : patient).transact(project, record, urgent);
        } catch (error) {
          if (error instanceof StoreError && !error.retryable) storeEnded(error);
          throw error;
        }
        probe(`${room}.after`);
      },
    };
  }
  await using starting = new AsyncDisposableStack();
  const random = createRandom();
  const metrics = createMetrics();
  const collector = createCollector();
  const orStopped = <T>(work: () => Promise<T>) => unlessStopped(signal, work);
  const certificate = await orStopped(() => openCertificate(config, machineClock, logger));
  const siteConnections = (site: string) =>
    config.siteConnections.find(({ pattern }) => matchesGlob(pattern, site))?.connections ?? 20;
  const stopping = createStopping({ clock: machineClock, logger, signal });
  const last = starting.use(stopping.group(STORE_MS));
  const ground = last.add(
    'the store',
    await openGround(config, {
      clock: machineClock,
      logger,
      connections: siteConnections,
      onCommit(info) {
        metrics.groupCommit(info);
        probe('commit.answered');
      },
      onUncertain: resync,
      onFenced: fencedOut,
      signal,
    }),
  );
  const { embedded, clock, shared } = ground;
  const sealer = await orStopped(() =>
    openSealer(config, ground.store, (unreadable) =>
      logger.error(
        { unreadable },
        'another secret key has sealed some secrets of the store, so the service cannot read them: `hikyaku secret-key replace` replaces them',
      ),
    ),
  );
  const hasSpace =
    config.store.kind === 'sqlite' ? spaceGate(config.store.directory, MX_SIZE_LIMIT, clock) : () => true;
  const ready = createReadiness({ state: 'starting', hasSpace, clock, logger, probe: ground.store.probe });
  starting.defer(() => ready.stop());
  /** Outcomes of deliveries wait until the store answers: they are known, and are written once. */
  const patient: Pick<Store, 'transact'> = { transact: ready.watched(ground.store) };
  const store: Store = { ...ground.store, transact: ready.timely(ground.store, resync) };
  if (embedded !== null) metrics.setStoreLogSource(embedded.logFigures);
  /** For rounds that one node at a time makes for all nodes. */
  const jumps = watchJumps(clock, retry.maxMs);
  /** Such rounds remove, end and roll up by the wall clock: none begins soon after it jumped. */
  const mayRun = (chore: string) => async () =>
    jumps.trusted() && (shared === null || (await shared.cluster.mayDo(chore)));
  const { read } = store;
  const resolver = starting.use(
    createResolver({ servers: [...config.dnsServers], clock, allowPrivate: config.allowPrivateTargets }),
  );
  /** One resolver for each DNS server, for checks in which all servers must agree. */
  const views = (config.dnsServers.length > 0 ? config.dnsServers : getServers()).map((server) =>
    starting.use(createResolver({ servers: [server], clock, allowPrivate: config.allowPrivateTargets })),
  );
  const workers = starting.use(createWorkers({ jobs: moduleBeside(import.meta.url, './jobs'), clock }));
  const hashBody = createBodyHasher(workers);
  const names = createHostNames({
    resolver,
    local: config.allowPrivateTargets,
    system: config.dnsServers.length === 0,
  });
  const http = starting.use(createHttpClient({ allowPrivate: config.allowPrivateTargets, names }));
  const eventSignal = createEventSignal();
  const urls = { http: config.publicUrl };

  const shown = (message: StoredMessage): Buffer => {
    const raw =
      message.direction === 'incoming'
        ? editSpans(message.raw, stripForgedResults(message.raw, config.hostname).removed)
        : message.raw;
    return Buffer.concat([message.prefix, raw]);
  };
  const readMail = createReader({ workers, read: jobs.read, hostname: config.hostname });
  const render: RenderDeps = {
    spool: read,
    workers,
    released: collector.released,
    readStored: createReadStored({
      spool: read,
      read: readMail,
      // If storing fails, nothing is lost: parsing the message again gives the same result.
      keep: (project, id, reading) =>
        store
          .transact(project, (tx) => tx.storeReading(project, id, reading))
          .catch((error: unknown) =>
            logger.warn({ message: id, err: error }, 'storing the parsed content of a message failed'),
          ),
      clock,
    }),
    get publicUrl() {
      return urls.http;
    },
  };
  const sandboxed = async (project: Principal['projectId']) =>
    (await read.project(project))?.sandbox ?? false;
  const allowLoopback = async (project: ProjectId) =>
    isLoopback(config.httpListen.host) && (await sandboxed(project));
  const mail: EventMailDeps = {
    trace: createEventTrace(sealer),
    sizeLimit: SUBMISSION_SIZE_LIMIT,
    sent: createTally(clock, MAIL_WINDOW_MS),
    async original(project, id) {
      const message = await read.message(project, id);
      return message === null ? null : shown(message);
    },
    handOver: (letter) => takeEventMail(letter),
  };
  const dispatcher = createDispatcher({
    mail,
    transactor: writing('hooks'),
    read,
    http,
    sealer,
    render,
    clock,
    random,
    logger,
    metrics,
    jumps,
    allowLoopback,
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
    readMail,
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
  const defaults = { perMinute: config.limitPerMinute, perDay: config.limitPerDay };
  const projectEvents = createProjectEvents({ read, clock, random, published });
  const alerts = createAlertPublisher<LimitTx & EdjTx>({
    read,
    transactor: store,
    projectEvents,
    domainName: async (project, id) => (await read.domain(project, id))?.name ?? null,
    clock,
    logger,
  });
  const { nudge: noticed } = alerts;
  const tellExceeded = createTellExceeded({ transactor: store, clock, logger, noticed });
  const limiterDeps = { reader: read, clock, defaults, tellExceeded, noticed };
  const limiter =
    shared === null
      ? createLimiter(limiterDeps)
      : createSharedLimiter({ ...limiterDeps, usage: shared.usage, logger });
  const rollUp = createRollUp({
    read,
    transactor: store,
    clock,
    logger,
    mayRun: mayRun('traffic roll-up'),
  });
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
  /** As whom a message is signed, and with which keys; null: it is not. */
  async function signing({ projectId, domainId }: StoredMessage) {
    const found = domainId === null ? null : await read.domain(projectId, domainId);
    const keys = found?.dkimEnabled ? keyRing(await read.dkimKeys(projectId, found.id)) : [];
    return { domain: keys.length === 0 ? null : found!.name, keys };
  }
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
    mxHosts: config.mxHosts,
    routes: config.routes,
    allowPrivate: config.allowPrivateTargets,
    sandboxed,
    limiter,
    perSite: siteConnections,
    places: outgoingWithin(descriptorLimit()),
    permits: shared?.permits ?? null,
    jumps,
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
    convert: createConverter(workers),
    signsAs: async (message) => (await signing(message)).domain,
    async sign(message) {
      probe('attempt.begun');
      const { domain, keys } = await signing(message);
      if (domain === null) return '';
      const { bodyStart } = headerBounds(message.raw);
      const [signed] = await hashBody(message.raw.subarray(bodyStart), [SIGNED], message.projectId);
      return signDkim({
        message: Buffer.concat([message.prefix, message.raw.subarray(0, bodyStart)]),
        bodyHash: signed!.hash,
        domain,
        keys,
        now: clock.now(),
      });
    },
  });
  const { operate, answer, limitsRaised } = createOperator({
    ...telling,
    read,
    transactor: writing('settle'),
    scheduler,
    prepare: (message) => prepareSettle(message, { read, clock, random, retry, timeIsTrusted: () => true }),
    clock,
    random,
    logger,
    nudgeEvents: () => dispatcher.nudge(),
    askOthers: async (question) => (await shared?.cluster.ask(question)) ?? [],
  });
  shared?.cluster.listen({
    adopted(members) {
      dispatcher.adopted();
      read
        .lanes(members)
        .then(scheduler.adopt)
        .catch((error: unknown) => {
          logger.error(
            { err: error, members },
            'reading the mail taken over from dead nodes failed; trying again',
          );
          void scheduler.resync().catch(() => {});
        });
    },
    lost: scheduler.pause,
    found: scheduler.proceed,
    fenced: fencedOut,
    clockCorrected: jumps.corrected,
    refresh: scheduler.refresh,
    asked: (question) => answer(question as NodeQuestion),
  });
  /** The queue of all nodes, with what this node knows in memory about its own lanes. */
  async function queuePage(project: ProjectId, page: LanePage): Promise<Queue<LaneView>> {
    if (shared === null) return scheduler.page(project, page);
    const { depth, lanes } = await shared.queue(project, page);
    return { depth, lanes: lanes.map((lane) => ({ ...lane, active: scheduler.active(lane) })) };
  }
  metrics.setLastCommitSource(ready.lastCommitAge);
  metrics.setQueueDepthSource(async () => scheduler.depth);
  metrics.setOverdueSource(async () => {
    const now = clock.now();
    const overdue = await store.overdue(now);
    const since = overdue?.since ?? now;
    return { seconds: Math.max(0, now - since) / 1000, messages: overdue?.messages ?? 0 };
  });
  const dns = {
    mxHosts: config.mxHosts,
    spfInclude: config.spfInclude,
    submissionHost: config.submissionHost,
    dkimZone: config.dkimZone,
  };
  /** Cancels the waiting mail of a removed domain. If this misses a message, the planner cancels it. */
  const cancelQueued: CancelQueued = (project, sentWith, reason) =>
    void operate({
      action: 'cancel',
      filter: { project, sentWith },
      dryRun: false,
      reason,
      actor: 'the service',
    }).catch((error: unknown) =>
      logger.error(
        { err: error, domain: sentWith },
        'the waiting mail of a removed domain is not cancelled yet',
      ),
    );
  const checker = createChecker<StoreTx>({
    mayRun: mayRun('domain checks'),
    transactor: store,
    reader: read,
    resolver,
    resolvers: views,
    expectations: dns,
    sealer,
    random,
    clock,
    logger,
    projectEvents,
  });
  const ownRecords = createOperatorKeeper({
    resolver,
    names: config,
    addresses: machineAddresses,
    certificate: async () =>
      config.tls === null ? null : new X509Certificate(await readFile(config.tls.cert)),
    clock,
    logger,
  });
  metrics.setOwnRecordsSource(() => {
    const wrong = operatorProblems(ownRecords.last().items);
    return Object.fromEntries(
      OPERATOR_CHECKS.map((name) => [name, wrong.filter(({ check }) => check === name).length]),
    );
  });
  const ownership = { transactor: store, reader: read, resolvers: views, clock, projectEvents, cancelQueued };
  const keeper = createOwnershipKeeper<StoreTx>({ ...ownership, logger, mayRun: mayRun('ownership checks') });
  const log = createAttemptLog({ read, transactor: store });
  const attempts = createAttempts({ log, clock, random, sealer });
  const authenticator = createAuthenticator({
    iam: read,
    sealer,
    clock,
    attempts,
    noteUse(key, day) {
      store
        .transact(key.projectId, (tx) => tx.noteKeyUse(key.projectId, key.id, day))
        .catch((error: unknown) => logger.debug({ err: error }, "recording a key's last use failed"));
    },
    noteHash(key, keyedHash) {
      store
        .transact(key.projectId, (tx) => tx.setKeyedHash(key.projectId, key.id, keyedHash))
        .catch((error: unknown) => logger.warn({ err: error }, 'storing the keyed hash of a key failed'));
    },
  });
  const trusted = config.trustedNetworks.map((network) => ({
    ...network,
    holds: createNetworkList([`${network.address}/${network.prefix}`]),
  }));
  const inTrusted = (address: string) => trusted.find(({ holds }) => holds(address));
  const notices = createNotices(clock, logger);
  const turnstile = createTurnstile(clock, createPressure(clock));
  const inFlight = createInFlight(clock, metrics.refusedInFlight);
  const trustedProxy = createNetworkList(config.trustedProxies);
  const exempt = (address: string) => inTrusted(address) !== undefined || trustedProxy(address);
  const leaves: Leaves = async (project, address) => !(await sandboxed(project)) || isSimulated(address);
  const { hostname } = config;
  const sending = { turnstile, leaves, read, intake, limiter, clock, random, hostname, hasSpace };
  const takeEventMail = createEventMail(sending);
  const takes = createReceiver({
    read,
    leaves,
    intake,
    authenticator,
    limiter,
    resolver,
    hashBody,
    clock,
    random,
    logger,
    notices,
    turnstile,
    inFlight,
    hostname: config.hostname,
    hasSpace,
    async trusted(address) {
      const network = inTrusted(address);
      const id = network === undefined ? null : parseId<'api-client'>(network.apiClientId);
      const found = id === null ? null : await read.findApiClient(id as ApiClientId);
      return found === null || found.project.closedAt !== null ? null : principalOf(found, null);
    },
  });
  const budget = createByteBudget(clock, collector.released);
  const listeners: Record<'mx' | 'submission' | 'submissions', SmtpListener[]> = {
    mx: [],
    submission: [],
    submissions: [],
  };
  const connect = () =>
    connectOf(
      config,
      { submission: listeners.submission[0]!.port, submissions: listeners.submissions[0]!.port },
      urls.http,
    );
  const receiver = guardReceiver(takes, {
    clock,
    notices,
    messagesPerMinute: config.mxMessagesPerMinute,
    recipientsPerMinute: config.mxRecipientsPerMinute,
    exempt,
  });
  const places = placesWithin(descriptorLimit(), 4, MOST_CONNECTIONS);
  if (places < MOST_CONNECTIONS)
    logger.warn(
      { connections: places },
      'the limit of open files permits fewer connections than configured: raise the limit',
    );
  const handshakes = createRate(clock, 60_000, HANDSHAKES_A_MINUTE);
  const least = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];
  for (const [role, addresses, minVersion] of [
    ['mx', config.mxListen, config.mxTlsMinVersion],
    ['submission', config.submissionListen, config.tlsMinVersion],
    ['submissions', config.submissionsListen, config.tlsMinVersion],
  ] as const) {
    const slots = createSlots({ most: places, parts: perWidth(MOST_OF_AN_ADDRESS) });
    for (const { host, port } of addresses) {
      const listener = createSmtpListener({
        role,
        host,
        port,
        secureContext: certificate.contextFor(minVersion, role === 'mx' ? 'servers' : 'people'),
        receiver,
        hostname: config.hostname,
        budget,
        shareOf: ({ principal }) =>
          principal === null ? null : `project ${(principal as Principal).projectId}`,
        clock,
        logger,
        announcedSize: (connection) =>
          role === 'mx' && connection.principal === null ? MX_SIZE_LIMIT : SUBMISSION_SIZE_LIMIT,
        authNeeds: (version) =>
          least.indexOf(version) >= least.indexOf(config.tlsMinVersion) ? null : config.tlsMinVersion,
        exempt: (address) => inTrusted(address) !== undefined,
        trustedProxy,
        slots,
        maxConnections: places,
        handshakes,
        notices,
        greetingDelayMs: role === 'mx' ? config.mxGreetingDelay * 1000 : 0,
      });
      listeners[role].push(listener);
    }
  }
  const providerFetch = starting.use(createGuardedFetch({ allowPrivate: config.allowPrivateTargets, names }));
  const automaticDns = createAutomaticDns({
    read,
    transactor: store,
    open: createProviderOpener({
      sealer,
      fetch: providerFetch.fetch,
      network: systemNetwork,
      resolver,
      clock,
      random,
      allowPrivate: config.allowPrivateTargets,
    }),
    clock,
    random,
    async recordsOf(domain, existingSpf) {
      const keys = await read.dkimKeys(domain.projectId, domain.id);
      const owned = await read.ownedDomain(domain.projectId, domain.ownedDomainId);
      const records = expectedRecords(domain.name, keys, dns, existingSpf);
      return [
        ...(owned === null ? [] : [{ purpose: 'challenge', ...challengeRecord(owned) }]),
        // The MX of a domain that does not receive mail here is not our concern.
        ...records.filter(({ type }) => type !== 'MX' || domain.receiving),
      ];
    },
  });
  const acceptLetter = (letter: Letter, also: (tx: StoreTx) => void = () => {}) =>
    intake.accept({
      messages: [planLetter(letter, { clock, random, hostname: config.hostname })],
      also: (tx) => also(tx as StoreTx),
    });
  const writesMail = hasMailName(config.hostname);
  const sweeper = createSweeper({
    store,
    clock,
    logger,
    metrics,
    mayRun: mayRun('retention'),
    async tellOwner({ due, behindSince, round }) {
      const owner = await read.firstOperator();
      if (owner === null || !writesMail) return;
      const facts = { hostname, due, since: behindSince ?? clock.now(), failed: round?.failed === true };
      await acceptLetter({ project: INSTANCE, to: owner.email, ...retentionLetter(facts, owner.language) });
    },
  });
  const api: Api = await createApi(
    {
      read,
      transactor: store,
      authenticator,
      attempts,
      issuer: `Hikyaku ${config.hostname}`,
      limiter,
      limitDefaults: defaults,
      acceptLetter,
      writesMail,
      retention: sweeper.state,
      ownRecords: ownRecords.standing,
      sealer,
      clock,
      random,
      logger,
      notices,
      turnstile,
      inFlight,
      metrics,
      publicUrl: () => urls.http,
      connect,
      dns,
      eventSignal,
      published,
      renderEvent: (event, options, signal, shown) => renderEvent(event, options, render, signal, shown),
      samples: createSamples({ http, mail, render, clock, random, allowLoopback }),
      shown,
      checkDomain: (project, id) => checker.checkNow(project, id),
      domainChanged: checker.changed,
      projectEvents,
      cancelQueued,
      verifyOwnership: createClaims<StoreTx>(ownership),
      automaticDns,
      allowPrivateTargets: config.allowPrivateTargets,
      submit: createSubmit(sending),
      operate,
      limitsRaised,
      queue: {
        page: queuePage,
        dead: () => scheduler.dead(),
        isActive: scheduler.isSending,
      },
      notReady: () => ready.ask(),
    },
    {
      ...config.httpListen,
      secureContext:
        config.tls === null || config.trustedProxies.length > 0
          ? null
          : certificate.contextFor(config.tlsMinVersion, 'people'),
      trustedProxies: config.trustedProxies,
      hasMetrics: isLoopback(config.httpListen.host) && config.trustedProxies.length === 0,
      exempt,
      door: { places },
    },
  );
  // Stopping: first all parts side by side, then what they stand on, the store and the cluster last.
  const listening = { addresses: [] as readonly string[] };
  const control = createControl(config.dataDir, {
    read,
    operate,
    clock,
    logger,
    ownStore: embedded,
    retention: sweeper.state,
    addresses: () => listening.addresses,
    publicUrl: () => urls.http,
  });
  const parts = starting.use(stopping.group(PARTS_MS));
  const services = {
    dispatcher,
    alerts,
    scheduler,
    checker,
    keeper,
    ownRecords,
    control,
    sweeper,
    rollUp,
    ...(shared === null ? {} : { permits: shared.permits }),
  };
  for (const [name, service] of Object.entries(services))
    await orStopped(() => parts.add(name, service).start(signal));
  // It leaves with the store: as long as attempts run, no other node may take over their mail.
  await shared?.cluster.start(signal);
  const zone = config.dkimZone === null ? null : createDkimZone(config.dkimZone, config.mxHosts, read);
  const dnsServers =
    zone === null ? [] : config.dnsListen.map((listen) => createDnsServer({ zone, listen, clock, logger }));
  const { metricsListen } = config;
  const metricsListener =
    metricsListen === null ? null : createMetricsListener({ ...metricsListen, metrics, clock, logger });
  const doors: Record<string, readonly Service[]> = {
    ...listeners,
    dns: dnsServers,
    metrics: metricsListener === null ? [] : [metricsListener],
    api: [api],
  };
  for (const [name, each] of Object.entries(doors))
    for (const service of each)
      await explained(
        orStopped(() => parts.add(name, service).start(signal)),
        config,
      );
  if (!config.publicUrlGiven) urls.http = usualUrl(config, api.port);
  const owner = await orStopped(() => offerOwnerLink({ read, transactor: store, clock, random }));
  ready.state = null;
  const address = (list: readonly (SmtpListener | ZoneServer)[], from: Config['mxListen']) =>
    list.map((one, i) => `${bracketed(from[i]!.host)}:${one.port}`).join(',');
  const metricsAddress =
    metricsListen === null || metricsListener === null
      ? ''
      : `${bracketed(metricsListen.host)}:${metricsListener.port}`;
  listening.addresses = [
    `${bracketed(config.httpListen.host)}:${api.port}`,
    ...address(listeners.mx, config.mxListen).split(','),
    ...address(listeners.submission, config.submissionListen).split(','),
    ...address(listeners.submissions, config.submissionsListen).split(','),
    ...address(dnsServers, config.dnsListen).split(','),
    ...(metricsAddress === '' ? [] : [metricsAddress]),
  ];
  const running = starting.move();
  return {
    http: `${bracketed(config.httpListen.host)}:${api.port}`,
    mx: address(listeners.mx, config.mxListen),
    submission: address(listeners.submission, config.submissionListen),
    submissions: address(listeners.submissions, config.submissionsListen),
    dns: address(dnsServers, config.dnsListen),
    metrics: metricsAddress,
    url: urls.http,
    listeningUrl: listeningUrl(config, api.port),
    connect: connect(),
    operator: owner.standing,
    signInUrl: owner.token === null ? null : signInUrl(urls.http, owner.token),
    async [Symbol.asyncDispose]() {
      ready.state = 'stopping';
      await running.disposeAsync();
    },
  };
}

/** The form of a host before a port (RFC 3986 §3.2.2). */
const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** The variables that say where the service listens. */
const LISTEN = {
  HIKYAKU_MX_LISTEN: 'mxListen',
  HIKYAKU_SUBMISSION_LISTEN: 'submissionListen',
  HIKYAKU_SUBMISSIONS_LISTEN: 'submissionsListen',
  HIKYAKU_DNS_LISTEN: 'dnsListen',
  HIKYAKU_HTTP_LISTEN: 'httpListen',
  HIKYAKU_METRICS_LISTEN: 'metricsListen',
} as const satisfies Partial<Record<keyof typeof VARIABLES, keyof Config>>;
async function explained(starting: Promise<void>, config: Config): Promise<void> {
  try {
    await starting;
  } catch (error) {
    const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
    const named = Object.entries(LISTEN).find(([, key]) =>
      [config[key]].flat().some((at) => at?.port === port),
    );
    const set = named === undefined ? '' : `: set ${named[0]} to another address`;
    if (code === 'EADDRINUSE')
      throw new Error(`${address}:${port} is already in use by another program${set}`, { cause: error });
    if (code === 'EACCES')
      throw new Error(`${address}:${port}: no permission to listen there${set}`, { cause: error });
    throw error;
  }
}
