/**
 * What people read of themselves: every field of these resources has a value here, typed by the contract.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Resources } from '../../src/contract/resources/index.ts';
import { type Browser, ORIGIN, openBrowser, softwareAuthenticator } from './browser.ts';
import { eventually, type Running, startService } from './harness.ts';
import { freshCode, linkIn, OWNER, PASSWORD, visit } from './people-steps.ts';
import { anId, aTime, like, type TypedApi, typedApi } from './typed.ts';

const TOKEN = /^[\w-]{43}$/;

describe('the resources of a person', () => {
  let service: Running;
  let owner: Browser;
  let api: TypedApi;
  let member: Resources['ChangedAccount'];
  const device = softwareAuthenticator();
  before(async () => {
    service = await startService({ HIKYAKU_PUBLIC_URL: ORIGIN });
    owner = openBrowser(service.ready.http);
    api = typedApi(owner.call);
  });
  after(() => service[Symbol.asyncDispose]());

  test('Session in its four states, NewTotp', async () => {
    const token = await eventually('the link is printed', async () =>
      service.log.some((line) => line.includes('/#/link/')) ? linkIn(service) : null,
    );
    const nobody = await api.get<'Session'>('/iam/v1/session');
    assert.deepEqual(nobody, { state: 'signed_out' } satisfies Resources['Session']);

    const opened = await api.send<'Session'>('POST', '/iam/v1/session/link', { token, email: OWNER });
    assert.ok(opened.state === 'set_up');
    member = {
      id: anId(opened.member.id),
      email: OWNER,
      name: 'owner',
      language: 'en',
      instance_roles: ['operator'],
      created_at: aTime(opened.member.created_at),
    };
    assert.deepEqual(opened, {
      state: 'set_up',
      member: {
        id: member.id,
        email: OWNER,
        name: 'owner',
        language: 'en',
        instance_roles: ['operator'],
        created_at: member.created_at,
      },
      missing: ['password', 'second_factor'],
      csrf_token: like(opened.csrf_token, TOKEN),
    } satisfies Resources['Session']);

    await api.send<'Session'>('PUT', '/iam/v1/me/password', { new: PASSWORD });
    const totp = await api.send<'NewTotp'>('POST', '/iam/v1/me/totp', {});
    assert.deepEqual(totp, {
      secret: like(totp.secret, /^[A-Z2-7]{32}$/),
      uri: `otpauth://totp/Hikyaku%20mail.sender.test:owner%40example.test?issuer=Hikyaku%20mail.sender.test&secret=${totp.secret}&algorithm=SHA1&digits=6&period=30`,
    } satisfies Resources['NewTotp']);
    const code = freshCode(totp.secret, new Set());
    await api.send<'Session'>('POST', '/iam/v1/me/totp/confirm', { code });
    const session = await api.get<'Session'>('/iam/v1/session');
    assert.ok(session.state === 'signed_in');
    const sandbox = anId(session.projects[0]?.id);
    assert.deepEqual(session, {
      state: 'signed_in',
      member: {
        id: member.id,
        email: OWNER,
        name: 'owner',
        language: 'en',
        instance_roles: ['operator'],
        created_at: member.created_at,
      },
      projects: [
        {
          id: sandbox,
          self: `${ORIGIN}/iam/v1/projects/${sandbox}`,
          name: 'sandbox',
          roles: ['owner'],
          closed_at: null,
        },
      ],
      csrf_token: like(session.csrf_token, TOKEN),
    } satisfies Resources['Session']);
  });

  test('passkeys, recovery codes, Account, OwnSession', async () => {
    const creation = await api.send<'PasskeyCreation'>('POST', '/iam/v1/me/passkeys/options');
    const { challenge, rp, user, excludeCredentials } = creation;
    assert.deepEqual({ challenge, rp, user, excludeCredentials }, {
      challenge: like(creation.challenge, TOKEN),
      rp: { id: 'localhost', name: 'Hikyaku' },
      user: { id: Buffer.from(member.id).toString('base64url'), name: OWNER, displayName: 'owner' },
      excludeCredentials: [],
    } satisfies Resources['PasskeyCreation']);
    const response = device.create(creation);
    const made = await api.send<'NewPasskey'>('POST', '/iam/v1/me/passkeys', { name: 'phone', response });
    const self = `${ORIGIN}/iam/v1/me/passkeys/${made.id}`;
    const session = await api.get<'Session'>('/iam/v1/session');
    assert.deepEqual(made, {
      id: anId(made.id),
      self,
      name: 'phone',
      created_at: aTime(made.created_at),
      last_used_at: null,
      session,
    } satisfies Resources['NewPasskey']);
    const passkey = {
      id: made.id,
      self,
      name: 'phone',
      created_at: made.created_at,
      last_used_at: null,
    } satisfies Resources['Passkey'];
    assert.deepEqual(await api.list<'Passkey'>('/iam/v1/me/passkeys'), [passkey]);

    const recovery = await api.send<'RecoveryCodes'>('POST', '/iam/v1/me/recovery_codes');
    assert.deepEqual(recovery, {
      codes: recovery.codes.map((one) => like(one, /^[a-z0-9]{4}(-[a-z0-9]{4}){2}$/)),
    } satisfies Resources['RecoveryCodes']);
    assert.equal(recovery.codes.length, 10);
    const account = await api.get<'Account'>('/iam/v1/me');
    assert.deepEqual(account, {
      id: member.id,
      email: OWNER,
      name: 'owner',
      language: 'en',
      instance_roles: ['operator'],
      created_at: member.created_at,
      has_password: true,
      has_totp: true,
      passkeys: [{ id: passkey.id, self, name: 'phone', created_at: passkey.created_at, last_used_at: null }],
      recovery_codes_left: 10,
      confirmed_until: account.confirmed_until,
    } satisfies Resources['Account']);
    const changed = await api.send<'ChangedAccount'>('PATCH', '/iam/v1/me', { name: 'An Owner' });
    assert.deepEqual(changed, {
      id: member.id,
      email: OWNER,
      name: 'An Owner',
      language: 'en',
      instance_roles: ['operator'],
      created_at: member.created_at,
    } satisfies Resources['ChangedAccount']);

    const [own, ...others] = await api.list<'OwnSession'>('/iam/v1/me/sessions');
    assert.deepEqual(others, []);
    assert.deepEqual(own, {
      id: anId(own?.id),
      self: `${ORIGIN}/iam/v1/me/sessions/${own?.id}`,
      state: 'signed_in',
      current: true,
      created_at: aTime(own?.created_at),
      last_used_at: aTime(own?.last_used_at),
      expires_at: aTime(own?.expires_at),
      address: '127.0.0.1',
      agent: 'a browser of the tests',
    } satisfies Resources['OwnSession']);

    const other = typedApi(visit(service).call);
    const half = await other.send<'Session'>('POST', '/iam/v1/session', { email: OWNER, password: PASSWORD });
    assert.ok(half.state === 'second_factor');
    assert.deepEqual(half, {
      state: 'second_factor',
      methods: ['passkey', 'totp', 'recovery'],
      csrf_token: like(half.csrf_token, TOKEN),
    } satisfies Resources['Session']);
    const request = await other.send<'PasskeyRequest'>('POST', '/iam/v1/session/passkey/options');
    const asked = {
      challenge: request.challenge,
      rpId: request.rpId,
      allowCredentials: request.allowCredentials,
    };
    assert.deepEqual(asked, {
      challenge: like(request.challenge, TOKEN),
      rpId: 'localhost',
      allowCredentials: [{ id: device.id, transports: ['internal'], type: 'public-key' }],
    } satisfies Resources['PasskeyRequest']);
  });
});
