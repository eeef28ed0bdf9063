/**
 * For tests of kinds of subscribers: a project with a topic, the real store in memory, the real dispatcher and HTTP
 * client, a clock moved by hand.
 */
import type { EventName } from '../contract/events.ts';
import { type Called, callSubscriber, type Target } from '../edj/call.ts';
import { createDispatcher } from '../edj/dispatcher.ts';
import type { EventTrace } from '../edj/event-trace.ts';
import { subscriberKindOf } from '../edj/kinds/kinds.ts';
import { openSealed, sealNew } from '../edj/kinds/sealed.ts';
import { newTopic } from '../edj/new-topic.ts';
import { createSamples, type Place, type Samples, sampleEvent } from '../edj/samples.ts';
import type {
  EventOrder,
  EventRow,
  Subscriber,
  SubscriberDelivery,
  SubscriberDeliveryState,
} from '../edj/topics.ts';
import type { Domain } from '../mail/domain.ts';
import { createHttpClient } from '../runtime/http-client.ts';
import type { SubscriberId } from '../runtime/ids.ts';
import { watchJumps } from '../runtime/jumps.ts';
import { silentLogger } from '../runtime/logger.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { createPlaces } from '../runtime/places.ts';
import { createRandom } from '../runtime/random.ts';
import { createSealer } from '../runtime/sealing.ts';
import { readSettings, type Settings } from '../runtime/settings.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import type { Store } from '../store/store.ts';
import { createEventMailRig, type Queued } from './event-mail.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { createRendering } from './rendering.ts';
import { namesOf } from './zone-resolver.ts';

/** A domain of the rig's project. */
export const SENDER = 'sender.test' as Domain;
export const PUBLIC_URL = 'https://hikyaku.test';

export interface EdjRig extends AsyncDisposable {
  readonly clock: FakeClock;
  readonly place: Place;
  readonly samples: Samples;
  readonly store: Store;
  /** The mail that subscribers have sent. */
  readonly queued: readonly Queued[];
  subscribe(type: string, given: Readonly<Record<string, unknown>>): Promise<Subscriber>;
  /** The subscriber as it is stored now. */
  subscriber(of: Subscriber): Promise<Subscriber>;
  /** Its first hundred deliveries, newest first. */
  deliveries(of: Subscriber): Promise<readonly SubscriberDelivery[]>;
  pause(of: Subscriber): Promise<void>;
  resume(of: Subscriber): Promise<void>;
  /** Ends the dispatcher and starts another one on the same store. */
  restart(): Promise<void>;
  readonly trace: EventTrace;
  targetOf(subscriber: Subscriber): Target;
  /** One call, as an attempt makes it, that nothing records. */
  call(subscriber: Subscriber, event: EventRow, signal: AbortSignal): Promise<Called>;
  /** Publishes the sample of the event; `change` replaces parts of the row. */
  publish(
    name: EventName,
    change?: (row: EventRow) => Partial<EventRow>,
    order?: EventOrder,
  ): Promise<EventRow>;
  /** The delivery of the event to the subscriber, once it is in one of the states. */
  settled(of: Subscriber, event: EventRow, ...states: SubscriberDeliveryState[]): Promise<SubscriberDelivery>;
}

export async function openEdjRig(): Promise<EdjRig> {
  // After the samples of previews.
  const clock = createFakeClock(Date.UTC(2026, 1, 1));
  const random = createRandom();
  const sealer = createSealer(Buffer.alloc(32, 7));
  const store = await openSqliteStore({ directory: ':memory:', clock, random, logger: silentLogger });
  const place: Place = { project: random.id(), topicId: random.id() };
  await store.transact(place.project, (tx) => {
    tx.insertProject({
      ...{ id: place.project, name: 'p', sandbox: false },
      ...{ createdAt: clock.now(), closedAt: null },
    });
    const topic = newTopic(place.topicId, place.project, 't', clock.now());
    const ids = { projectId: place.project, ownedDomainId: random.id<'owned-domain'>() };
    const owned = { id: ids.ownedDomainId, projectId: ids.projectId, name: SENDER, challenge: 'c' };
    tx.insertTopic(topic);
    tx.insertOwnedDomain({ ...owned, verifiedAt: clock.now(), proof: null, createdAt: clock.now() });
    tx.insertDomain({
      ...{ id: random.id(), ...ids, name: SENDER, defaultTopicId: topic.id, createdAt: clock.now() },
      ...{ receiving: true, mxSeen: false, dkimEnabled: false, dkimRotationDays: null, dns: null },
      ...{ limitPerMinute: null, limitPerDay: null },
    });
  });
  const http = createHttpClient({ allowPrivate: true, names: namesOf() });
  const rendering = createRendering(store, PUBLIC_URL);
  const allowLoopback = async () => false;
  const { mail, queued } = createEventMailRig({ store, clock, random, sealer, readMail: rendering.readMail });
  const shared = { http, render: rendering.deps, mail, clock, random, allowLoopback };
  const build = () =>
    createDispatcher({
      ...shared,
      transactor: store,
      read: store.read,
      sealer,
      logger: silentLogger,
      metrics: createMetrics(),
      jumps: watchJumps(clock, 4_000_000),
    });
  let dispatcher = build();
  const targetOf = (subscriber: Subscriber): Target => ({
    id: subscriber.id,
    kind: subscriberKindOf(subscriber.type)!,
    settings: subscriber.settings,
    sealed: openSealed(sealer, subscriber),
  });
  const abort = new AbortController();
  await dispatcher.start(abort.signal);
  return {
    clock,
    store,
    queued,
    place,
    samples: createSamples(shared),
    async subscribe(type, given) {
      const kind = subscriberKindOf(type)!;
      const settings: Settings = readSettings(kind.fields, given, true);
      const id: SubscriberId = random.id();
      const { told: _, ...sealed } = sealNew({ sealer, random }, { id }, kind, settings);
      const { project: projectId, topicId } = place;
      const subscriber: Subscriber = { id, projectId, topicId, type, ...sealed, createdAt: clock.now() };
      await store.transact(projectId, (tx) => tx.insertSubscriber(subscriber));
      return subscriber;
    },
    subscriber: async (of) => (await store.read.subscriber(place.project, of.id))!,
    async deliveries(of) {
      const page = await store.read.deliveries(place.project, of.id, { limit: 100, cursor: null });
      return page.items;
    },
    pause: (of) =>
      store.transact(place.project, (tx) => tx.pauseSubscriber(place.project, of.id, clock.now())),
    async resume(of) {
      await store.transact(place.project, (tx) => tx.resumeSubscriber(place.project, of.id, clock.now()));
      dispatcher.nudge();
    },
    async restart() {
      await dispatcher[Symbol.asyncDispose]();
      dispatcher = build();
      await dispatcher.start(abort.signal);
    },
    targetOf,
    trace: mail.trace,
    call: (subscriber, event, signal) =>
      callSubscriber(targetOf(subscriber), event, shared, {
        ...{ now: Math.floor(clock.now() / 1000), allowLoopback: false, signal },
        large: { places: createPlaces(1, clock), share: place.project, signal },
      }),
    async publish(name, change = () => ({}), order) {
      const sample = sampleEvent(name, place, undefined, PUBLIC_URL);
      const keepUntil = clock.now() + 30 * 86_400_000;
      const row = { ...sample, id: random.id<'event'>(), keepUntil, ...change(sample) };
      await store.transact(place.project, (tx) => tx.insertEvent(row, order));
      dispatcher.nudge();
      return row;
    },
    async settled(subscriber, event, ...states) {
      for (;;) {
        const { items } = await store.read.deliveries(place.project, subscriber.id, {
          ...{ limit: 100, cursor: null },
        });
        const found = items.find(({ eventId, state }) => eventId === event.id && states.includes(state));
        if (found !== undefined) return found;
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    async [Symbol.asyncDispose]() {
      abort.abort();
      await dispatcher[Symbol.asyncDispose]();
      await http[Symbol.asyncDispose]();
      await rendering[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}
