/**
 * Domains, their keys and their records: every field of these resources has a value here, typed by the contract.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Resources } from '../../src/contract/resources/index.ts';
import type { DomainId, ProjectId } from '../../src/runtime/ids.ts';
import { openBeside } from './beside.ts';
import { type DnsServer, portOf, startDns } from './harness.ts';
import { type Journey, startJourney } from './journey.ts';
import { type Prepared, prepareProject } from './prepared-project.ts';
import { anId, aTime, like, type TypedApi, typedApi } from './typed.ts';

const SHOP = 'shop.test';
const SPARE = 'spare-shop.test';
const EXCHANGE = '10 mail.sender.test';
const SPF = 'v=spf1 include:_spf.mail.sender.test -all';
const CHALLENGE = /^hikyaku-verification=[0-9a-f]{48}$/;

describe('the resources of domains', () => {
  let dns: DnsServer;
  let journey: Journey;
  let prepared: Prepared;
  let api: TypedApi;
  let base: string;
  let ofDomain: string;
  before(async () => {
    dns = await startDns();
    journey = await startJourney({ HIKYAKU_DNS_SERVERS: dns.address });
    prepared = await prepareProject(journey, SHOP, 'shop');
    api = typedApi((method, path, body) => journey.call(method, path, body, prepared.who));
    base = `http://localhost:${portOf(journey.service.ready.http)}`;
    ofDomain = `/mta/v1/domains/${prepared.ids.domain}`;
  });
  after(async () => {
    await prepared[Symbol.asyncDispose]();
    await journey[Symbol.asyncDispose]();
    await dns[Symbol.asyncDispose]();
  });

  test('OwnedDomain: proved, and one that looks like another name', async () => {
    const owned = await api.get<'OwnedDomain'>(`/iam/v1/domains/${prepared.ids.ownedDomain}`);
    assert.deepEqual(owned, {
      id: prepared.ids.ownedDomain,
      self: `${base}/iam/v1/domains/${prepared.ids.ownedDomain}`,
      name: SHOP,
      unicode_name: SHOP,
      warning: null,
      verified: true,
      verified_at: aTime(owned.verified_at),
      ownership: {
        name: `_hikyaku-challenge.${SHOP}`,
        type: 'TXT',
        value: like(owned.ownership.value, CHALLENGE),
        seen_at: null,
        checked_at: null,
        lost_since: null,
        ended: null,
      },
      next_step: null,
      created_at: aTime(owned.created_at),
    } satisfies Resources['OwnedDomain']);

    const name = 'xn--shp2-65d.example.com';
    const { id } = await api.send<'OwnedDomain'>('POST', '/iam/v1/domains', { name: 'shоp2.example.com' });
    const made = await api.get<'OwnedDomain'>(`/iam/v1/domains/${id}`);
    const { value } = made.ownership;
    assert.deepEqual(made, {
      id: anId(id),
      self: `${base}/iam/v1/domains/${id}`,
      name,
      unicode_name: 'shоp2.example.com',
      warning: {
        code: 'mixed_script',
        message: '"shоp2" mixes scripts. People may mistake it for another name.',
        message_ja: '「shоp2」には複数の文字体系が混在しています。別の名前と見間違えられるおそれがあります。',
      },
      verified: false,
      verified_at: null,
      ownership: {
        name: `_hikyaku-challenge.${name}`,
        type: 'TXT',
        value: like(value, CHALLENGE),
        seen_at: null,
        checked_at: null,
        lost_since: null,
        ended: null,
      },
      next_step: {
        code: 'publish_challenge',
        message: `Publish the TXT record _hikyaku-challenge.${name} with ${value}, then ask for verification.`,
        message_ja: `TXT レコード _hikyaku-challenge.${name} に ${value} を登録してから、確認を実行してください。`,
      },
      created_at: aTime(made.created_at),
    } satisfies Resources['OwnedDomain']);
  });

  test('OwnedDomain: another project has proved that it owns the name', async () => {
    const name = 'sender.test';
    const former = typedApi(journey.call);
    const [before] = await former.list<'OwnedDomain'>('/iam/v1/domains');
    const later = await api.send<'OwnedDomain'>('POST', '/iam/v1/domains', { name });
    dns.set(later.ownership.name, 'TXT', [later.ownership.value]);
    await api.send<'OwnedDomain'>('POST', `/iam/v1/domains/${later.id}/verify`);
    const moved = await former.get<'OwnedDomain'>(`/iam/v1/domains/${before!.id}`);
    const { value } = before!.ownership;
    const record = `_hikyaku-challenge.${name}`;
    assert.deepEqual(moved.ownership, {
      name: record,
      type: 'TXT',
      value,
      seen_at: aTime(moved.ownership.seen_at),
      checked_at: aTime(moved.ownership.checked_at),
      lost_since: null,
      ended: 'moved',
      message: `Another project verified its ownership of ${name}. To get the domain back, publish the TXT record ${record} with ${value}, have the record of the other project removed, and verify again.`,
      message_ja: `${name} の所有権は別のプロジェクトで確認されました。取り戻すには、TXT レコード ${record} に ${value} を登録し、別のプロジェクトのレコードを削除してから、もう一度確認してください。`,
    } satisfies Resources['OwnedDomain']['ownership']);
    assert.deepEqual([moved.verified, moved.next_step?.code], [false, 'verify_again']);
  });

  test('MtaDomain with its next step, RemovedDomain', async () => {
    const [removed, ...others] = await api.list<'RemovedDomain'>('/mta/v1/removed_domains');
    assert.deepEqual(others, []);
    assert.deepEqual(removed, {
      id: anId(removed?.id),
      name: SPARE,
      unicode_name: SPARE,
      reason: 'deleted',
      usage: { self: `${base}/mta/v1/domains/${removed?.id}/usage` },
      created_at: aTime(removed?.created_at),
      removed_at: aTime(removed?.removed_at),
    } satisfies Resources['RemovedDomain']);

    const domain = { self: `${base}/iam/v1/domains/${prepared.ids.provedDomain}` };
    const default_topic = { self: `${base}/edj/v1/topics/${prepared.ids.topic}` };
    const { id } = await api.send<'MtaDomain'>('POST', '/mta/v1/domains', { domain, default_topic });
    const spare = await api.get<'MtaDomain'>(`/mta/v1/domains/${id}`);
    assert.deepEqual(spare, {
      id: anId(id),
      self: `${base}/mta/v1/domains/${id}`,
      name: SPARE,
      unicode_name: SPARE,
      domain: { self: domain.self },
      default_topic: { self: default_topic.self },
      receiving: true,
      mx_seen: false,
      dkim_enabled: false,
      dkim: { enabled: false, rotation_days: 180 },
      limits: { per_minute: null, per_day: null },
      next_step: {
        code: 'check_dns',
        message: like(spare.next_step?.message, /^Publish the records listed under dns\. /),
        message_ja: like(spare.next_step?.message_ja, /^dns に示されたレコードを登録してください。/),
      },
      created_at: aTime(spare.created_at),
    } satisfies Resources['MtaDomain']);
  });

  test('DkimKey', async () => {
    const key = await api.get<'DkimKey'>(`${ofDomain}/dkim_keys/${prepared.ids.dkimKey}`);
    const name = `${key.selector}._domainkey.${SHOP}`;
    assert.deepEqual(key, {
      id: prepared.ids.dkimKey,
      self: `${base}${ofDomain}/dkim_keys/${prepared.ids.dkimKey}`,
      selector: like(key.selector, /^hk[0-9a-f]{8}e$/),
      algorithm: 'ed25519-sha256',
      bits: null,
      state: 'pending',
      active: false,
      record: { name, type: 'TXT', value: key.public_key },
      public_key: like(key.public_key, /^v=DKIM1; k=ed25519; p=[\w+/]{43}=$/),
      seen_since: null,
      record_may_go_at: null,
      changed_at: aTime(key.changed_at),
      created_at: aTime(key.created_at),
      message: `Publish the TXT record ${name}. The key begins to sign by itself five days after it is first seen.`,
      message_ja: `TXT レコード ${name} を登録してください。鍵が確認されてから 5 日後に、この鍵での署名が自動で始まります。`,
    } satisfies Resources['DkimKey']);
  });

  test('DomainDns: records, the last check, and a record that may go', async () => {
    await using beside = await openBeside(journey);
    const project = prepared.ids.project as ProjectId;
    const keys = await beside.read.dkimKeys(project, prepared.ids.domain as DomainId);
    const rsa = keys.find(({ algorithm }) => algorithm === 'rsa-sha256')!;
    const now = Date.now();
    await beside.transact(project, (tx) =>
      tx.moveDkimKey(
        { ...rsa, state: 'retired', sealedPrivateKey: Buffer.alloc(0), changedAt: now },
        rsa.state,
      ),
    );
    dns.set(SHOP, 'MX', [{ preference: 10, exchange: 'mail.sender.test' }]);
    dns.set(SHOP, 'TXT', [SPF]);
    dns.set('_spf.mail.sender.test', 'TXT', ['v=spf1 ip4:192.0.2.25 -all']);
    const read = await api.send<'DomainDns'>('POST', `${ofDomain}/dns/check`);
    const check = read.last_check!;
    const srv = `_submission._tcp.${SHOP}`;
    const obsolete = `${rsa.selector}._domainkey.${SHOP}`;
    assert.deepEqual(read, {
      records: [
        {
          purpose: 'mx',
          type: 'MX',
          name: SHOP,
          value: EXCHANGE,
          zone_value: `${EXCHANGE}.`,
          required: true,
          state: 'ok',
          found: [],
        },
        ...read.records.slice(1, -1),
        {
          purpose: 'client',
          type: 'SRV',
          name: srv,
          value: '10 0 587 mail.sender.test',
          zone_value: '10 0 587 mail.sender.test.',
          required: false,
          state: 'missing',
          found: [],
          message: `Mail clients cannot find their settings by themselves. If you want them to, add the record ${srv}.`,
          message_ja: `メールソフトが設定を自動で見つけられません。必要な場合は、レコード ${srv} を登録してください。`,
        },
      ],
      obsolete_records: [
        {
          type: 'TXT',
          name: obsolete,
          message: `The key has retired. You may remove the record ${obsolete}.`,
          message_ja: `鍵は廃止されました。レコード ${obsolete} は削除してかまいません。`,
        },
      ],
      dkim_zone: null,
      last_check: {
        checked_at: aTime(check.checked_at),
        observed_at: aTime(check.observed_at),
        authoritative: false,
        mx: { status: 'ok', expected: [EXCHANGE], found: [EXCHANGE] },
        spf: { status: 'ok', expected: [SPF], found: [SPF] },
        dkim: {
          status: 'missing',
          expected: keys
            .filter(({ state, id }) => state === 'active' && id !== rsa.id)
            .map((key) => `${key.selector}._domainkey.${SHOP} ${key.publicRecord}`),
          found: [],
          message: like(check.dkim.message, /^The DKIM key is not published\. /),
          message_ja: like(check.dkim.message_ja, /^DKIM 鍵が公開されていません。/),
        },
        dmarc: {
          status: 'missing',
          expected: ['v=DMARC1; p=none'],
          found: [],
          message: `There is no DMARC record. Publish the TXT record _dmarc.${SHOP} with v=DMARC1; p=none`,
          message_ja: `DMARC レコードがありません。TXT レコード _dmarc.${SHOP} に v=DMARC1; p=none を登録してください。`,
        },
      },
      mx_seen: true,
      dkim_enabled: true,
    } satisfies Resources['DomainDns']);
  });
});
