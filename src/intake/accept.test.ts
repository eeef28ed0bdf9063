/** How long the one door has things kept: by the project's setting, never shorter than they are needed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventRow } from '../edj/topics.ts';
import { DAY_MS, DEFAULT_SENDING } from '../limits/usage.ts';
import type { ProjectId, TopicId } from '../runtime/ids.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { NoPlace } from '../runtime/places.ts';
import { createRandom } from '../runtime/random.ts';
import type { RecipientRow, StoredMessage } from '../spool/messages.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createIntake, type IntakeDeps } from './accept.ts';
import { Abandoned, type HostedPlan, type IntakeTx, type PlannedMessage } from './planned.ts';

const QUEUE_MS = 5 * DAY_MS;

function setUp(retentionDays: Readonly<Record<string, number>>) {
  const clock = createFakeClock();
  const random = createRandom();
  const messages: { message: StoredMessage; bodyOf: string | undefined; reading: string | undefined }[] = [];
  const read: string[] = [];
  const denied: Error[] = [];
  const deny = (error: Error) => void denied.push(error);
  const events: EventRow[] = [];
  const hosted: { plan: HostedPlan } = { plan: { messages: [], outcomes: [] } };
  const tx = {
    insertMessage: (message: StoredMessage, bodyOf?: string, reading?: Buffer) =>
      messages.push({ message, bodyOf, reading: reading?.toString() }),
    insertRecipient: () => {},
    insertEvent: (event: EventRow) => events.push(event),
    addTraffic: () => {},
  } as unknown as IntakeTx;
  const deps: IntakeDeps = {
    read: {
      async sendingSettings(project) {
        const days = retentionDays[project];
        return days === undefined ? null : { ...DEFAULT_SENDING, retentionDays: days };
      },
    },
    transactor: { transact: async (_project, record) => record(tx) },
    clock,
    random,
    metrics: createMetrics(),
    enqueue: () => {},
    planHosted: async () => hosted.plan,
    prepareSettle: async () => ({ record: () => {}, committed: () => {} }),
    isHosted: async (domain) => domain === 'hosted.test',
    readMail: async (raw, share) => {
      if (denied.length > 0) throw denied[0];
      read.push(`${share} ${raw}`);
      return Buffer.from(`reading of ${raw}`);
    },
    published: () => {},
  };
  const now = clock.now();
  function plan(
    project: string,
    over: Partial<PlannedMessage> = {},
    raw: Buffer = Buffer.from('x'),
  ): PlannedMessage {
    const message = { id: random.id(), projectId: project as ProjectId, raw, acceptedAt: now };
    const whole = { ...message, expiresAt: now + QUEUE_MS, source: 'smtp' };
    return { message: whole as unknown as StoredMessage, recipients: [], events: [], ...over };
  }
  const row = (domain: string) =>
    ({ id: random.id(), domain, state: 'queued', dsn: null }) as unknown as RecipientRow;
  const event = (name: 'incoming' | 'accepted', summary: string | null) => ({
    topicId: 't' as TopicId,
    name,
    content: {},
    summary,
  });
  return { intake: createIntake(deps), messages, read, deny, events, hosted, now, plan, row, event };
}

test('a message without recipients of its own is kept by the setting, 30 days where there is none', async () => {
  const { intake, messages, events, now, plan, event } = setUp({ short: 1 });
  const shows = [event('incoming', null)];
  await intake.accept({ messages: [plan('short', { events: shows }), plan('plain')] });
  assert.deepEqual(
    messages.map(({ message }) => message.keepUntil),
    [now + DAY_MS, now + 30 * DAY_MS],
  );
  assert.deepEqual(
    events.map(({ keepUntil }) => keepUntil),
    [now + DAY_MS],
  );
});

test('what may still wait is kept beyond the queue and a hold, its events by the setting', async () => {
  const { intake, messages, events, now, plan, row, event } = setUp({ short: 1, long: 400 });
  const told = { recipients: [row('out.test')], events: [event('accepted', 'Accepted')] };
  await intake.send(plan('short', told), () => {});
  await intake.send(plan('long', told), () => {});
  assert.deepEqual(
    messages.map(({ message }) => message.keepUntil),
    [now + 14 * DAY_MS, now + 400 * DAY_MS],
  );
  assert.deepEqual(
    events.map(({ keepUntil }) => keepUntil),
    [now + DAY_MS, now + 400 * DAY_MS],
  );
});

test('a hosted copy is kept by its own project; mail settled in the accepting commit does not wait', async () => {
  const { intake, messages, hosted, now, plan, row } = setUp({ sender: 1, receiver: 7 });
  const own = row('hosted.test');
  const planned = plan('sender', { recipients: [own] });
  const reply = { code: 250, enhanced: '2.0.0', text: 'taken' };
  hosted.plan = {
    messages: [plan('receiver', {}, planned.message.raw)],
    outcomes: [{ row: own, reply }],
  };
  await intake.send(planned, () => {});
  assert.deepEqual(
    messages.map(({ message, bodyOf }) => [message.projectId, message.keepUntil, bodyOf]),
    [
      ['sender', now + DAY_MS, undefined],
      ['receiver', now + 7 * DAY_MS, undefined],
    ],
  );
});

test('octets that another message of the commit shows are kept as long as that one', async () => {
  const { intake, messages, now, plan } = setUp({ p: 1 });
  const first = plan('p');
  const second = plan('p', {}, first.message.raw);
  const later = { ...second, message: { ...second.message, acceptedAt: now + 5000 } };
  await intake.accept({ messages: [first, later] });
  const [holder, shown] = messages;
  assert.equal(shown!.bodyOf, holder!.message.id);
  assert.equal(shown!.message.keepUntil, now + DAY_MS + 5000);
  assert.equal(holder!.message.keepUntil, shown!.message.keepUntil);
});

test('what an event shows is read before it is accepted, octets that several show once, and nothing else', async () => {
  const { intake, messages, read, plan, event } = setUp({});
  const raw = Buffer.from('shared');
  const shows = [event('incoming', null)];
  await intake.accept({
    messages: [
      plan('a', { events: [event('accepted', 'text')] }, raw),
      plan('b', { events: shows }, raw),
      plan('b', { events: shows }, raw),
      plan('c', {}, Buffer.from('alone')),
    ],
  });
  assert.deepEqual(read, ['b shared']);
  assert.deepEqual(
    messages.map(({ reading }) => reading),
    [...Array(3).fill('reading of shared'), undefined],
  );
});

test('where it cannot be read in time nothing is accepted', async () => {
  const { intake, messages, plan, event, deny } = setUp({});
  deny(new NoPlace('busy'));
  await assert.rejects(
    intake.accept({ messages: [plan('a', { events: [event('incoming', null)] })] }),
    NoPlace,
  );
  assert.deepEqual(messages, []);
  await intake.accept({ messages: [plan('a', { events: [event('accepted', 'text')] })] });
  assert.equal(messages.length, 1, 'what no event shows needs no reading');
});

test('whether anybody still waits is asked once it is read, right before it is written', async () => {
  const { intake, messages, read, plan, event } = setUp({});
  const planned = () => plan('a', { events: [event('incoming', null)] });
  const asked: number[] = [];
  const waits = (still: boolean) => () => {
    asked.push(read.length);
    return still;
  };
  await assert.rejects(intake.accept({ messages: [planned()], committing: waits(false) }), Abandoned);
  await assert.rejects(
    intake.send(planned(), () => {}, waits(false)),
    Abandoned,
  );
  assert.deepEqual([asked, messages], [[1, 2], []]);
  await intake.accept({ messages: [planned()], committing: waits(true) });
  await intake.send(planned(), () => {}, waits(true));
  assert.deepEqual([asked, messages.length], [[1, 2, 3, 4], 2]);
});
