/**
 * Accounts at DNS providers, plans and changes: every field of these resources has a value here, typed by the
 * contract.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Resources } from '../../src/contract/resources/index.ts';
import { type FakeGehirnDns, startFakeGehirnDns } from '../../src/testing/fake-gehirn-dns.ts';
import { portOf } from './harness.ts';
import { type Journey, startJourney } from './journey.ts';
import { anId, aTime, like, type TypedApi, typedApi } from './typed.ts';

const DOMAIN = 'sender.test';
const OURS = '10 mail.sender.test';

describe('the resources of DNS providers', () => {
  let journey: Journey;
  let zones: FakeGehirnDns;
  let api: TypedApi;
  let base: string;
  let ofDomain: string;
  let account: Resources['DnsAccount'];
  before(async () => {
    journey = await startJourney();
    zones = await startFakeGehirnDns({ zones: [DOMAIN], editable: false });
    api = typedApi(journey.call);
    base = `http://localhost:${portOf(journey.service.ready.http)}`;
    ofDomain = `/mta/v1/domains/${journey.who.domain_id}`;
  });
  after(async () => {
    await zones[Symbol.asyncDispose]();
    await journey[Symbol.asyncDispose]();
  });
  const put = (name: string, type: string, record: Record<string, unknown>) =>
    zones.put(DOMAIN, { name: `${name}.`, type, enable_alias: false, ttl: 600, records: [record] });

  test('Kind', async () => {
    const kinds = await api.list<'Kind'>('/mta/v1/dns_providers');
    assert.deepEqual(kinds.find(({ name }) => name === 'cloudflare')!, {
      name: 'cloudflare',
      label: 'Cloudflare',
      label_ja: 'Cloudflare',
      description: 'An API token that may read the zones and edit their DNS records.',
      description_ja: 'ゾーンの読み取りと DNS レコードの編集ができる API トークンを使います。',
      settings: [
        {
          name: 'api_token',
          type: 'text',
          label: 'API token',
          label_ja: 'API トークン',
          secret: true,
          optional: false,
          default: null,
          choices: [],
        },
        {
          name: 'api_url',
          type: 'text',
          label: 'URL of the API',
          label_ja: 'API の URL',
          secret: false,
          optional: true,
          default: 'https://api.cloudflare.com/client/v4',
          choices: [],
        },
      ],
    } satisfies Resources['Kind']);
  });

  test('DnsAccount, and DnsAccountTest with its error', async () => {
    const settings = { token_id: zones.token.id, secret: zones.token.secret, api_url: zones.url };
    const path = '/mta/v1/dns_accounts';
    const body = { provider: 'gehirn', name: 'mine', settings };
    const { id } = await api.send<'DnsAccount'>('POST', path, body);
    account = await api.get<'DnsAccount'>(`${path}/${id}`);
    assert.deepEqual(account, {
      id: anId(id),
      self: `${base}${path}/${id}`,
      provider: 'gehirn',
      name: 'mine',
      settings: { token_id: zones.token.id, api_url: zones.url },
      created_at: aTime(account.created_at),
    } satisfies Resources['DnsAccount']);
    const tried = await api.send<'DnsAccountTest'>('POST', `${path}/${id}/test`);
    assert.deepEqual(tried, {
      ok: true,
      error: null,
      domains: [{ name: DOMAIN, zone: DOMAIN }],
    } satisfies Resources['DnsAccountTest']);
    const wrong = { ...body, name: 'other', settings: { ...settings, secret: 'wrong' } };
    const other = await api.send<'DnsAccount'>('POST', path, wrong);
    const failed = await api.send<'DnsAccountTest'>('POST', `${path}/${other.id}/test`);
    assert.deepEqual(failed, {
      ok: false,
      error: {
        code: 'credentials',
        message: like(failed.error?.message, /^The DNS provider refused the credentials: /),
        message_ja: like(failed.error?.message_ja, /^DNS サービスが認証情報を受け付けませんでした: /),
      },
      domains: [],
    } satisfies Resources['DnsAccountTest']);
  });

  test('DnsPlan, AppliedDnsChange, DnsChange', async () => {
    put(DOMAIN, 'MX', { prio: 5, exchange: 'mx.example.net.' });
    put(`_dmarc.${DOMAIN}`, 'TXT', { data: 'v=DMARC1; p=reject' });
    put(`_submission._tcp.${DOMAIN}`, 'CNAME', { cname: 'elsewhere.test.' });
    const reference = { account: { self: account.self } };
    const plan = await api.send<'DnsPlan'>('POST', `${ofDomain}/dns/plan`, reference);
    const mx = plan.changes.findIndex(({ purpose }) => purpose === 'mx');
    assert.deepEqual(plan, {
      id: anId(plan.id),
      account: { self: account.self },
      zone: DOMAIN,
      changes: [
        ...plan.changes.slice(0, mx),
        {
          purpose: 'mx',
          name: DOMAIN,
          type: 'MX',
          before: ['5 mx.example.net'],
          after: [OURS],
          ttl: { before: 600, after: 600 },
          message: `Replaces the MX of ${DOMAIN}. Mail no longer goes to 5 mx.example.net, but to this service. You must confirm this.`,
          message_ja: `${DOMAIN} の MX を置き換えます。メールは 5 mx.example.net に届かなくなり、このサービスに届きます。確認が必要です。`,
        },
        ...plan.changes.slice(mx + 1),
      ],
      kept: [
        {
          purpose: 'dmarc',
          name: `_dmarc.${DOMAIN}`,
          type: 'TXT',
          found: ['"v=DMARC1; p=reject"'],
          message: `There is already a DMARC policy at _dmarc.${DOMAIN}. It stays as it is.`,
          message_ja: `_dmarc.${DOMAIN} にはすでに DMARC ポリシーが設定されているため、変更しません。`,
        },
      ],
      conflicts: [
        {
          purpose: 'client',
          name: `_submission._tcp.${DOMAIN}`,
          type: 'CNAME',
          found: ['elsewhere.test'],
          message: `_submission._tcp.${DOMAIN} is a CNAME to elsewhere.test. A name with a CNAME cannot also have SRV. Remove the CNAME, or set the record at its target.`,
          message_ja: `_submission._tcp.${DOMAIN} は elsewhere.test への CNAME です。CNAME と同じ名前に SRV は登録できません。CNAME を削除するか、参照先に登録してください。`,
        },
      ],
      replaces_mx: ['5 mx.example.net'],
      created_at: aTime(plan.created_at),
      expires_at: aTime(plan.expires_at),
    } satisfies Resources['DnsPlan']);

    const apply = { ...reference, plan_id: plan.id, replace_mx: true };
    const applied = await api.send<'AppliedDnsChange'>('POST', `${ofDomain}/dns/apply`, apply);
    const changed = {
      id: anId(applied.id),
      kind: 'apply',
      undoes: null,
      account: { self: account.self },
      zone: DOMAIN,
      state: 'applied',
      changes: [
        ...applied.changes.slice(0, mx),
        {
          name: DOMAIN,
          type: 'MX',
          before: ['5 mx.example.net'],
          after: [OURS],
          ttl: { before: 600, after: 600 },
        },
        ...applied.changes.slice(mx + 1),
      ],
      done: plan.changes.map(({ name, type }) => ({ name, type })),
      cause: null,
      actor: `api_client ${journey.who.api_client_id}`,
      created_at: aTime(applied.created_at),
      completed_at: aTime(applied.completed_at),
    } satisfies Resources['DnsChange'];
    assert.deepEqual(applied, { ...changed, propagated: true } satisfies Resources['AppliedDnsChange']);
    assert.deepEqual(await api.list<'DnsChange'>(`${ofDomain}/dns/changes`), [changed]);
    const body = { change_id: applied.id };
    const undone = await api.send<'AppliedDnsChange'>('POST', `${ofDomain}/dns/undo`, body);
    assert.deepEqual([undone.kind, undone.undoes, undone.state], ['undo', applied.id, 'applied']);
  });
});
