/**
 * Second factors and changes to them: recovery codes, passkeys from a software authenticator, a new password.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { type Browser, ORIGIN, openBrowser, softwareAuthenticator } from './browser.ts';
import { eventually, type Running, startService } from './harness.ts';
import { freshCode, linkIn, OWNER, PASSWORD, setUp, signIn, visit } from './people-steps.ts';

let service: Running;
let owner: Browser;
let factor: { secret: string; used: Set<string> };
before(async () => {
  service = await startService({ HIKYAKU_PUBLIC_URL: ORIGIN });
  owner = openBrowser(service.ready.http);
  const token = await eventually('the link is printed', async () =>
    service.log.some((line) => line.includes('/#/link/')) ? linkIn(service) : null,
  );
  factor = await setUp(owner, token, { email: OWNER });
});
after(() => service[Symbol.asyncDispose]());

test('recovery codes: ten, shown once, each taken once', async () => {
  const { json } = await owner.call('POST', '/iam/v1/me/recovery_codes', {});
  assert.equal(new Set(json.codes).size, 10);
  const code: string = json.codes[3];
  for (const [given, status] of [
    [code.toUpperCase().replaceAll('-', ' '), 200],
    [code, 401],
  ] as const) {
    const browser = visit(service);
    const first = await browser.call('POST', '/iam/v1/session', { email: OWNER, password: PASSWORD });
    assert.deepEqual(first.json.methods, ['totp', 'recovery']);
    assert.equal((await browser.call('POST', '/iam/v1/session/recovery', { code: given })).status, status);
  }
  assert.equal((await owner.call('GET', '/iam/v1/me')).json.recovery_codes_left, 9);
});

test('a passkey is the second factor; the wrong page, challenge or user is refused', async () => {
  const device = softwareAuthenticator();
  const begin = async () => (await owner.call('POST', '/iam/v1/me/passkeys/options', {})).json;
  const add = async (response: object) =>
    owner.call('POST', '/iam/v1/me/passkeys', { name: 'laptop', response });
  assert.equal((await add(device.create({ rp: { id: 'localhost' }, challenge: 'AAAA' }))).status, 400);
  assert.equal((await add(device.create(await begin(), { origin: 'http://evil.test' }))).status, 400);
  assert.equal((await add(device.create(await begin(), { flags: 65 }))).status, 400, 'nobody was verified');
  const stale = await begin();
  await begin();
  assert.equal((await add(device.create(stale))).status, 400, 'only the last challenge counts');
  const before = owner.cookie;
  const added = await add(device.create(await begin()));
  assert.equal(added.status, 201, JSON.stringify(added.json));
  assert.equal(added.json.session.state, 'signed_in');
  assert.notEqual(owner.cookie, before);
  assert.equal((await add(device.create(await begin()))).status, 400, 'registered already');
  const renamed = await owner.call('PATCH', `/iam/v1/me/passkeys/${added.json.id}`, { name: 'phone' });
  assert.equal(renamed.json.name, 'phone');

  const attempt = async (change: (options: object) => object) => {
    const browser = visit(service);
    const first = await browser.call('POST', '/iam/v1/session', { email: OWNER, password: PASSWORD });
    assert.deepEqual(first.json.methods, ['passkey', 'totp', 'recovery']);
    const options = (await browser.call('POST', '/iam/v1/session/passkey/options', {})).json;
    return browser.call('POST', '/iam/v1/session/passkey', { response: change(options) });
  };
  assert.equal((await attempt((options) => device.get(options))).json.state, 'signed_in');
  assert.equal((await attempt((options) => device.get(options, { origin: 'http://evil.test' }))).status, 401);
  assert.equal((await attempt((options) => device.get(options, { challenge: 'AAAA' }))).status, 401);
  assert.equal((await attempt((options) => softwareAuthenticator().get(options))).status, 401);
  device.counter = 0;
  assert.equal((await attempt((options) => device.get(options))).status, 401, 'a copied device is noticed');
  device.counter = 100;
  assert.equal((await attempt((options) => device.get(options))).json.state, 'signed_in');

  assert.equal((await owner.call('DELETE', '/iam/v1/me/totp')).status, 204);
  const last = await owner.call('DELETE', `/iam/v1/me/passkeys/${added.json.id}`);
  assert.deepEqual([last.status, last.json.type], [409, '/problems/last-second-factor']);
  const begun = await owner.call('POST', '/iam/v1/me/totp', {});
  factor = { secret: begun.json.secret, used: new Set() };
  const code = freshCode(factor.secret, factor.used);
  assert.equal((await owner.call('POST', '/iam/v1/me/totp/confirm', { code })).json.state, 'signed_in');
  assert.equal((await owner.call('DELETE', `/iam/v1/me/passkeys/${added.json.id}`)).status, 204);
  assert.equal((await owner.call('DELETE', `/iam/v1/me/passkeys/${added.json.id}`)).status, 404);
});

test('a new password ends every other session; sessions can be seen and ended', async () => {
  const other = visit(service);
  const signedIn = await signIn(other, OWNER, PASSWORD, freshCode(factor.secret, factor.used));
  assert.equal(signedIn.json.state, 'signed_in', JSON.stringify(signedIn.json));
  const listed = (await owner.call('GET', '/iam/v1/me/sessions')).json.items;
  assert.ok(listed.length >= 2);
  assert.equal(listed.filter(({ current }: { current: boolean }) => current).length, 1);
  assert.equal(listed[0].agent, 'a browser of the tests');
  const changed = 'six lanterns on the quay';
  const wrong = await owner.call('PUT', '/iam/v1/me/password', { current: 'not it at all', new: changed });
  assert.deepEqual([wrong.status, wrong.json.field], [400, 'current']);
  const before = owner.cookie;
  const right = await owner.call('PUT', '/iam/v1/me/password', { current: PASSWORD, new: changed });
  assert.equal(right.json.state, 'signed_in', JSON.stringify(right.json));
  assert.notEqual(owner.cookie, before);
  assert.deepEqual((await other.call('GET', '/iam/v1/session')).json, { state: 'signed_out' });
  const old = visit(service);
  old.cookie = before;
  assert.deepEqual((await old.call('GET', '/iam/v1/session')).json, { state: 'signed_out' });
  assert.equal((await owner.call('GET', '/iam/v1/me/sessions')).json.items.length, 1);
  const refused = await old.call('POST', '/iam/v1/session', { email: OWNER, password: PASSWORD });
  const unknown = await old.call('POST', '/iam/v1/session', {
    email: 'nobody@example.test',
    password: PASSWORD,
  });
  assert.deepEqual(
    [refused.status, refused.json],
    [401, unknown.json],
    'known and unknown are refused alike',
  );
  assert.equal(
    (await owner.call('PUT', '/iam/v1/me/password', { current: changed, new: PASSWORD })).status,
    200,
  );
});

test('an open session alone adds and removes no way to sign in: the password or a code is asked for again', async () => {
  const me = async () => (await owner.call('GET', '/iam/v1/me')).json;
  const made = '01920000-0000-7000-8000-000000000000';
  const factors = [
    ['POST', '/iam/v1/me/totp', {}],
    ['POST', '/iam/v1/me/totp/confirm', { code: '123456' }],
    ['DELETE', '/iam/v1/me/totp', undefined],
    ['POST', '/iam/v1/me/passkeys/options', {}],
    [
      'POST',
      '/iam/v1/me/passkeys',
      { name: 'x', response: { id: 'A', rawId: 'A', type: 'public-key', response: {} } },
    ],
    ['DELETE', `/iam/v1/me/passkeys/${made}`, undefined],
    ['POST', '/iam/v1/me/recovery_codes', {}],
    ['POST', `/iam/v1/members/${(await me()).id}/reset`, {}],
  ] as const;
  /** As if the proof were eleven minutes old. */
  function age(): void {
    const db = new DatabaseSync(join(service.directory, 'hikyaku.sqlite'), { timeout: 5000 });
    db.exec(`UPDATE session SET created_at = created_at - ${11 * 60_000}`);
    db.close();
  }
  const before = await me();
  assert.ok(Date.parse(before.confirmed_until) > Date.now());
  age();
  const aged = await me();
  assert.ok(Date.parse(aged.confirmed_until) < Date.now());
  for (const [method, path, body] of factors) {
    const refused = await owner.call(method, path, body);
    assert.deepEqual([refused.status, refused.json.type], [403, '/problems/confirmation-needed'], path);
  }
  assert.deepEqual(await me(), aged, 'nothing has changed');
  const confirm = (body: object) => owner.call('POST', '/iam/v1/me/confirmation', body);
  for (const body of [{}, { password: PASSWORD, code: '123456' }, { password: 'wrong' }, { code: '000000' }])
    assert.equal((await confirm(body)).status, 400, JSON.stringify(body));
  const cookie = owner.cookie;
  const byPassword = await confirm({ password: PASSWORD });
  assert.equal(byPassword.status, 200, JSON.stringify(byPassword.json));
  assert.notEqual(owner.cookie, cookie);
  assert.equal((await owner.call('POST', '/iam/v1/me/recovery_codes', {})).status, 200);
  age();
  assert.equal((await owner.call('POST', '/iam/v1/me/recovery_codes', {})).status, 403);
  const audit = (await owner.call('GET', '/iam/v1/me')).json;
  assert.equal(audit.recovery_codes_left, 10);
});
