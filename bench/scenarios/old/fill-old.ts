/**
 * A store after two months of work, on either engine: what is settled and over far outweighs what waits. Half of the
 * mail is one project's, whose topic has a hook. Rows go through the store's own interface, as the service writes
 * them, in the order of time; only the outcome of the hooks is set at once, at the end.
 */

import type { Subscriber, Topic } from '../../../src/edj/types.ts';
import { DAY_MS } from '../../../src/limits/types.ts';
import { createReadJob } from '../../../src/reading/reader.ts';
import type { MessageId, ProjectId } from '../../../src/runtime/ids.ts';
import { createRandom } from '../../../src/runtime/random.ts';
import type { RecipientRow, StoredMessage } from '../../../src/spool/types.ts';
import type { Store } from '../../../src/store/store.ts';

export interface OldStore {
  /** Messages in all. */
  readonly messages: number;
  readonly days: number;
  readonly projects: number;
  /** Recipients that still wait; each of a message of its own. */
  readonly waiting: number;
}
export const MILLION: OldStore = { messages: 1_010_000, days: 60, projects: 200, waiting: 100_000 };
/** What a project that has set nothing keeps. */
const KEPT_DAYS = 30;
/** Messages of one transaction. */
const BATCH = 200;
const SITES = 5000;
const SIZE = 2750;

/** The one with half of the mail; its topic and subscriber are there. */
export interface Largest {
  readonly projectId: ProjectId;
  readonly topic: Topic;
  readonly subscriber: Subscriber | null;
}

/** Resolves when all of it is committed. `told`: after each batch, how many messages there are. */
export async function fillOld(
  store: Store,
  largest: Largest,
  { messages, days, projects, waiting }: OldStore,
  now = Date.now(),
  told: (done: number) => void = () => {},
): Promise<void> {
  const others = await otherProjects(store, projects - 1, now - days * DAY_MS);
  const read = createReadJob(() => []);
  const step = (days * DAY_MS) / messages;
  const everyWaiting = Math.max(1, Math.floor(messages / Math.max(1, waiting)));
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
          for (const i of numbers) {
            const at = Math.floor(now - days * DAY_MS + i * step);
            const random = createRandom(() => at);
            const message = messageOf(place.projectId, random.id(), at, i);
            const raw = message.raw;
            // Every fifth came from outside; of the others the waiting ones are evenly spread.
            const incoming = i % 5 === 4;
            const shown = incoming ? read({ raw, hostname: 'mail.sender.test' }) : undefined;
            tx.insertMessage(
              incoming ? { ...message, direction: 'incoming', source: 'mx' } : message,
              undefined,
              shown,
            );
            const waits = i % everyWaiting === 0 && !incoming;
            if (!incoming) tx.insertRecipient(recipientOf(message, random.id(), i, waits ? now : null));
            tx.insertEvent({
              id: random.id(),
              projectId: place.projectId,
              topicId: place.topic.id,
              service: 'mta',
              name: incoming ? 'incoming' : 'delivered',
              createdAt: at,
              expiresAt: null,
              keepUntil: at + KEPT_DAYS * DAY_MS,
              messageId: incoming ? message.id : null,
              content: incoming ? SHOWN : { ...TOLD, id: message.id },
              summary: incoming ? null : `delivered to r${i}@d${i % SITES}.test`,
            });
          }
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

type Place = Pick<Largest, 'projectId' | 'topic'>;
async function otherProjects(store: Store, count: number, at: number): Promise<readonly Place[]> {
  const random = createRandom(() => at);
  const places = Array.from({ length: count }, () => {
    const projectId = random.id<'project'>();
    return { projectId, topic: { id: random.id(), projectId, name: 'events', createdAt: at } as Topic };
  });
  for (const [i, { projectId, topic }] of places.entries())
    await store.transact(projectId, (tx) => {
      tx.insertProject({
        id: projectId,
        name: `project ${i}`,
        sandbox: false,
        createdAt: at,
        closedAt: null,
      });
      tx.insertTopic(topic);
    });
  return places;
}
function messageOf(projectId: ProjectId, id: MessageId, at: number, i: number): StoredMessage {
  return {
    id,
    projectId,
    domainId: null,
    direction: 'outgoing',
    source: 'smtp',
    mailFrom: 'sender@sender.test',
    messageIdHeader: `<${id}@sender.test>`,
    prefix: Buffer.from(
      `Received: from client.test ([127.0.0.1]) by mail.sender.test with ESMTPSA id ${id};\r\n Fri, 27 Nov 2026 09:00:00 +0000\r\n`,
    ),
    raw: text(i),
    smtputf8: false,
    eightBit: false,
    acceptedAt: at,
    expiresAt: at + 5 * DAY_MS,
    keepUntil: at + KEPT_DAYS * DAY_MS,
    facts: {
      peerAddress: '127.0.0.1',
      helo: 'client.test',
      tls: 'TLSv1.3',
      recipients: [`r${i}@d${i % SITES}.test`],
    },
  };
}
function recipientOf(
  message: StoredMessage,
  id: RecipientRow['id'],
  i: number,
  waitsAt: number | null,
): RecipientRow {
  const domain = `d${i % SITES}.test`;
  const waits = waitsAt !== null;
  return {
    id,
    messageId: message.id,
    projectId: message.projectId,
    address: `r${i}@${domain}`,
    domain,
    lane: domain,
    state: waits ? 'deferred' : 'delivered',
    attempts: waits ? 3 : 1,
    nextAttemptAt: waits ? waitsAt + 3_600_000 + (i % 3600) * 1000 : null,
    heldSince: null,
    heldMs: 0,
    dsn: null,
    lastResult: waits ? DEFERRED : DELIVERED,
    createdAt: message.acceptedAt,
    settledAt: waits ? null : message.acceptedAt + 500,
  };
}
const SERVER = {
  remote: { host: 'mx.example.test', address: '192.0.2.1', port: 25 },
  tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', verified: false },
};
const DELIVERED = {
  kind: 'delivered',
  reply: { code: 250, enhanced: '2.0.0', text: 'kept' },
  dsnPassed: false,
  ...SERVER,
};
const DEFERRED = {
  kind: 'deferred',
  cause: 'recipient refused',
  reply: { code: 451, enhanced: '4.2.0', text: 'not now' },
  ...SERVER,
};
const TOLD = { recipient: 'someone@example.test', result: DELIVERED };
const SHOWN = {
  rule: null,
  domain: null,
  envelope: { mail_from: 'sender@sender.test', recipients: ['inbox@sender.test'] },
  authentication: {
    spf: { result: 'pass', domain: 'sender.test', scope: 'mfrom' },
    dkim: [],
    arc: { result: 'none' },
  },
};
const WORDS =
  'the courier runs through rain and night so that each letter arrives where it is awaited by its reader'.split(
    ' ',
  );
/** Prose of about SIZE octets, each a little different. */
function text(i: number): Buffer {
  let line = '';
  let body = `From: Sender <sender@sender.test>\r\nTo: <r${i}@d${i % SITES}.test>\r\nSubject: letter ${i}\r\nDate: Fri, 27 Nov 2026 09:00:00 +0000\r\n\r\n`;
  for (let w = i; body.length < SIZE; w = (w * 31 + 7) % 1_000_003) {
    line += `${WORDS[w % WORDS.length]} `;
    if (line.length < 70) continue;
    body += `${line.trimEnd()}\r\n`;
    line = '';
  }
  return Buffer.from(body);
}
