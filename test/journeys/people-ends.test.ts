/**
 * Ends and new beginnings: a closed project, owners made and members reset by commands, guessing that is
 * slowed down.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Browser, ORIGIN, openBrowser } from './browser.ts';
import { eventually, hikyaku, type Running, startService } from './harness.ts';
import { authorization } from './journey.ts';
import { linkIn, OWNER, setUp, visit } from './people-steps.ts';
import { openSmtp, plain, send } from './raw-smtp.ts';

let service: Running;
let owner: Browser;
before(async () => {
  service = await startService({ HIKYAKU_PUBLIC_URL: ORIGIN });
  owner = openBrowser(service.ready.http);
  const token = await eventually('the link is printed', async () =>
    service.log.some((line) => line.includes('/#/link/')) ? linkIn(service) : null,
  );
  await setUp(owner, token, { email: OWNER });
});
after(() => service[Symbol.asyncDispose]());

test('a closed project: keys, sending and receiving stop at once; its owner exports it and opens it again', async () => {
  const projects = (await owner.call('GET', '/iam/v1/projects')).json.items;
  const sandbox = projects.find(({ name }: { name: string }) => name === 'sandbox').id;
  owner.project = sandbox;
  const client = await owner.call('POST', '/iam/v1/api_clients', { name: 'closing', roles: ['admin'] });
  const key = (await owner.call('POST', `/iam/v1/api_clients/${client.json.id}/static_keys`, {})).json;
  await using session = await openSmtp(service.ready.submissions, 'implicit');
  await session.command(plain(key.id, key.secret));
  const exported = await owner.call('GET', `/iam/v1/projects/${sandbox}/export`);
  assert.equal(exported.status, 200);
  assert.equal(exported.json.format, 'hikyaku-project');
  assert.deepEqual(
    exported.json.mta_domains.map(({ name }: { name: string }) => name),
    ['sandbox.test'],
  );
  assert.ok(exported.json.api_clients.length >= 2 && exported.json.audit_events.length >= 3);
  assert.deepEqual(
    exported.json.members.map(({ email }: { email: string }) => email),
    [OWNER],
  );
  assert.ok(!JSON.stringify(exported.json).includes(key.secret));

  const closed = await owner.call('POST', `/iam/v1/projects/${sandbox}/close`, {});
  assert.equal(closed.status, 200, JSON.stringify(closed.json));
  assert.notEqual(closed.json.closed_at, null);
  assert.equal((await owner.call('POST', `/iam/v1/projects/${sandbox}/close`, {})).status, 409);
  const byKey = await fetch(`http://${service.ready.http}/mta/v1/domains`, {
    headers: { authorization: authorization({ key } as never) },
  });
  assert.equal(byKey.status, 401);
  const message = Buffer.from('From: x@sandbox.test\r\n\r\nhello\r\n');
  assert.match(
    await send(session, 'x@sandbox.test', ['y@sandbox.test'], message),
    /^550/,
    'an open session, too',
  );
  {
    await using mx = await openSmtp(service.ready.mx);
    assert.match(await send(mx, 'x@far.test', ['y@sandbox.test'], message), /^55/);
  }
  assert.equal((await owner.call('GET', '/mta/v1/domains')).status, 200);
  assert.equal((await owner.call('POST', '/iam/v1/roles', { name: 'late', operations: [] })).status, 403);
  assert.equal((await owner.call('GET', `/iam/v1/projects/${sandbox}/export`)).status, 200);
  const reopened = await owner.call('POST', `/iam/v1/projects/${sandbox}/reopen`, {});
  assert.deepEqual([reopened.status, reopened.json.closed_at], [200, null]);
  assert.equal((await owner.call('GET', '/mta/v1/queues/suspensions')).json.items.length, 0);
  assert.match(await send(session, 'x@sandbox.test', ['y@sandbox.test'], message), /^250/);
});

test('closing and renaming at once: the project is closed, is renamed, and has one suspension', async () => {
  const projects = (await owner.call('GET', '/iam/v1/projects')).json.items;
  const { id } = projects.find(({ name }: { name: string }) => name === 'sandbox');
  owner.project = id;
  const path = `/iam/v1/projects/${id}`;
  const rename = (i: number) => owner.call('PATCH', path, { name: `sandbox ${i}` });
  const close = () => owner.call('POST', `${path}/close`, {});
  const suspensions = async () => (await owner.call('GET', '/mta/v1/queues/suspensions')).json.items.length;
  const [closed, ...renamed] = await Promise.all([
    close(),
    ...Array.from({ length: 8 }, (_, i) => rename(i)),
  ]);
  assert.equal(closed.status, 200);
  // Whoever comes after the end of the project may no longer rename it.
  for (const { status } of renamed) assert.ok([200, 403].includes(status), String(status));
  assert.equal((await owner.call('GET', path)).json.closed_at, closed.json.closed_at);
  assert.equal(await suspensions(), 1);
  assert.equal((await owner.call('POST', `${path}/reopen`, {})).status, 200);
  assert.equal(await suspensions(), 0);
  const both = (await Promise.all([close(), close(), close()])).map(({ status }) => status).sort();
  assert.deepEqual(both, [200, 409, 409]);
  assert.equal(await suspensions(), 1);
  const reopened = await Promise.all([1, 2].map(() => owner.call('POST', `${path}/reopen`, {})));
  assert.deepEqual(reopened.map(({ status }) => status).sort(), [200, 409]);
  assert.equal((await owner.call('GET', path)).json.closed_at, null);
  assert.equal(await suspensions(), 0);
  assert.equal((await owner.call('PATCH', path, { name: 'sandbox' })).status, 200);
});

test('commands: bootstrap makes owners with a link; reset lets one begin anew; guessing is slowed down', async () => {
  const made = await hikyaku(
    ['bootstrap', '--domain', 'cli.test', '--verified', '--email', 'Second@Example.test', '--json'],
    service.env,
  );
  assert.equal(made.status, 0, made.stderr);
  const { member, project_id: projectId } = JSON.parse(made.stdout);
  assert.equal(member.email, 'second@example.test');
  const second = visit(service);
  await setUp(second, member.sign_in_url.split('/').at(-1));
  assert.deepEqual(
    (await second.call('GET', '/iam/v1/session')).json.member.instance_roles,
    [],
    'only --operator makes one',
  );
  second.project = projectId;
  assert.equal((await second.call('GET', '/mta/v1/domains')).json.items[0].name, 'cli.test');
  const told = (await second.call('GET', '/iam/v1/audit_events')).json.items;
  assert.ok(told.some(({ actor }: { actor: { type: string } }) => actor.type === 'command'));
  const again = await hikyaku(
    ['bootstrap', '--domain', 'cli.test', '--verified', '--email', 'second@example.test', '--json'],
    service.env,
  );
  assert.deepEqual(JSON.parse(again.stdout).member, {
    email: 'second@example.test',
    sign_in_url: null,
    operator: false,
  });
  const promote = (...args: string[]) => hikyaku(['bootstrap', ...args, '--json'], service.env);
  assert.equal((await promote('--operator')).status, 2);
  assert.equal((await promote('--email', 'nobody@example.test', '--operator')).status, 1);
  const promoted = await promote('--email', 'second@example.test', '--operator');
  assert.equal(promoted.status, 0, promoted.stderr);
  assert.deepEqual((await second.call('GET', '/iam/v1/session')).json.member.instance_roles, ['operator']);
  assert.equal(
    (await hikyaku(['bootstrap', '--domain', 'x.test', '--email', 'nonsense'], service.env)).status,
    2,
  );

  const unknown = await hikyaku(['member', 'reset', 'nobody@example.test'], service.env);
  assert.equal(unknown.status, 1);
  const reset = await hikyaku(['member', 'reset', 'second@example.test', '--json'], service.env);
  assert.equal(reset.status, 0, reset.stderr);
  assert.deepEqual((await second.call('GET', '/iam/v1/session')).json, { state: 'signed_out' });
  const token = JSON.parse(reset.stdout).sign_in_url.split('/').at(-1);
  const opened = await second.call('POST', '/iam/v1/session/link', { token });
  assert.deepEqual(opened.json.missing, ['password']);
  const next = await second.call('PUT', '/iam/v1/me/password', { new: 'seven lanterns on the quay' });
  assert.equal(next.json.state, 'second_factor', 'the second factor is still asked for');

  const guess = visit(service);
  let throttled: Awaited<ReturnType<Browser['call']>> | null = null;
  for (let i = 0; i < 12 && throttled === null; i += 1) {
    const answer = await guess.call('POST', '/iam/v1/session', {
      email: `g${i}@example.test`,
      password: 'wrong wrong',
    });
    if (answer.status !== 401) throttled = answer;
  }
  assert.equal(throttled?.status, 429);
  assert.ok(Number(throttled?.headers.get('retry-after')) > 0);
});
