/**
 * People over real HTTP: from an empty store and a printed link to a mail sent with a key that they made,
 * with wrong steps on the way.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Browser, ORIGIN, openBrowser } from './browser.ts';
import { eventually, type Running, startService } from './harness.ts';
import { authorization } from './journey.ts';
import { freshCode, linkIn, OWNER, PASSWORD, setUp, visit } from './people-steps.ts';
import { openSmtp, plain, send } from './raw-smtp.ts';

let service: Running;
let owner: Browser;
let factor: { secret: string; used: Set<string> };
before(async () => {
  service = await startService({ HIKYAKU_PUBLIC_URL: ORIGIN });
  owner = openBrowser(service.ready.http);
});
after(() => service[Symbol.asyncDispose]());

test('the printed link makes the first owner, once; nothing else is open before both factors are set', async () => {
  const token = await eventually('the link is printed', async () =>
    service.log.some((line) => line.includes('/#/link/')) ? linkIn(service) : null,
  );
  const nobody = await owner.call('GET', '/iam/v1/session');
  assert.deepEqual(nobody.json, { state: 'signed_out' });
  assert.equal((await owner.call('GET', '/iam/v1/projects')).status, 401);
  const wrong = await owner.call('POST', '/iam/v1/session/link', {
    token: `${token.slice(0, -2)}xx`,
    email: OWNER,
  });
  assert.equal(wrong.status, 401);
  const unnamed = await owner.call('POST', '/iam/v1/session/link', { token });
  assert.deepEqual([unnamed.status, unnamed.json.field], [400, 'email']);
  const opened = await owner.call('POST', '/iam/v1/session/link', { token, email: OWNER, name: 'The Owner' });
  assert.deepEqual([opened.status, opened.json.state], [200, 'set_up']);
  assert.deepEqual(opened.json.missing, ['password', 'second_factor']);
  const other = visit(service);
  assert.equal(
    (await other.call('POST', '/iam/v1/session/link', { token, email: 'x@example.test' })).status,
    401,
  );

  for (const [method, path] of [
    ['GET', '/iam/v1/projects'],
    ['POST', '/iam/v1/projects'],
    ['PATCH', '/iam/v1/me'],
    ['GET', '/mta/v1/domains'],
  ] as const)
    assert.equal(
      (await owner.call(method, path, method === 'GET' ? undefined : { name: 'x' })).status,
      403,
      path,
    );
  for (const [password, why] of [
    ['short', /at least 10/],
    ['a'.repeat(1001), /at most 1000/],
    ['password123', /commonest/],
    ['the owner of it all', /e-mail/],
    ['aaaaaaaaaaaa', /over and over/],
  ] as const) {
    const refused = await owner.call('PUT', '/iam/v1/me/password', { new: password });
    assert.deepEqual([refused.status, refused.json.field], [400, 'new']);
    assert.match(refused.json.detail, why);
  }
  const before = owner.cookie;
  const withPassword = await owner.call('PUT', '/iam/v1/me/password', { new: PASSWORD });
  assert.deepEqual([withPassword.json.state, withPassword.json.missing], ['set_up', ['second_factor']]);
  assert.notEqual(owner.cookie, before, 'a new session at each change of state');
  assert.equal((await owner.call('GET', '/iam/v1/projects')).status, 403, 'one factor is not enough');

  const early = await owner.call('POST', '/iam/v1/me/totp/confirm', { code: '123456' });
  assert.equal(early.status, 400);
  const begun = await owner.call('POST', '/iam/v1/me/totp', {});
  assert.match(begun.json.uri, /^otpauth:\/\/totp\/Hikyaku/);
  assert.equal((await owner.call('POST', '/iam/v1/me/totp/confirm', { code: '12 34' })).status, 400);
  factor = { secret: begun.json.secret, used: new Set() };
  const code = freshCode(factor.secret, factor.used);
  const done = await owner.call('POST', '/iam/v1/me/totp/confirm', { code });
  assert.equal(done.json.state, 'signed_in');
  assert.deepEqual(
    done.json.projects.map(({ name, roles }: { name: string; roles: string[] }) => [name, roles]),
    [['sandbox', ['owner']]],
  );
  assert.deepEqual(done.json.member.instance_roles, ['operator']);
});

test('cookies are HttpOnly and SameSite; the old cookie is worth nothing; foreign pages get nowhere', async () => {
  const browser = visit(service);
  browser.cookie = `hikyaku_session=${'a'.repeat(43)}`;
  const planted = browser.cookie;
  const first = await browser.call('POST', '/iam/v1/session', { email: OWNER, password: PASSWORD });
  const set = first.headers.getSetCookie()[0]!;
  assert.match(set, /^hikyaku_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+$/);
  assert.notEqual(browser.cookie, planted, 'a session that was planted is not taken over');
  const waiting = browser.cookie;
  assert.equal((await browser.call('GET', '/iam/v1/projects')).status, 401, 'a password alone opens nothing');
  const csrf = browser.csrf!;
  const code = freshCode(factor.secret, factor.used);
  const foreign: Record<string, string>[] = [
    { 'hikyaku-csrf': '' },
    { 'hikyaku-csrf': `${csrf.slice(0, -1)}_` },
    { origin: 'http://evil.test' },
  ];
  for (const headers of foreign)
    assert.equal((await browser.call('POST', '/iam/v1/session/totp', { code }, headers)).status, 403);
  const used = [...factor.used][0]!;
  assert.equal(
    (await browser.call('POST', '/iam/v1/session/totp', { code: used })).status,
    401,
    'a code is taken once',
  );
  const signedIn = await browser.call('POST', '/iam/v1/session/totp', { code });
  assert.equal(signedIn.json.state, 'signed_in', JSON.stringify(signedIn.json));
  const stale = visit(service);
  stale.cookie = waiting;
  assert.deepEqual((await stale.call('GET', '/iam/v1/session')).json, { state: 'signed_out' });

  // a form of another site: the browser sends the cookie, but not the rest
  const form = await fetch(`http://${service.ready.http}/iam/v1/projects`, {
    method: 'POST',
    headers: {
      cookie: browser.cookie!,
      'content-type': 'application/json',
      'sec-fetch-site': 'cross-site',
      'hikyaku-csrf': browser.csrf!,
    },
    body: '{"name":"stolen"}',
  });
  assert.equal(form.status, 403);
  assert.equal(form.headers.get('access-control-allow-origin'), null);
  const noOrigin = await fetch(`http://${service.ready.http}/iam/v1/me`, {
    method: 'PATCH',
    headers: { cookie: browser.cookie!, 'content-type': 'application/json', 'hikyaku-csrf': browser.csrf! },
    body: '{"name":"x"}',
  });
  assert.equal(noOrigin.status, 403);
  const preflight = await fetch(`http://${service.ready.http}/iam/v1/projects`, {
    method: 'OPTIONS',
    headers: { origin: 'http://evil.test', 'access-control-request-method': 'POST' },
  });
  assert.equal(preflight.headers.get('access-control-allow-origin'), null);
  assert.equal((await browser.call('DELETE', '/iam/v1/session')).status, 204);
  browser.cookie = signedIn.headers.getSetCookie()[0]!.split(';')[0]!;
  assert.deepEqual((await browser.call('GET', '/iam/v1/session')).json, { state: 'signed_out' });
});

test('project, role, API client, key, and a mail sent with it by SMTP; all of it in the audit', async () => {
  const made = await owner.call('POST', '/iam/v1/projects', { name: 'letters' });
  assert.equal(made.status, 201, JSON.stringify(made.json));
  owner.project = null;
  const headless = await owner.call('GET', '/iam/v1/roles');
  assert.deepEqual([headless.status, headless.json.field], [400, 'Hikyaku-Project']);
  const sandbox = (await owner.call('GET', '/iam/v1/projects')).json.items.find(
    ({ name }: { name: string }) => name === 'sandbox',
  );
  owner.project = sandbox.id;
  const operations = ['mta.domains.list', 'mta.domains.get', 'mta.domains.send'];
  const unknown = await owner.call('POST', '/iam/v1/roles', {
    name: 'poster',
    operations: ['mta.domains.fly'],
  });
  assert.deepEqual([unknown.status, unknown.json.field], [400, 'operations[0]']);
  assert.equal((await owner.call('POST', '/iam/v1/roles', { name: 'owner', operations })).status, 400);
  const role = await owner.call('POST', '/iam/v1/roles', {
    name: 'poster',
    operations: operations.slice(0, 2),
  });
  assert.equal(role.status, 201);
  assert.equal((await owner.call('POST', '/iam/v1/roles', { name: 'poster', operations })).status, 409);
  const client = await owner.call('POST', '/iam/v1/api_clients', { name: 'shop', roles: ['poster'] });
  assert.equal(client.status, 201);
  const keys = `/iam/v1/api_clients/${client.json.id}/static_keys`;
  const key = (await owner.call('POST', keys, {})).json;
  assert.equal((await owner.call('GET', keys)).json.items[0].last_used_at, null);
  const message = Buffer.from('From: shop@sandbox.test\r\nSubject: by a role\r\n\r\nhello\r\n');
  const submit = async () => {
    await using smtp = await openSmtp(service.ready.submissions, 'implicit');
    await smtp.command(plain(key.id, key.secret));
    return await send(smtp, 'shop@sandbox.test', ['you@sandbox.test'], message);
  };
  assert.match(await submit(), /^550[ -]5\.7\.1.*mta\.domains\.send/, 'the role lacks it');
  const widened = await owner.call('PATCH', `/iam/v1/roles/${role.json.id}`, { operations });
  assert.equal(widened.status, 200);
  assert.match(await submit(), /^250/, 'a change of the role holds at once');
  const deleted = await owner.call('DELETE', `/iam/v1/roles/${role.json.id}`);
  assert.deepEqual([deleted.status, deleted.json.type], [409, '/problems/role-in-use']);
  await eventually(
    'the last use is noted',
    async () =>
      (await owner.call('GET', keys)).json.items[0].last_used_at === new Date().toISOString().slice(0, 10),
  );
  const wider = await fetch(`http://${service.ready.http}/iam/v1/api_clients`, {
    headers: { authorization: authorization({ key } as never) },
  });
  assert.equal(wider.status, 403, 'and nothing more');

  const audit = (await owner.call('GET', '/iam/v1/audit_events?limit=500')).json.items;
  const told = audit.map(({ operation }: { operation: string }) => operation);
  for (const operation of [
    'iam.roles.create',
    'iam.roles.update',
    'iam.api_clients.create',
    'iam.static_keys.create',
  ])
    assert.ok(told.includes(operation), `${operation} is not in ${told}`);
  const creation = audit.find(
    ({ operation }: { operation: string }) => operation === 'iam.api_clients.create',
  );
  assert.deepEqual(creation.fields, ['name', 'roles']);
  assert.equal(creation.target, `/iam/v1/api_clients/${client.json.id}`);
  assert.deepEqual([creation.actor.type, creation.actor.name], ['member', OWNER]);
  assert.equal(creation.address, '127.0.0.1');
  const filtered = await owner.call('GET', '/iam/v1/audit_events?operation=iam.roles.update');
  assert.equal(filtered.json.items.length, 1);
  const instance = (await owner.call('GET', '/iam/v1/audit_events?instance=true&limit=500')).json.items;
  const steps = new Set(
    instance.map((e: { operation: string; outcome: string }) => `${e.operation} ${e.outcome}`),
  );
  for (const step of ['link succeeded', 'link failed', 'password succeeded', 'totp succeeded', 'totp failed'])
    assert.ok(steps.has(`iam.sessions.${step}`), `${step}: ${[...steps].join(', ')}`);
  const whole = JSON.stringify([audit, instance]);
  for (const secret of [PASSWORD, key.secret, factor.secret]) assert.ok(!whole.includes(secret));
});

test('invitations: a reader joins, sees and changes nothing; nobody grants what they lack; the last owner stays', async () => {
  const invited = await owner.call('POST', '/iam/v1/invitations', {
    email: 'Reader@Example.test',
    roles: ['reader'],
  });
  assert.equal(invited.status, 201, JSON.stringify(invited.json));
  assert.equal(invited.json.email, 'reader@example.test');
  const token: string = invited.json.sign_in_url.split('/').at(-1);
  assert.ok(!JSON.stringify((await owner.call('GET', '/iam/v1/invitations')).json).includes(token));
  const reader = visit(service);
  await setUp(reader, token, { name: 'A Reader', language: 'ja' });
  reader.project = owner.project;
  assert.equal((await reader.call('GET', '/mta/v1/domains')).json.items[0].name, 'sandbox.test');
  const members = (await reader.call('GET', '/iam/v1/members')).json.items;
  assert.equal(members.length, 2);
  const idOf = (email: string) => members.find((m: { email: string }) => m.email === email).id;
  for (const [method, path, body] of [
    ['POST', '/iam/v1/invitations', { email: 'x@example.test', roles: ['reader'] }],
    ['POST', '/iam/v1/api_clients', { name: 'mine', roles: [] }],
    ['PATCH', `/iam/v1/members/${idOf('reader@example.test')}`, { roles: ['owner'] }],
    ['POST', '/iam/v1/projects', { name: 'mine' }],
    ['GET', '/iam/v1/audit_events?instance=true', undefined],
    ['GET', '/iam/v1/projects?all=true', undefined],
    ['POST', `/iam/v1/members/${idOf(OWNER)}/reset`, {}],
  ] as const)
    assert.equal((await reader.call(method, path, body)).status, 403, `${method} ${path}`);
  const log = await owner.call('GET', `/iam/v1/audit_events?actor=${idOf('reader@example.test')}&limit=500`);
  const refused = log.json.items.filter(({ reason }: { reason: string | null }) => reason !== null);
  assert.deepEqual(
    refused.map(({ operation, target }: Record<string, string>) => [operation, target]).sort(),
    [
      ['iam.api_clients.create', '/iam/v1/api_clients'],
      ['iam.audit_events.list', '/iam/v1/audit_events'],
      ['iam.invitations.create', '/iam/v1/invitations'],
      ['iam.members.reset', `/iam/v1/members/${idOf(OWNER)}/reset`],
      ['iam.members.update', `/iam/v1/members/${idOf('reader@example.test')}`],
      ['iam.projects.create', '/iam/v1/projects'],
      ['iam.projects.list', '/iam/v1/projects'],
    ],
  );
  for (const { actor, outcome, reason, times } of refused) {
    assert.deepEqual(
      [actor.type, actor.name, outcome, times],
      ['member', 'reader@example.test', 'failed', 1],
    );
    assert.match(reason, /^operation-not-permitted: the role lacks the operation /);
  }
  const letters = (await owner.call('GET', '/iam/v1/projects')).json.items.find(
    ({ name }: { name: string }) => name === 'letters',
  ).id;
  reader.project = letters;
  const foreign = await reader.call('GET', '/mta/v1/domains');
  reader.project = '00000000-0000-7000-8000-000000000000';
  const unknown = await reader.call('GET', '/mta/v1/domains');
  assert.deepEqual([foreign.status, foreign.json], [404, unknown.json]);
  assert.deepEqual((await reader.call('GET', `/iam/v1/projects/${letters}`)).json, unknown.json);
  reader.project = owner.project;

  // an admin may do much, but not what is reserved for owners
  const readerId = idOf('reader@example.test');
  assert.equal((await owner.call('PATCH', `/iam/v1/members/${readerId}`, { roles: ['admin'] })).status, 200);
  for (const [method, path, body] of [
    ['PATCH', `/iam/v1/members/${readerId}`, { roles: ['owner'] }],
    ['PATCH', `/iam/v1/members/${idOf(OWNER)}`, { roles: ['reader'] }],
    ['DELETE', `/iam/v1/members/${idOf(OWNER)}`, undefined],
    ['POST', '/iam/v1/invitations', { email: 'x@example.test', roles: ['owner'] }],
    ['POST', '/iam/v1/api_clients', { name: 'op', roles: ['operator'] }],
    ['POST', `/iam/v1/projects/${owner.project}/close`, {}],
  ] as const)
    assert.equal((await reader.call(method, path, body)).status, 403, `${method} ${path}`);
  const last = await owner.call('PATCH', `/iam/v1/members/${idOf(OWNER)}`, { roles: ['admin'] });
  assert.deepEqual([last.status, last.json.type], [409, '/problems/last-owner']);
  assert.equal((await owner.call('DELETE', `/iam/v1/members/${idOf(OWNER)}`)).status, 409);

  // a member who can already sign in accepts an invitation to a second project after signing in
  owner.project = letters;
  const second = await owner.call('POST', '/iam/v1/invitations', {
    email: 'reader@example.test',
    roles: ['sender'],
  });
  const secondToken = second.json.sign_in_url.split('/').at(-1);
  const stranger = visit(service);
  const opened = await stranger.call('POST', '/iam/v1/session/link', { token: secondToken });
  assert.deepEqual([opened.status, opened.json.type], [409, '/problems/sign-in-first']);
  assert.equal((await owner.call('POST', '/iam/v1/invitations/accept', { token: secondToken })).status, 400);
  assert.equal((await reader.call('POST', '/iam/v1/invitations/accept', { token: secondToken })).status, 200);
  assert.equal((await reader.call('POST', '/iam/v1/invitations/accept', { token: secondToken })).status, 400);
  assert.equal((await reader.call('GET', '/iam/v1/session')).json.projects.length, 2);
  const third = await owner.call('POST', '/iam/v1/invitations', {
    email: 'third@example.test',
    roles: ['reader'],
  });
  assert.equal((await owner.call('DELETE', `/iam/v1/invitations/${third.json.id}`)).status, 204);
  const revoked = await stranger.call('POST', '/iam/v1/session/link', {
    token: third.json.sign_in_url.split('/').at(-1),
  });
  assert.equal(revoked.status, 401);
  assert.equal((await owner.call('DELETE', `/iam/v1/members/${readerId}`)).status, 204);
  reader.project = letters;
  assert.equal((await reader.call('GET', '/mta/v1/domains')).status, 404, 'removed is removed at once');
});

test('no secret of people stands in the store in clear', async () => {
  const octets = ['hikyaku.sqlite', 'hikyaku.sqlite-wal'].map((file) => {
    try {
      return readFileSync(join(service.directory, file));
    } catch {
      return Buffer.alloc(0);
    }
  });
  const all = Buffer.concat(octets);
  assert.ok(all.includes(OWNER), 'the store was read');
  const token = owner.cookie!.slice(owner.cookie!.indexOf('=') + 1);
  for (const secret of [PASSWORD, factor.secret, token, owner.csrf!, linkIn(service)])
    assert.ok(!all.includes(secret));
  assert.ok(
    !service.log
      .filter((line) => line.startsWith('{'))
      .join('')
      .includes(linkIn(service)),
  );
});
