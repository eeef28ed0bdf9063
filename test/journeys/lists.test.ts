/**
 * No list is larger than 8 MiB. The test finds every list in the OpenAPI documents: each can be paged, and
 * its pages together equal the whole list. Arrays in other answers are bounded otherwise, as stated here.
 * Lists that can grow are grown.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Rule } from '../../src/rules/rules.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { createRandom } from '../../src/runtime/random.ts';
import * as make from '../../src/store/conformance/samples.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';
import { type Bootstrapped, bootstrap, environment, startService, temporaryDirectory } from './harness.ts';
import { authorization, type Journey, type Json, startJourney } from './journey.ts';
import { type Found, type Published, pathParameters, published } from './openapi.ts';
import { type Prepared, prepareProject } from './prepared-project.ts';
import { largeMail, plantEvents } from './stored-events.ts';

const PAGE = 4 * 1024 * 1024;
/** Single resources with arrays, and what bounds the arrays. */
const BOUNDED: Record<string, string> = {
  'mta.usage.get': 'a fixed number of minutes, hours and days',
  'mta.domains.usage.get': 'a fixed number of minutes, hours and days',
  'mta.messages.get': 'paged, as the test below has it',
  'mta.domains.dns.get': 'the records one domain needs',
  'mta.settings.get': '50 ages',
  'mta.instance_dns.get': 'the records that the operator publishes once',
  'mta.tasks.get': 'a thousand recipients',
  'mta.event_rules.get': 'names of events, each once',
  'mta.project_event_rules.get': 'names of events, each once',
  'iam.api_clients.get': '50 roles',
  'iam.members.get': '50 roles',
  'iam.invitations.get': '50 roles',
  'iam.roles.get': 'names of operations, each once',
  'iam.me.get': 'names, and the projects of one member',
  'iam.sessions.current': 'names, and the projects of one member',
  'iam.projects.export': 'made while it is sent',
  'edj.subscriber_previews.get': 'the header fields of one request',
  'edj.events.get': 'made while it is sent',
};

function resolve(schema: Json, document: Json): Json {
  const name = schema?.$ref?.split('/').at(-1);
  return name === undefined ? schema : document.components.schemas[name];
}
const answerOf = ({ operation, document }: Found): Json =>
  resolve(operation.responses?.['200']?.content?.['application/json']?.schema, document);
const isList = (found: Found) => answerOf(found)?.properties?.items !== undefined;
function hasArray(schema: Json, document: Json, depth = 0): boolean {
  const at = resolve(schema, document);
  if (at === undefined || depth > 6) return false;
  if (at.type === 'array') return true;
  const inner = [...Object.values(at.properties ?? {}), ...(at.anyOf ?? [])];
  return inner.some((one) => hasArray(one, document, depth + 1));
}

describe('lists', () => {
  let journey: Journey;
  let api: Published;
  let own: Prepared;
  before(async () => {
    journey = await startJourney();
    own = await prepareProject(journey, 'lists.test', 'lists');
    api = await published(journey);
  });
  after(async () => {
    await own[Symbol.asyncDispose]();
    await journey[Symbol.asyncDispose]();
  });
  const reads = () => [...api.operations, ...api.others].filter(({ method }) => method === 'GET');

  test('what has no pages in the store has a cap that refuses', async () => {
    const suspend = () =>
      journey.call('POST', '/mta/v1/queues', { action: 'suspend', filter: { site: 'x.test' } });
    for (let i = 0; i < 50; i += 1) assert.equal((await suspend()).status, 200);
    const more = await suspend();
    assert.deepEqual([more.status, more.json.type], [409, '/problems/too-many-suspensions']);
    const { items } = (await journey.call('GET', '/mta/v1/queues/suspensions')).json;
    assert.equal(items.length, 50);
    const resumed = { action: 'resume', suspension: items[0].id };
    assert.equal((await journey.call('POST', '/mta/v1/queues', resumed)).status, 200);
    assert.equal((await suspend()).status, 200);
  });

  test('a filter that no index knows says of how many rows it looked at some', async () => {
    for (const path of [
      '/mta/v1/queues/recipients?sender=nobody@x.test',
      '/iam/v1/audit_events?operation=iam.roles.create',
      '/mta/v1/limit_requests?state=open',
    ]) {
      const { status, json } = await journey.call('GET', path);
      assert.equal(status, 200);
      assert.ok(json.of >= json.looked_at && json.looked_at >= 0, `${path}: ${json.looked_at} of ${json.of}`);
    }
  });

  test('each list of the documents takes limit and cursor; any other array has a bound of its own', () => {
    const lists = reads().filter(isList);
    assert.ok(lists.length > 25, `${lists.length} lists`);
    for (const found of lists) {
      const names = found.operation.parameters.map(({ name }: Json) => name);
      for (const name of ['limit', 'cursor']) assert.ok(names.includes(name), `${found.id} takes no ${name}`);
    }
    const others = reads().filter((found) => !isList(found) && hasArray(answerOf(found), found.document));
    const small = others.filter(({ id }) => BOUNDED[id] === undefined).map(({ id }) => id);
    assert.deepEqual(small, [], 'what bounds these?');
  });

  test('page by page each list is what it is at once', async () => {
    for (const found of api.operations.filter(({ method }) => method === 'GET').filter(isList)) {
      const ids = pathParameters(found).map(({ example }) => own.real(example!));
      let next = 0;
      const path = found.path.replace(/\{\w+\}/g, () => ids[next++]!);
      const list = async (query: string) => {
        const { status, json } = await journey.call('GET', `${path}?${query}`, undefined, own.who);
        assert.equal(status, 200, `${found.id}: ${JSON.stringify(json)}`);
        return json;
      };
      const whole = (await list('limit=500')).items;
      const paged: Json[] = [];
      for (let cursor = ''; ; ) {
        const page = await list(`limit=1${cursor}`);
        paged.push(...page.items);
        if (page.next_cursor === null) break;
        cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
      }
      assert.deepEqual(paged, whole, found.id);
    }
  });
});

test('messages to a thousand recipients, their traces, and fourteen thousand rules: every page ends in time, nothing is lost', async () => {
  const directory = temporaryDirectory();
  const who = await bootstrap(environment(directory), 'sender.test');
  const recipients = Array.from(
    { length: 1000 },
    (_, i) => `${'r'.repeat(60)}${i}@${'d'.repeat(60)}.sender.test`,
  );
  await plantEvents(directory, who, { count: 60, raw: largeMail(200), recipients });
  const traced = await plantTrace(directory, who.project_id);
  const rules = await plantRules(directory, who.project_id, who.domain_id, who.topic_id, 14_000);
  await using service = await startService({}, directory);
  const walk = async (path: string) => {
    const ids: string[] = [];
    let pages = 0;
    for (let cursor = ''; ; pages++) {
      const answer = await fetch(`http://${service.ready.http}${path}${cursor}`, {
        headers: { authorization: authorization(who) },
      });
      const text = await answer.text();
      assert.equal(answer.status, 200, text);
      assert.ok(Buffer.byteLength(text) <= PAGE + 100, `${text.length}`);
      const { items, next_cursor: next } = JSON.parse(text);
      ids.push(...items.map(({ id }: Json) => id));
      if (next === null) return { ids, pages: pages + 1 };
      cursor = `${path.includes('?') ? '&' : '?'}cursor=${next}`;
    }
  };
  const messages = await walk('/mta/v1/messages?limit=500');
  assert.deepEqual([messages.ids.length, new Set(messages.ids).size], [60, 60]);
  assert.ok(messages.pages > 1, `${messages.pages}`);
  await trace(service.ready.http, who, traced);
  const listed = await walk(`/mta/v1/domains/${who.domain_id}/event_rules`);
  assert.deepEqual(listed.ids.toSorted(), rules.toSorted());
  assert.ok(listed.pages > 1, `${listed.pages}`);
});

/**
 * A message's recipients by pages: every page ends in time and has its own entity tag, and nothing is lost.
 */
async function trace(http: string, who: Bootstrapped, message: string): Promise<void> {
  const seen: string[] = [];
  let pages = 0;
  for (let cursor = ''; ; pages++) {
    const headers = { authorization: authorization(who) };
    const url = `http://${http}/mta/v1/messages/${message}${cursor}`;
    const answer = await fetch(url, { headers });
    const text = await answer.text();
    assert.ok(Buffer.byteLength(text) <= PAGE + 1000 * 200, `${text.length}`);
    const etag = answer.headers.get('etag')!;
    assert.equal((await fetch(url, { headers: { ...headers, 'if-none-match': etag } })).status, 304);
    const { recipients, next_cursor: next, facts } = JSON.parse(text);
    assert.equal(facts.recipients.length, 1000);
    seen.push(...recipients.map(({ address }: Json) => address));
    if (next === null) break;
    cursor = `?cursor=${next}`;
  }
  assert.deepEqual([seen.length, new Set(seen).size], [1000, 1000]);
  assert.ok(pages > 0, 'they need more than one page');
}

/**
 * Adds a thousand settled recipients to the newest message, each with three attempts of 3 KB; returns the
 * message's id.
 */
async function plantTrace(directory: string, project: string): Promise<string> {
  const opened = { directory, clock: systemClock, random: createRandom(), logger: silentLogger, lock: false };
  await using store = await openSqliteStore(opened);
  const projectId = project as Rule['projectId'];
  const [message] = (await store.read.messages(projectId, { limit: 1, cursor: null })).items;
  const reply = { code: 451, enhanced: '4.2.0', text: 'x'.repeat(3000) };
  await store.transact(projectId, (tx) => {
    for (let i = 0; i < 1000; i++) {
      const row = make.recipient(message as never, {
        address: `r${i}@out.test`,
        state: 'cancelled',
        attempts: 3,
        nextAttemptAt: null,
        settledAt: Date.now(),
      });
      tx.insertRecipient(row);
      for (let number = 1; number <= 3; number++)
        tx.insertAttempt({
          projectId,
          messageId: row.messageId,
          recipientId: row.id,
          number,
          at: Date.now(),
          outcome: 'deferred',
          detail: { reply },
        });
    }
  });
  return message!.id;
}

async function plantRules(directory: string, project: string, domain: string, topic: string, count: number) {
  const random = createRandom();
  const opened = { directory, clock: systemClock, random, logger: silentLogger, lock: false };
  await using store = await openSqliteStore(opened);
  const rules = Array.from(
    { length: count },
    (): Rule => ({
      id: random.id<'rule'>(),
      projectId: project as Rule['projectId'],
      domainId: domain as NonNullable<Rule['domainId']>,
      family: 'event',
      names: ['accepted', 'delivered'],
      topicId: topic as Rule['topicId'],
      createdAt: Date.now(),
    }),
  );
  await store.transact(rules[0]!.projectId, (tx) => {
    for (const rule of rules) tx.insertRule(rule);
  });
  return rules.map(({ id }) => id);
}
