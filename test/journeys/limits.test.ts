/**
 * Limits as a project and its operator see them, with real processes: no sender exceeds them by a single
 * recipient, by any way of sending; held mail is sent by itself, priority mail first; use and traffic are
 * shown; higher limits are requested and granted.
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/config.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { startService as startInProcess } from '../../src/service.ts';
import { createFakeClock } from '../../src/testing/fake-clock.ts';
import { openFarEnd } from '../../src/testing/far-end.ts';
import { startPostgres } from '../../src/testing/postgres.ts';
import {
  type Bootstrapped,
  bootstrap,
  environment,
  eventually,
  type Ready,
  startService,
  temporaryDirectory,
} from './harness.ts';
import { authorization, type Json, startJourney } from './journey.ts';
import { openSmtp, plain, send } from './raw-smtp.ts';

const NOWHERE = { HIKYAKU_ROUTES: '*=smtp://127.0.0.1:1' };
const LIMIT_EVENTS = ['limit.approaching', 'limit.exceeded', 'limit.raised'];

type Serving = Pick<Ready, 'http' | 'submissions'>;
type Call = (
  method: string,
  path: string,
  body?: object,
) => Promise<{ status: number; json: Json; headers: Headers }>;
function caller({ http }: Serving, who: Bootstrapped): Call {
  return async (method, path, body) => {
    const response = await fetch(`http://${http}${path}`, {
      method,
      headers: { authorization: authorization(who), 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      json: text === '' ? null : JSON.parse(text),
    };
  };
}
function mail(who: Bootstrapped, to: readonly string[], more: object = {}): object {
  return {
    procedure: 'send_message',
    arguments: {
      self: who.domain_url,
      from: ['a@sender.test'],
      to,
      subject: 's',
      content_type: 'text/plain',
      body: 'b',
      ...more,
    },
  };
}
const TASKS = '/mta/v1/tasks?is_sync=true';
const letter = (more = '') => Buffer.from(`From: <a@sender.test>\r\nSubject: s\r\n${more}\r\nbody\r\n`);

/**
 * How many recipients were accepted of `each` that one client tries to send to, one message after the other.
 */
async function bySmtp(at: Serving, who: Bootstrapped, each: number, name: string): Promise<number> {
  await using client = await openSmtp(at.submissions, 'implicit');
  assert.match(await client.command(plain(who.key.id, who.key.secret)), /^235/);
  let accepted = 0;
  for (let i = 0; i < each; i++) {
    const answer = await send(client, 'a@sender.test', [`${name}-${i}@out.test`], letter());
    if (answer.startsWith('250')) accepted += 1;
    else {
      assert.match(answer, /^452 4\.7\.1 /);
      await client.command('RSET');
    }
  }
  return accepted;
}
async function byHttp(at: Serving, who: Bootstrapped, each: number, name: string): Promise<number> {
  const call = caller(at, who);
  let accepted = 0;
  for (let i = 0; i < each; i++) {
    const to = i === 0 ? [`${name}-a@out.test`, `${name}-b@out.test`] : [`${name}-${i}@out.test`];
    const { status, headers, json } = await call('POST', TASKS, mail(who, to));
    if (status === 200) accepted += to.length;
    else {
      assert.equal(status, 429, JSON.stringify(json));
      assert.ok(Number(headers.get('retry-after')) >= 1);
    }
  }
  return accepted;
}
/** Fifty clients at once, half by SMTP and half by HTTP, spread over the nodes. */
async function storm(nodes: readonly Serving[], who: Bootstrapped, each: number): Promise<number> {
  const clients = Array.from({ length: 50 }, (_, i) => {
    const node = nodes[Math.floor(i / 2) % nodes.length]!;
    return (i % 2 === 0 ? bySmtp : byHttp)(node, who, each, `c${i}`);
  });
  return (await Promise.all(clients)).reduce((sum, one) => sum + one, 0);
}
async function askForEvents(call: Call, who: Bootstrapped): Promise<void> {
  const topic = { self: `http://x/edj/v1/topics/${who.topic_id}` };
  const rule = await call('POST', '/mta/v1/event_rules', { names: LIMIT_EVENTS, topic });
  assert.equal(rule.status, 201);
}
async function limitEvents(call: Call, who: Bootstrapped): Promise<Json[]> {
  const { json } = await call('GET', `/edj/v1/topics/${who.topic_id}/events?limit=500`);
  return json.items.filter(({ name }: { name: string }) => name.startsWith('limit.')).reverse();
}

test('fifty clients by SMTP and HTTP on two nodes never pass a limit by one, and each is told of once', async (t) => {
  await using postgres = await startPostgres({ fsync: 'off' });
  for (const [window, limit, settings] of [
    ['day', 150, { HIKYAKU_LIMIT_PER_MINUTE: '0', HIKYAKU_LIMIT_PER_DAY: '150' }],
    ['minute', 100, { HIKYAKU_LIMIT_PER_MINUTE: '100', HIKYAKU_LIMIT_PER_DAY: '0' }],
  ] as const)
    await t.test(`${limit} a ${window}`, async () => {
      const common = {
        ...NOWHERE,
        ...settings,
        HIKYAKU_STORE: await postgres.database(),
        HIKYAKU_SECRET_KEY: Buffer.alloc(32, 5).toString('base64'),
      };
      await using one = await startService({ ...common, HIKYAKU_NODE: 'one' });
      await using two = await startService({ ...common, HIKYAKU_NODE: 'two' });
      const who = await bootstrap(one.env, 'sender.test');
      const calls = [caller(one.ready, who), caller(two.ready, who)];
      await askForEvents(calls[0]!, who);
      await eventually('the other node knows the rule', async () => {
        return (await calls[1]!('GET', '/mta/v1/event_rules')).json.items.length === 1;
      });
      assert.equal(await storm([one.ready, two.ready], who, 5), limit);
      for (const call of calls) {
        const { project, series } = (await call('GET', '/mta/v1/usage')).json;
        const { used, remaining, room_at: roomAt } = project[`per_${window}`];
        assert.deepEqual([used, remaining], [limit, 0]);
        assert.ok(Date.parse(roomAt) > Date.now());
        const day = series.days.at(-1).accepted + series.days.at(-2).accepted;
        assert.equal(day, limit);
      }
      const events = await eventually('both are told', async () => {
        const told = await limitEvents(calls[0]!, who);
        return told.length >= 2 && told;
      });
      const names = events.map(({ name, content }) => `${name} ${content.scope} ${content.window}`);
      assert.deepEqual(names.sort(), [
        `limit.approaching project ${window}`,
        `limit.exceeded project ${window}`,
      ]);
      const approaching = events.find(({ name }) => name === 'limit.approaching').content;
      assert.ok(approaching.used >= 0.8 * limit && approaching.used < 0.8 * limit + 2);
    });
});

test("fifty clients on one node: the domain's own limit holds to the last one, too", async () => {
  await using service = await startService({ ...NOWHERE, HIKYAKU_LIMIT_PER_MINUTE: '120' });
  const who = await bootstrap(service.env, 'sender.test');
  const call = caller(service.ready, who);
  const domain = `/mta/v1/domains/${who.domain_id}`;
  const above = await call('PATCH', domain, { limits: { per_minute: 121 } });
  assert.deepEqual([above.status, above.json.field], [400, 'limits.per_minute']);
  assert.equal((await call('PATCH', domain, { limits: { per_minute: 80 } })).status, 200);
  assert.equal(await storm([service.ready], who, 3), 80);
  const usage = (await call('GET', `${domain}/usage`)).json;
  assert.deepEqual(
    [usage.domain.per_minute.used, usage.domain.per_minute.remaining, usage.project.per_minute.remaining],
    [80, 0, 40],
  );
});

test('held mail flows out in the next window without a hand, what hurries first', async () => {
  const clock = createFakeClock();
  const taken: string[] = [];
  await using site = await openFarEnd({
    meet(session) {
      session.say('220 site.test\r\n');
      return (input, kind) => {
        if (kind === 'message') return session.say('250 2.0.0 taken\r\n');
        const verb = input.slice(0, 4).toUpperCase();
        if (verb === 'RCPT') taken.push(/<(.*)@/.exec(input)?.[1] ?? '');
        if (verb === 'QUIT') return session.end('221 bye\r\n');
        if (verb === 'DATA') session.expectMessage();
        session.say(verb === 'EHLO' ? '250 site.test\r\n' : verb === 'DATA' ? '354 go\r\n' : '250 ok\r\n');
      };
    },
  });
  const directory = temporaryDirectory();
  const env = environment(directory, {
    HIKYAKU_ROUTES: `*=smtp://127.0.0.1:${site.port}`,
    HIKYAKU_LIMIT_PER_MINUTE: '2',
  });
  const who = await bootstrap(env, 'sender.test');
  const stop = new AbortController();
  {
    await using service = await startInProcess(loadConfig(env), silentLogger, stop.signal, { clock });
    const call = caller(service, who);
    assert.equal((await call('PATCH', '/mta/v1/settings', { over_limit: 'hold' })).status, 200);
    const states: string[] = [];
    for (const name of ['a', 'b', 'c', 'd'])
      states.push(
        (await call('POST', TASKS, mail(who, [`${name}@out.test`]))).json.result.recipients[0].state,
      );
    assert.deepEqual(states, ['queued', 'queued', 'held', 'held']);
    await clock.advance(3000);
    await call('POST', TASKS, mail(who, ['x@out.test'], { priority: 'high' }));
    await using client = await openSmtp(service.submissions, 'implicit');
    assert.match(await client.command(plain(who.key.id, who.key.secret)), /^235/);
    assert.match(await send(client, 'a@sender.test', ['y@out.test'], letter('MT-Priority: 4\r\n')), /^250/);
    /** Advances the time until this many have arrived. */
    const arrived = (count: number) =>
      eventually(`${count} arrived`, async () => {
        if (taken.length < count) await clock.advance(500);
        return taken.length >= count;
      });
    await arrived(2);
    const held = (await call('GET', '/mta/v1/queues')).json;
    assert.equal(held.depth.held, 4);
    // No manual operation exceeds the limit.
    const retried = await call('POST', '/mta/v1/queues', { action: 'retry' });
    assert.deepEqual([retried.status, retried.json.matched, retried.json.changed], [200, 4, 0]);
    assert.equal((await call('GET', '/mta/v1/queues')).json.depth.held, 4);
    await arrived(4);
    assert.deepEqual(
      [taken.slice(0, 2).sort(), taken.slice(2, 4).sort()],
      [
        ['a', 'b'],
        ['x', 'y'],
      ],
    );
    await arrived(6);
    assert.deepEqual(taken.slice(4).sort(), ['c', 'd']);
    await eventually('all are settled and counted', async () => {
      const { series } = (await call('GET', '/mta/v1/usage')).json;
      const day = series.days.at(-1);
      return day.accepted === 6 && day.held === 4 && day.delivered === 6;
    });
  }
  rmSync(directory, { recursive: true, force: true });
});

test('places taken by RCPT commands of a minute ago are taken anew with the message; a repeated key takes none', async () => {
  const clock = createFakeClock();
  const directory = temporaryDirectory();
  const env = environment(directory, {
    HIKYAKU_ROUTES: '*=smtp://127.0.0.1:1',
    HIKYAKU_LIMIT_PER_MINUTE: '5',
  });
  const who = await bootstrap(env, 'sender.test');
  const stop = new AbortController();
  {
    await using service = await startInProcess(loadConfig(env), silentLogger, stop.signal, { clock });
    const session = async () => {
      const client = await openSmtp(service.submissions, 'implicit');
      assert.match(await client.command(plain(who.key.id, who.key.secret)), /^235/);
      return client;
    };
    await using slow = await session();
    assert.match(await slow.command('MAIL FROM:<a@sender.test>'), /^250/);
    for (const name of ['s1', 's2', 's3', 's4'])
      assert.match(await slow.command(`RCPT TO:<${name}@out.test>`), /^250/);
    await clock.advance(62_000);
    await using quick = await session();
    assert.match(await send(quick, 'a@sender.test', ['q1@out.test', 'q2@out.test'], letter()), /^250/);
    assert.match(await slow.command('DATA'), /^354/);
    assert.match(await slow.command(`${letter().toString()}.`), /^452 4\.7\.1 sending limit per minute/);
    // Refused mail has given its places back: three are left, and mail that a key has sent before takes none.
    const keyed = letter('Idempotency-Key: again\r\n');
    assert.match(await send(quick, 'a@sender.test', ['i1@out.test'], keyed), /^250/);
    assert.match(await send(quick, 'a@sender.test', ['i1@out.test', 'i2@out.test'], keyed), /^250/);
    assert.match(await send(quick, 'a@sender.test', ['o@out.test'], letter()), /^250/);
    assert.match(await send(quick, 'a@sender.test', ['o@out.test'], letter()), /limit per minute/);
  }
  rmSync(directory, { recursive: true, force: true });
});

test('what was about to be told when the process was killed is told by the next one', async () => {
  const directory = temporaryDirectory();
  const settings = { ...NOWHERE, HIKYAKU_LIMIT_PER_DAY: '5' };
  const first = await startService(settings, directory, true);
  const who = await bootstrap(first.env, 'sender.test');
  await askForEvents(caller(first.ready, who), who);
  assert.equal(await bySmtp(first.ready, who, 6, 'k'), 5);
  await first.kill();
  await using second = await startService(settings, directory);
  const call = caller(second.ready, who);
  const names = await eventually('both are told', async () => {
    const told = (await limitEvents(call, who)).map(({ name }) => name);
    return told.length >= 2 && told.sort();
  });
  assert.deepEqual(names, ['limit.approaching', 'limit.exceeded']);
  // what is counted is as durable as the mail
  const { series, project } = (await call('GET', '/mta/v1/usage')).json;
  assert.equal(
    series.hours.reduce((sum: number, { accepted }: Json) => sum + accepted, 0),
    5,
  );
  assert.equal(project.per_day.used, 5);
});

test('usage: what was sent, received and came of it, in series that are complete', async () => {
  await using journey = await startJourney({}, 'admin', ['--fail', 'later@*=451', '--fail', 'never@*=550']);
  const { call, who, service } = journey;
  for (const to of [['x@out.test'], ['later@out.test', 'y@out.test'], ['never@out.test'], ['me@sender.test']])
    assert.equal((await call('POST', TASKS, mail(who, to))).status, 200);
  await using mx = await openSmtp(service.ready.mx);
  const two = ['one@sender.test', 'two@sender.test'];
  assert.match(
    await send(mx, 'w@elsewhere.test', two, Buffer.from('From: <w@elsewhere.test>\r\n\r\nx\r\n')),
    /^250/,
  );
  const wanted = { accepted: 5, delivered: 3, deferred: 1, bounced: 1, expired: 0, held: 0, received: 3 };
  for (const path of ['/mta/v1/usage', `/mta/v1/domains/${who.domain_id}/usage`]) {
    const series = await eventually(`${path} tells all`, async () => {
      const { json } = await call('GET', path);
      const sums: Record<string, number> = {};
      for (const { start: _, ...counts } of json.series.minutes as Record<string, number>[])
        for (const [kind, count] of Object.entries(counts)) sums[kind] = (sums[kind] ?? 0) + Number(count);
      return JSON.stringify(sums) === JSON.stringify(wanted) && json.series;
    });
    assert.deepEqual([series.minutes.length, series.hours.length, series.days.length], [60, 48, 92]);
    for (const points of [series.minutes, series.hours, series.days])
      assert.deepEqual(
        Object.keys(points.at(-1)),
        ['start', ...Object.keys(wanted)],
        'every point has every count',
      );
    assert.equal(series.days.at(-1).start.slice(10), 'T00:00:00.000Z');
  }
  const other = await bootstrap(service.env, 'other.test', '--project', 'other');
  const theirs = (await call('GET', '/mta/v1/usage', undefined, other)).json;
  assert.equal(theirs.series.days.at(-1).accepted, 0);
});

test('limits belong to the operator: nobody else sets them or hands out the power to', async () => {
  await using journey = await startJourney();
  const { call, who, service } = journey;
  const ops = await bootstrap(service.env, 'ops.test', '--project', 'ops', '--role', 'operator');
  const mine = (await call('GET', '/mta/v1/limits')).json;
  assert.deepEqual([mine.per_minute, mine.per_day, mine.is_default], [300, 50_000, true]);
  const higher = { per_minute: 1000, per_day: 0 };
  assert.equal((await call('PUT', '/mta/v1/limits', higher)).status, 403);
  for (const role of ['operator', 'mta.limits.update', 'mta.limit_requests.approve']) {
    const refused = await call('POST', '/iam/v1/api_clients', { name: role, roles: [role] });
    assert.equal(refused.status, 403, role);
  }
  // another project and an unknown one look the same to a caller who is not an operator
  const [foreign, unknown] = await Promise.all(
    [ops.project_id, '00000000-0000-7000-8000-000000000000'].map((id) =>
      call('GET', `/mta/v1/limits?project=${id}`),
    ),
  );
  assert.deepEqual([foreign!.status, foreign!.json], [404, unknown!.json]);
  const of = `/mta/v1/limits?project=${who.project_id}`;
  assert.equal((await call('PUT', of, { per_minute: 1000 }, ops)).json.field, 'per_day');
  assert.equal((await call('PUT', of, { per_minute: -1, per_day: 0 }, ops)).status, 400);
  await askForEvents(call, who);
  const set = await call('PUT', of, higher, ops);
  assert.deepEqual([set.status, set.json.per_minute, set.json.per_day], [200, 1000, 0]);
  assert.deepEqual((await call('GET', '/mta/v1/limits')).json, set.json);
  const [raised] = await limitEvents(call, who);
  assert.equal(raised.name, 'limit.raised');
  assert.deepEqual(raised.content.after, higher);
  assert.deepEqual(
    raised.content.windows.map(({ window, limit }: Json) => [window, limit]),
    [
      ['minute', 1000],
      ['day', 0],
    ],
  );
  // the limiter knows at once; nobody is told about a lower limit
  assert.equal((await call('PUT', of, { per_minute: 1, per_day: 0 }, ops)).status, 200);
  assert.equal((await call('POST', TASKS, mail(who, ['x@out.test']))).status, 200);
  assert.equal((await call('POST', TASKS, mail(who, ['x@out.test']))).status, 429);
  const { json } = await call('GET', '/mta/v1/openapi.json');
  assert.ok('put' in json.paths['/mta/v1/limits']);
  assert.equal((await limitEvents(call, who)).filter(({ name }) => name === 'limit.raised').length, 1);
});

test('a higher limit is asked for, given in part, told by event and mail, and good at once', async () => {
  await using journey = await startJourney({ HIKYAKU_LIMIT_PER_MINUTE: '2' });
  const { call, who, service, sink } = journey;
  const ops = await bootstrap(service.env, 'ops.test', '--project', 'ops', '--role', 'operator');
  const path = '/mta/v1/limit_requests';
  for (const [body, field] of [
    [{ reason: 'r' }, 'per_minute'],
    [{ per_minute: 2, reason: 'r' }, 'per_minute'],
    [{ per_day: 10, reason: 'r' }, 'per_day'],
    [{ per_minute: 9 }, 'reason'],
    [{ per_minute: 9, reason: 'r\u0000' }, 'reason'],
    [{ per_minute: 9, reason: 'r', notify: 'nobody' }, 'notify'],
  ] as const) {
    const { status, json } = await call('POST', path, body);
    assert.deepEqual([status, json.field], [400, field], JSON.stringify(body));
  }
  await askForEvents(call, who);
  const asked = { per_minute: 10, reason: 'a newsletter\nevery Monday', notify: 'boss@out.test' };
  const made = await call('POST', path, asked);
  assert.deepEqual([made.status, made.json.state, made.json.project.name], [201, 'open', 'journey']);
  const second = await call('POST', path, asked);
  assert.equal(second.status, 409);
  const one = `${path}/${made.json.id}`;
  assert.deepEqual((await call('GET', one)).json, made.json);

  const others = await bootstrap(service.env, 'other.test', '--project', 'other');
  assert.equal((await call('GET', `${path}?all=true`, undefined, others)).status, 403);
  assert.deepEqual((await call('GET', path, undefined, others)).json.items, []);
  assert.equal((await call('POST', `${one}/approve`, {}, who)).status, 403);
  const listed = (await call('GET', `${path}?all=true&state=open`, undefined, ops)).json.items;
  assert.deepEqual(listed, [made.json]);

  for (let i = 0; i < 2; i++)
    assert.equal((await call('POST', TASKS, mail(who, ['x@out.test']))).status, 200);
  assert.equal((await call('POST', TASKS, mail(who, ['x@out.test']))).status, 429);
  assert.equal((await call('POST', `${one}/approve`, { per_minute: 1 }, ops)).json.field, 'per_minute');
  assert.equal(
    (await call('POST', `${one}/approve`, { per_minute: 2 }, ops)).status,
    400,
    'no limit would be raised',
  );
  const given = await call('POST', `${one}/approve`, { per_minute: 5, note: 'half for now' }, ops);
  assert.deepEqual(
    [given.status, given.json.state, given.json.granted.per_minute, given.json.note],
    [200, 'approved_in_part', 5, 'half for now'],
  );
  assert.equal((await call('POST', TASKS, mail(who, ['x@out.test']))).status, 200);
  for (const again of ['approve', 'refuse', 'cancel']) {
    const body = again === 'refuse' ? { reason: 'r' } : again === 'approve' ? {} : undefined;
    const late = await call('POST', `${one}/${again}`, body, again === 'cancel' ? who : ops);
    assert.deepEqual([late.status, late.json.type], [409, '/problems/limit-request-decided'], again);
  }
  const told = await eventually('the mail', async () =>
    (await sink.messages()).find(({ rcpt_to: to }) => to.includes('boss@out.test')),
  );
  const text = Buffer.from(told.raw_base64, 'base64').toString('utf8');
  assert.equal(told.mail_from, '');
  assert.match(text, /^From: postmaster@mail\.sender\.test\r$/m);
  assert.match(text, /^Auto-Submitted: auto-generated\r$/m);
  assert.match(text, /approved in part/);
  assert.match(text, /limits now: 5 recipients per minute, 50000 recipients per 24 hours/);
  assert.match(text, /half for now/);
  const raised = (await limitEvents(call, who)).find(({ name }) => name === 'limit.raised');
  assert.deepEqual([raised.content.request.id, raised.content.after.per_minute], [made.json.id, 5]);
  assert.ok(
    (await call('GET', '/mta/v1/usage')).json.series.days.at(-1).accepted <= 3,
    'no mail of the project',
  );

  // refused with the reason; cancelled by the project that requested it
  const next = await call('POST', path, { per_day: 0, reason: 'no limit, please', notify: 'boss2@out.test' });
  assert.equal((await call('POST', `${path}/${next.json.id}/refuse`, {}, ops)).json.field, 'reason');
  const refused = await call('POST', `${path}/${next.json.id}/refuse`, { reason: 'too young' }, ops);
  assert.deepEqual([refused.json.state, refused.json.note], ['refused', 'too young']);
  await eventually('the second mail', async () =>
    (await sink.messages()).find(({ rcpt_to: to }) => to.includes('boss2@out.test')),
  );
  const third = await call('POST', path, { per_day: 60_000, reason: 'more' });
  assert.equal((await call('POST', `${path}/${third.json.id}/cancel`, undefined, others)).status, 404);
  assert.equal((await call('POST', `${path}/${third.json.id}/cancel`)).json.state, 'cancelled');
  const all = (await call('GET', path)).json.items.map(({ state }: Json) => state);
  assert.deepEqual(all, ['cancelled', 'refused', 'approved_in_part']);
});

test('mail held for the rest of the day goes as soon as the limit is raised', async () => {
  await using journey = await startJourney({ HIKYAKU_LIMIT_PER_DAY: '1' });
  const { call, who, service, sink } = journey;
  const ops = await bootstrap(service.env, 'ops.test', '--project', 'ops', '--role', 'operator');
  assert.equal((await call('PATCH', '/mta/v1/settings', { over_limit: 'hold' })).status, 200);
  for (const name of ['a', 'b', 'c'])
    assert.equal((await call('POST', TASKS, mail(who, [`${name}@out.test`]))).status, 200);
  assert.equal((await call('GET', '/mta/v1/queues')).json.depth.held, 2);
  const limits = `/mta/v1/limits?project=${who.project_id}`;
  assert.equal((await call('PUT', limits, { per_minute: 300, per_day: 3 }, ops)).status, 200);
  await eventually('all arrived', async () => (await sink.messages()).length === 3);
  assert.equal((await call('GET', '/mta/v1/usage')).json.project.per_day.remaining, 0);
});
