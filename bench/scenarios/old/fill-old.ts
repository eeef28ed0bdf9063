/**
 * A store after two months of work, on either engine: what is settled and over far outweighs what waits. Half of the
 * mail is one project's, whose topic has a hook. What waits is among the younger half. Rows go through the store's own
 * interface, as the service writes them, in the order of time.
 */

import type { MtaDomain } from '../../../src/domains/mta-domains.ts';
import { newTopic } from '../../../src/edj/new-topic.ts';
import type { Subscriber, Topic } from '../../../src/edj/topics.ts';
import { DAY_MS } from '../../../src/limits/usage.ts';
import type { Domain } from '../../../src/mail/domain.ts';
import { createReadJob } from '../../../src/reading/reader.ts';
import type { DomainId, ProjectId, SubscriberId } from '../../../src/runtime/ids.ts';
import { createRandom } from '../../../src/runtime/random.ts';
import type { Store, StoreTx } from '../../../src/store/store.ts';
import { addressOf, attemptsOf, messageOf, recipientOf, SHOWN, TOLD } from './rows.ts';

export interface OldStore {
  /** Messages in all. */
  readonly messages: number;
  readonly days: number;
  readonly projects: number;
  /** Recipients that still wait; each of a message of its own. */
  readonly waiting: number;
  /** Domains of each project but the largest, none in order yet. */
  readonly domains: number;
  /** Whoever has set nothing keeps 30. With more than `days` nothing is over. */
  readonly keptDays: number;
}
export const MILLION: OldStore = {
  messages: 1_010_000,
  days: 60,
  projects: 200,
  waiting: 100_000,
  domains: 25,
  keptDays: 30,
};
/** Messages of one transaction. */
const BATCH = 200;

/** A project that mail is put into. */
export interface Place {
  readonly projectId: ProjectId;
  readonly topic: Topic;
  /** null: its mail belongs to no domain. */
  readonly domainId: DomainId | null;
}

/** Resolves when all of it is committed. `told`: after each batch, how many messages there are. */
export async function fillOld(
  store: Store,
  largest: Place,
  { messages, days, projects, waiting, domains, keptDays }: OldStore,
  now = Date.now(),
  told: (done: number) => void = () => {},
): Promise<void> {
  const others = await otherProjects(store, projects - 1, domains, now - days * DAY_MS);
  const read = createReadJob(() => []);
  const step = (days * DAY_MS) / messages;
  const everyWaiting = Math.max(1, Math.floor(messages / 2 / Math.max(1, waiting)));
  /** One letter with what became of it. */
  function put(tx: StoreTx, { projectId, topic, domainId }: Place, i: number): void {
    const at = Math.floor(now - days * DAY_MS + i * step);
    const random = createRandom(() => at);
    const message = messageOf({ projectId, domainId }, random.id(), i, at, at + keptDays * DAY_MS);
    // Every fifth came from outside.
    const incoming = i % 5 === 4;
    tx.insertMessage(
      incoming ? { ...message, direction: 'incoming', source: 'mx' } : message,
      undefined,
      incoming ? read({ raw: message.raw, hostname: 'mail.sender.test' }) : undefined,
    );
    if (!incoming) {
      const waits = i >= messages / 2 && i % everyWaiting === 0;
      const recipient = recipientOf(message, random.id(), i, waits ? now : null);
      tx.insertRecipient(recipient);
      if (waits) for (const attempt of attemptsOf(recipient)) tx.insertAttempt(attempt);
    }
    tx.insertEvent({
      id: random.id(),
      projectId,
      topicId: topic.id,
      service: 'mta',
      name: incoming ? 'incoming' : 'delivered',
      createdAt: at,
      expiresAt: null,
      keepUntil: message.keepUntil,
      messageId: incoming ? message.id : null,
      content: incoming ? SHOWN : { ...TOLD, id: message.id },
      summary: incoming ? null : `delivered to ${addressOf(i)}`,
    });
  }
  let pending: Promise<void>[] = [];
  for (let from = 0; from < messages; from += BATCH) {
    const of = new Map<Place, number[]>();
    for (let i = from; i < Math.min(messages, from + BATCH); i += 1) {
      const place = i % 2 === 0 ? largest : others[Math.floor(i / 2) % others.length]!;
      const known = of.get(place);
      if (known === undefined) of.set(place, [i]);
      else known.push(i);
    }
    for (const [place, numbers] of of)
      pending.push(
        store.transact(place.projectId, (tx) => {
          for (const i of numbers) put(tx, place, i);
        }),
      );
    if (pending.length >= 16) {
      await Promise.all(pending);
      pending = [];
      told(Math.min(messages, from + BATCH));
    }
  }
  await Promise.all(pending);
}

/** What the largest project's events are told to. */
export function hookOf({ projectId, topic }: Place): Subscriber {
  return {
    id: crypto.randomUUID() as string as SubscriberId,
    projectId,
    topicId: topic.id,
    type: 'http',
    settings: { url: 'http://127.0.0.1:9/', inline: false },
    sealedSettings: Buffer.from('none'),
    createdAt: 0,
  };
}
async function otherProjects(
  store: Store,
  count: number,
  domains: number,
  at: number,
): Promise<readonly Place[]> {
  const random = createRandom(() => at);
  const places: Place[] = [];
  for (let i = 0; i < count; i += 1) {
    const projectId = random.id<'project'>();
    const topic = newTopic(random.id(), projectId, 'events', at);
    const own = Array.from({ length: domains }, (_, n) =>
      domainOf(topic, `p${i}d${n}.test` as Domain, random),
    );
    await store.transact(projectId, (tx) => {
      tx.insertProject({
        id: projectId,
        name: `project ${i}`,
        sandbox: false,
        createdAt: at,
        closedAt: null,
      });
      tx.insertTopic(topic);
      for (const domain of own) {
        tx.insertOwnedDomain({
          id: domain.ownedDomainId,
          projectId,
          name: domain.name,
          challenge: random.bytes(24).toString('hex'),
          verifiedAt: at,
          proof: null,
          createdAt: at,
        });
        tx.insertDomain(domain);
      }
    });
    places.push({ projectId, topic, domainId: own[0]?.id ?? null });
  }
  return places;
}
function domainOf(topic: Topic, name: Domain, random: ReturnType<typeof createRandom>): MtaDomain {
  return {
    id: random.id(),
    projectId: topic.projectId,
    ownedDomainId: random.id(),
    name,
    defaultTopicId: topic.id,
    receiving: true,
    mxSeen: false,
    dkimEnabled: false,
    dkimRotationDays: null,
    limitPerMinute: null,
    limitPerDay: null,
    dns: null,
    createdAt: topic.createdAt,
  };
}
