/**
 * Operations that no key may call match their documents: signing in, the own account, what only people do to
 * projects and members. A member calls all of them; a documented operation that is missing here fails the
 * test.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { EXAMPLE } from '../../src/contract/example-ids.ts';
import { type Browser, ORIGIN, openBrowser, softwareAuthenticator } from './browser.ts';
import { bootstrap, eventually, type Running, startService } from './harness.ts';
import { authorization, type Json } from './journey.ts';
import { exampleBodies, pathParameters } from './openapi.ts';
import { type PeopleDocuments, peopleDocuments } from './people-documents.ts';
import { freshCode, linkIn, OWNER, PASSWORD, setUp, visit } from './people-steps.ts';

describe('what people alone may call', () => {
  let service: Running;
  let owner: Browser;
  let documents: PeopleDocuments;
  const device = softwareAuthenticator();
  const factor = { secret: '', used: new Set<string>() };
  before(async () => {
    service = await startService({ HIKYAKU_PUBLIC_URL: ORIGIN });
    owner = openBrowser(service.ready.http);
    documents = await peopleDocuments(service);
  });
  after(() => service[Symbol.asyncDispose]());
  /** Calls an operation that must succeed. */
  async function done(browser: Browser, operation: string, body?: Json, id?: string): Promise<Json> {
    const { status, json } = await documents.ask(browser, operation, body, id);
    assert.ok(status < 300, `${operation}: ${status} ${JSON.stringify(json)}`);
    return json;
  }
  /** Calls an operation that must be refused with a problem of that type. */
  async function refused(browser: Browser, operation: string, type: string, body?: Json, id?: string) {
    const { json } = await documents.ask(browser, operation, body, id);
    assert.equal(json?.type, `/problems/${type}`, `${operation}: ${JSON.stringify(json)}`);
  }
  const code = () => ({ code: freshCode(factor.secret, factor.used) });
  async function withPassword(password: string): Promise<Browser> {
    const browser = visit(service);
    const body = documents.example('iam.sessions.password', 'member', { email: OWNER, password });
    assert.equal((await done(browser, 'iam.sessions.password', body)).state, 'second_factor');
    return browser;
  }
  async function oneTimeCodes(): Promise<void> {
    const begun = await done(owner, 'iam.me.totp.begin');
    Object.assign(factor, { secret: begun.secret, used: new Set() });
    const confirmed = await done(owner, 'iam.me.totp.confirm', code());
    assert.equal(confirmed.state, 'signed_in');
  }

  test('the first owner sets both factors', async () => {
    const token = await eventually('the link is printed', async () =>
      service.log.some((line) => line.includes('/#/link/')) ? linkIn(service) : null,
    );
    const { example } = documents;
    assert.deepEqual(await done(owner, 'iam.sessions.current'), { state: 'signed_out' });
    await refused(owner, 'iam.me.get', 'unauthenticated');
    await refused(owner, 'iam.sessions.link', 'sign-in-refused', example('iam.sessions.link', 'owner'));
    const opened = example('iam.sessions.link', 'owner', { token, email: OWNER });
    assert.equal((await done(owner, 'iam.sessions.link', opened)).state, 'set_up');
    await refused(owner, 'iam.me.update', 'set-up-needed', example('iam.me.update', 'language'));
    assert.equal(example('iam.me.password', 'first').new, PASSWORD);
    await done(owner, 'iam.me.password', example('iam.me.password', 'first'));
    await refused(owner, 'iam.sessions.totp', 'no-second-factor', example('iam.sessions.totp', 'code'));
    await oneTimeCodes();
    assert.equal((await done(owner, 'iam.sessions.current')).state, 'signed_in');
  });

  test('the own account: factors come and go, one remains', async () => {
    const { example } = documents;
    assert.equal((await done(owner, 'iam.me.update', example('iam.me.update', 'language'))).language, 'ja');
    const again = example('iam.me.confirm', 'password', { password: PASSWORD });
    assert.equal((await done(owner, 'iam.me.confirm', again)).state, 'signed_in');
    await refused(owner, 'iam.me.totp.delete', 'last-second-factor');
    const waiting = await withPassword(PASSWORD);
    await refused(waiting, 'iam.sessions.passkey_options', 'no-passkey');
    const options = await done(owner, 'iam.me.passkeys.options');
    const registration = example('iam.me.passkeys.create', 'registration');
    await refused(owner, 'iam.me.passkeys.create', 'validation', registration);
    const response = device.create(await done(owner, 'iam.me.passkeys.options'));
    assert.notEqual(options.challenge, response.challenge);
    const made = await done(owner, 'iam.me.passkeys.create', { ...registration, response });
    const renamed = await done(
      owner,
      'iam.me.passkeys.update',
      example('iam.me.passkeys.update', 'name'),
      made.id,
    );
    assert.equal(renamed.name, 'phone');
    assert.deepEqual((await done(owner, 'iam.me.passkeys.list')).items, [renamed]);
    assert.deepEqual((await done(owner, 'iam.me.get')).passkeys, [renamed]);
    await done(owner, 'iam.me.totp.delete');
    await refused(owner, 'iam.me.passkeys.delete', 'last-second-factor', undefined, made.id);
    await oneTimeCodes();
  });

  test('signing in, by each second factor; sessions are seen and ended', async () => {
    const { example } = documents;
    const recovery = (await done(owner, 'iam.me.recovery_codes.create')).codes[0];
    const byCode = await withPassword(PASSWORD);
    assert.equal((await done(byCode, 'iam.sessions.current')).state, 'second_factor');
    await refused(byCode, 'iam.me.get', 'unauthenticated');
    await done(byCode, 'iam.sessions.totp', code());
    const byRecovery = await withPassword(PASSWORD);
    const unknown = example('iam.sessions.recovery', 'code');
    await refused(byRecovery, 'iam.sessions.recovery', 'sign-in-refused', unknown);
    await done(byRecovery, 'iam.sessions.recovery', { code: recovery });
    const byPasskey = await withPassword(PASSWORD);
    await done(byPasskey, 'iam.sessions.passkey_options');
    const assertion = example('iam.sessions.passkey', 'assertion');
    await refused(byPasskey, 'iam.sessions.passkey', 'sign-in-refused', assertion);
    const request = await done(byPasskey, 'iam.sessions.passkey_options');
    await done(byPasskey, 'iam.sessions.passkey', { response: device.get(request) });
    const { id } = (await done(byCode, 'iam.me.sessions.list')).items.find((item: Json) => item.current);
    await done(owner, 'iam.me.sessions.delete', undefined, id);
    assert.deepEqual(await done(byCode, 'iam.sessions.current'), { state: 'signed_out' });
    await done(byPasskey, 'iam.sessions.delete');
    await done(owner, 'iam.me.sessions.delete_others');
    assert.equal((await done(owner, 'iam.me.sessions.list')).items.length, 1);
    const passkeys = (await done(owner, 'iam.me.passkeys.list')).items;
    await done(owner, 'iam.me.passkeys.delete', undefined, passkeys[0].id);
    const other = example('iam.me.password', 'other');
    assert.equal(other.current, PASSWORD);
    await done(owner, 'iam.me.password', other);
    await done(owner, 'iam.me.password', { current: other.new, new: PASSWORD });
  });

  test('projects and members: what their owner and the operator do', async () => {
    const { example } = documents;
    await refused(owner, 'iam.members.list', 'project-needed');
    const project = await done(owner, 'iam.projects.create', example('iam.projects.create', 'letters'));
    await refused(owner, 'iam.projects.reopen', 'project-open', undefined, project.id);
    const closed = await done(owner, 'iam.projects.close', undefined, project.id);
    assert.notEqual(closed.closed_at, null);
    await refused(owner, 'iam.projects.close', 'project-closed', undefined, project.id);
    assert.equal((await done(owner, 'iam.projects.reopen', undefined, project.id)).closed_at, null);
    const listed = (await done(owner, 'iam.projects.list')).items;
    const sandbox = listed.find((item: Json) => item.sandbox);
    assert.deepEqual(listed.find((item: Json) => item.id === project.id).roles, ['owner']);

    const invite = async (to: string, body: object) => {
      owner.project = to;
      const made = await done(owner, 'iam.invitations.create', {
        ...example('iam.invitations.create', 'reader'),
        ...body,
      });
      return made.sign_in_url.split('/').at(-1) as string;
    };
    const reader = visit(service);
    await setUp(reader, await invite(sandbox.id, {}), { language: 'ja' });
    const second = { token: await invite(project.id, { roles: ['sender'] }) };
    await refused(visit(service), 'iam.sessions.link', 'sign-in-first', second);
    const joined = await done(reader, 'iam.invitations.accept', second);
    assert.deepEqual(joined.roles, ['sender']);
    const third = { token: await invite(project.id, {}) };
    await refused(reader, 'iam.invitations.accept', 'member-already', third);
    const unknown = example('iam.invitations.accept', 'token');
    await refused(reader, 'iam.invitations.accept', 'validation', unknown);
    for (const operation of ['iam.projects.create', 'iam.members.reset']) {
      const body = exampleBodies(documents.one(operation))[0]![1];
      await refused(reader, operation, 'operation-not-permitted', body, joined.id);
    }
    for (const name of ['password', 'both'])
      await done(owner, 'iam.members.reset', example('iam.members.reset', name), joined.id);
    assert.deepEqual(await done(reader, 'iam.sessions.current'), { state: 'signed_out' });
  });

  test('what a browser lacks is told: a page of ours, and the token', async () => {
    for (const [headers, type] of [
      [{ origin: 'http://evil.test' }, 'cross-site'],
      [{ 'hikyaku-csrf': 'x' }, 'csrf-token'],
    ] as const)
      for (const found of documents.api.others.filter(({ method }) => method !== 'GET')) {
        // Signing in begins without a token.
        const begins = ['iam.sessions.password', 'iam.sessions.link'].includes(found.id);
        if (begins && type === 'csrf-token') continue;
        const path = found.path.replace(/\{\w+\}/, EXAMPLE.project);
        const answer = await owner.call(found.method, path, exampleBodies(found)[0]?.[1], headers);
        const verdict = documents.api.judge(
          found,
          answer.status,
          answer.headers.get('content-type'),
          answer.json,
        );
        assert.equal(verdict, null);
        assert.deepEqual([answer.status, answer.json.type], [403, `/problems/${type}`], found.id);
      }
  });

  test('a key gets to none of it, whatever its role', async () => {
    for (const role of ['owner', 'operator']) {
      const who = await bootstrap(service.env, 'keys.test', '--project', 'keys', '--role', role);
      for (const found of documents.api.others) {
        if (found.operation.security.length === 0) continue;
        assert.ok(pathParameters(found).length <= 1);
        const path = found.path.replace(/\{\w+\}/, who.project_id);
        const body = exampleBodies(found)[0]?.[1];
        const response = await fetch(`http://${service.ready.http}${path}`, {
          method: found.method,
          headers: {
            authorization: authorization(who),
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const json: Json = await response.json();
        assert.equal(response.status, 403, `${role} ${found.id}: ${JSON.stringify(json)}`);
        const type = response.headers.get('content-type');
        assert.equal(documents.api.judge(found, response.status, type, json), null);
      }
    }
  });

  test('all of the documents was called', () => {
    const names = documents.api.others.map(({ id }) => id);
    assert.ok(names.length >= 25, `${names.length} operations`);
    assert.deepEqual(
      names.filter((name) => !documents.done.has(name)),
      [],
    );
  });
});
