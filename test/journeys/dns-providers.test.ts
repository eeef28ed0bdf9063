/**
 * Automatic DNS setup over HTTP with a fake Gehirn DNS: plan, apply, unchanged records, conflicts, undo,
 * history.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type FakeGehirnDns, startFakeGehirnDns } from '../../src/testing/fake-gehirn-dns.ts';
import { startFakeHttp } from '../../src/testing/fake-http.ts';
import { bootstrap, type DnsServer, startDns } from './harness.ts';
import { type Journey, type Json, startJourney } from './journey.ts';

const ZONE = 'sender.test';
const FOREIGN = ['site=abc', 'say "hi"; and \\ go', '飛脚 メール', `long ${'0123456789;'.repeat(40)}`];
const SPF = 'v=spf1 include:spf.example.net ~all';
const CONTENTS = [
  {
    name: `${ZONE}.`,
    type: 'TXT',
    enable_alias: false,
    ttl: 900,
    records: [FOREIGN[0], FOREIGN[1], SPF, FOREIGN[2], FOREIGN[3]].map((data) => ({ data })),
  },
  {
    name: `${ZONE}.`,
    type: 'MX',
    enable_alias: false,
    ttl: 600,
    records: [{ prio: 5, exchange: 'mx.example.net.' }],
  },
  {
    name: `_dmarc.${ZONE}.`,
    type: 'TXT',
    enable_alias: false,
    ttl: 300,
    records: [{ data: 'v=DMARC1; p=reject' }],
  },
];
interface Setting extends AsyncDisposable {
  readonly journey: Journey;
  readonly dns: FakeGehirnDns;
  readonly account: Json;
  readonly path: string;
  post(what: 'plan' | 'apply' | 'undo', body: object): Promise<{ status: number; json: Json }>;
}
async function start(editable = false): Promise<Setting> {
  const dns = await startFakeGehirnDns({ zones: [ZONE, 'other.example'], editable });
  for (const record of CONTENTS) dns.put(ZONE, record);
  // The service's lookups after a change also stay on this machine.
  const resolver: DnsServer = await startDns();
  const journey = await startJourney({ HIKYAKU_DNS_SERVERS: resolver.address });
  const made = await journey.call('POST', '/mta/v1/dns_accounts', {
    provider: 'gehirn',
    name: 'our zones',
    settings: { token_id: dns.token.id, secret: dns.token.secret, api_url: dns.url },
  });
  assert.equal(made.status, 201, JSON.stringify(made.json));
  const path = `/mta/v1/domains/${journey.who.domain_id}/dns`;
  return {
    journey,
    dns,
    account: made.json,
    path,
    post: (what, body) => journey.call('POST', `${path}/${what}`, body),
    async [Symbol.asyncDispose]() {
      await journey[Symbol.asyncDispose]();
      await resolver[Symbol.asyncDispose]();
      await dns[Symbol.asyncDispose]();
    },
  };
}

test('a zone with foreign records is planned, set, and restored octet for octet', async () => {
  await using setting = await start();
  const { dns, account, post, journey } = setting;
  const before = structuredClone(dns.live(ZONE));
  const reference = { account: { self: account.self } };
  const tested = await journey.call('POST', `/mta/v1/dns_accounts/${account.id}/test`);
  assert.deepEqual(tested.json, { ok: true, error: null, domains: [{ name: ZONE, zone: ZONE }] });

  const planned = await post('plan', reference);
  assert.equal(planned.status, 200, JSON.stringify(planned.json));
  const plan = planned.json;
  assert.deepEqual(plan.replaces_mx, ['5 mx.example.net']);
  assert.deepEqual(plan.conflicts, []);
  assert.deepEqual(
    plan.kept.map(({ name }: Json) => name),
    [`_dmarc.${ZONE}`],
  );
  for (const { message, message_ja: japanese } of [...plan.changes, ...plan.kept]) {
    assert.match(message, /^[A-Z].*\.$/s);
    assert.match(japanese, /。$/);
  }
  const mx = plan.changes.find(({ type }: Json) => type === 'MX');
  assert.deepEqual(mx.before, ['5 mx.example.net']);
  assert.deepEqual(mx.after, ['10 mail.sender.test']);
  assert.deepEqual(dns.live(ZONE), before, 'a plan changes nothing');

  const apply = { ...reference, plan_id: plan.id };
  const unconfirmed = await post('apply', apply);
  assert.deepEqual(
    [unconfirmed.status, unconfirmed.json.type],
    [409, '/problems/mx-replacement-unconfirmed'],
  );
  assert.match(unconfirmed.json.detail, /5 mx\.example\.net/);
  const applied = await post('apply', { ...apply, replace_mx: true });
  assert.equal(applied.status, 200, JSON.stringify(applied.json));
  assert.equal(applied.json.state, 'applied');
  assert.equal(applied.json.done.length, plan.changes.length);
  const live = dns.live(ZONE);
  const txt = live.find(({ name, type }) => name === `${ZONE}.` && type === 'TXT')!;
  assert.deepEqual(
    txt.records.map(({ data }) => data),
    [
      FOREIGN[0],
      FOREIGN[1],
      SPF.replace('v=spf1', 'v=spf1 include:_spf.mail.sender.test'),
      FOREIGN[2],
      FOREIGN[3],
    ],
  );
  assert.equal(txt.ttl, 900);
  const names = live.map(({ name, type }) => `${name} ${type}`);
  for (const [name, type] of [
    ['_hikyaku-challenge', 'TXT'],
    ['_submissions._tcp', 'SRV'],
    ['_submission._tcp', 'SRV'],
  ])
    assert.ok(names.includes(`${name}.${ZONE}. ${type}`), `${name} in ${names}`);
  assert.equal(names.filter((name) => name.includes('._domainkey.')).length, 2);
  assert.deepEqual(live.find(({ name }) => name.startsWith('_dmarc'))!.records, CONTENTS[2]!.records);

  const second = await post('plan', reference);
  assert.deepEqual([second.json.changes, second.json.replaces_mx], [[], []]);
  const again = await post('apply', { ...apply, replace_mx: true });
  assert.deepEqual([again.status, again.json.field], [400, 'plan_id'], 'a plan is used once');

  const undone = await post('undo', { change_id: applied.json.id });
  assert.equal(undone.status, 200, JSON.stringify(undone.json));
  assert.deepEqual([undone.json.kind, undone.json.undoes], ['undo', applied.json.id]);
  assert.deepEqual(dns.live(ZONE), before);

  const history = await journey.call('GET', `${setting.path}/changes`);
  assert.deepEqual(
    history.json.items.map(({ kind, state, actor }: Json) => [kind, state, actor]),
    [
      ['undo', 'applied', `api_client ${journey.who.api_client_id}`],
      ['apply', 'applied', `api_client ${journey.who.api_client_id}`],
    ],
  );
  const removed = await journey.call('DELETE', `/mta/v1/dns_accounts/${account.id}`);
  assert.equal(removed.status, 204);
  const orphan = await post('undo', { change_id: applied.json.id });
  assert.deepEqual([orphan.status, orphan.json.type], [409, '/problems/dns-account-gone']);
});

test('DNS that is no longer as planned is left alone, by apply and by undo; MX can be left out', async () => {
  await using setting = await start(true);
  const { dns, account, post, path, journey } = setting;
  const reference = { account: { self: account.self } };
  const stale = (await post('plan', reference)).json;
  const theirs = { ...CONTENTS[0]!, records: [{ data: 'theirs' }] };
  dns.put(ZONE, theirs);
  const before = structuredClone(dns.live(ZONE));
  const refused = await post('apply', { ...reference, plan_id: stale.id, replace_mx: false });
  assert.deepEqual([refused.status, refused.json.type], [409, '/problems/dns-changed']);
  assert.match(refused.json.detail, /TXT sender\.test/);
  assert.deepEqual(dns.live(ZONE), before);
  const plan = (await post('plan', reference)).json;
  const applied = await post('apply', { ...reference, plan_id: plan.id, replace_mx: false });
  assert.equal(applied.status, 200, JSON.stringify(applied.json));
  const mx = () => dns.live(ZONE).find(({ type }) => type === 'MX');
  assert.deepEqual(mx(), CONTENTS[1]);
  dns.put(ZONE, { ...theirs, records: [{ data: 'changed since' }] });
  const undo = await post('undo', { change_id: applied.json.id });
  assert.deepEqual([undo.status, undo.json.type], [409, '/problems/dns-changed']);
  assert.match(undo.json.detail, /TXT sender\.test/);
  const states = (await journey.call('GET', `${path}/changes`)).json.items.map(({ state }: Json) => state);
  assert.deepEqual(states, ['failed', 'applied', 'failed']);
  // A domain that only sends keeps its MX.
  await journey.call('PATCH', `/mta/v1/domains/${journey.who.domain_id}`, { receiving: false });
  const sending = (await post('plan', reference)).json;
  const planned = sending.changes.filter(({ type }: Json) => type === 'MX');
  assert.deepEqual([sending.replaces_mx, planned], [[], []]);
});

test('what is wrong is said: credentials, zone, address, settings, account, plan', async () => {
  await using setting = await start();
  const { dns, account, post, journey } = setting;
  const make = (name: string, settings: object) =>
    journey.call('POST', '/mta/v1/dns_accounts', { provider: 'gehirn', name, settings });
  const good = { token_id: dns.token.id, secret: dns.token.secret, api_url: dns.url };
  const wrong = (await make('wrong', { ...good, secret: 'no' })).json;
  const tested = await journey.call('POST', `/mta/v1/dns_accounts/${wrong.id}/test`);
  assert.deepEqual([tested.json.ok, tested.json.error.code, tested.json.domains], [false, 'credentials', []]);
  assert.match(tested.json.error.message_ja, /認証情報/);
  const planned = await post('plan', { account: { self: wrong.self } });
  assert.deepEqual([planned.status, planned.json.type], [409, '/problems/dns-provider-credentials']);
  const closed = await startFakeHttp(() => ({ status: 200 }));
  await closed[Symbol.asyncDispose]();
  const dead = (await make('dead', { ...good, api_url: closed.url })).json;
  const silent = await post('plan', { account: { self: dead.self } });
  assert.deepEqual([silent.status, silent.json.type], [502, '/problems/dns-provider-unreachable']);
  const twice = await make('our zones', good);
  assert.deepEqual([twice.status, twice.json.type], [409, '/problems/conflict']);
  for (const [settings, field] of [
    [{ token_id: 'x' }, 'settings.secret'],
    [{ ...good, colour: 'red' }, 'settings.colour'],
    [{ ...good, api_url: 'ftp://x.test' }, 'settings.api_url'],
  ] as const) {
    const refused = await make('bad', settings);
    assert.deepEqual([refused.status, refused.json.field], [400, field]);
  }
  const unknown = await post('plan', { account: { self: `${account.self.slice(0, -12)}000000000000` } });
  assert.deepEqual([unknown.status, unknown.json.field], [400, 'account.self']);
  const plan = (await post('plan', { account: { self: account.self } })).json;
  const other = await post('apply', { account: { self: wrong.self }, plan_id: plan.id, replace_mx: true });
  assert.deepEqual([other.status, other.json.field], [400, 'account.self']);
  // A domain whose zone is not in the account.
  const theirs = await bootstrap(journey.service.env, 'elsewhere.test', '--project', 'other');
  const theirAccount = await journey.call(
    'POST',
    '/mta/v1/dns_accounts',
    { provider: 'gehirn', name: 'x', settings: good },
    theirs,
  );
  const nowhere = await journey.call(
    'POST',
    `/mta/v1/domains/${theirs.domain_id}/dns/plan`,
    { account: { self: theirAccount.json.self } },
    theirs,
  );
  assert.deepEqual([nowhere.status, nowhere.json.type], [409, '/problems/dns-zone-not-found']);
  const foreign = await journey.call(
    'POST',
    `/mta/v1/domains/${theirs.domain_id}/dns/plan`,
    { account: { self: account.self } },
    theirs,
  );
  assert.deepEqual([foreign.status, foreign.json.field], [400, 'account.self'], 'another project’s account');
});

test('an account is changed and listed; its credentials are seen nowhere', async () => {
  await using setting = await start();
  const { dns, account, journey } = setting;
  const path = `/mta/v1/dns_accounts/${account.id}`;
  assert.deepEqual(account.settings, { token_id: dns.token.id, api_url: dns.url });
  const renamed = await journey.call('PATCH', path, { name: 'renamed' });
  assert.deepEqual([renamed.json.name, renamed.json.settings], ['renamed', account.settings]);
  const partly = await journey.call('PATCH', path, { settings: { api_url: 'http://127.0.0.1:1' } });
  assert.deepEqual(
    [partly.status, partly.json.field],
    [400, 'settings.token_id'],
    'a new address needs the secret',
  );
  const changed = await journey.call('PATCH', path, {
    settings: { token_id: dns.token.id, secret: 'sesame-open', api_url: dns.url },
  });
  assert.equal(changed.status, 200);
  assert.equal((await journey.call('POST', `${path}/test`)).json.ok, false);
  const list = await journey.call('GET', '/mta/v1/dns_accounts');
  assert.deepEqual(list.json.items, [changed.json]);
  const answers = [account, renamed.json, changed.json, list.json].map((each) => JSON.stringify(each)).join();
  const files = readdirSync(journey.service.directory, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.startsWith('hikyaku.sqlite'))
    .map(({ name }) => readFileSync(join(journey.service.directory, name), 'latin1'));
  assert.ok(files.length > 0);
  for (const secret of [dns.token.secret, 'sesame-open'])
    for (const text of [answers, journey.service.log.join('\n'), ...files])
      assert.ok(!text.includes(secret), 'a credential was found');
  assert.equal((await journey.call('DELETE', path)).status, 204);
  assert.equal((await journey.call('GET', path)).status, 404);
});

test('without leave no account is taken that would be spoken to in clear, nor is a private address spoken to', async () => {
  await using journey = await startJourney({ HIKYAKU_ALLOW_PRIVATE_TARGETS: 'false' });
  const make = (api_url: string) =>
    journey.call('POST', '/mta/v1/dns_accounts', {
      provider: 'gehirn',
      name: api_url,
      settings: { token_id: 'a', secret: 'b', api_url },
    });
  const clear = await make('http://127.0.0.1:1');
  assert.deepEqual([clear.status, clear.json.field], [400, 'settings.api_url']);
  for (const target of [
    'https://127.0.0.1:9443',
    'https://[::ffff:127.0.0.1]:9443',
    'https://localhost:9443',
    'https://0x7f.1:9443',
  ]) {
    const account = await make(target);
    assert.equal(account.status, 201);
    const { json } = await journey.call('POST', `/mta/v1/dns_accounts/${account.json.id}/test`);
    assert.deepEqual([json.ok, json.error.code], [false, 'blocked-address'], target);
  }
});

test('reading roles may see accounts and history, not plan or apply', async () => {
  await using setting = await start();
  const { account, journey, path } = setting;
  const client = await journey.call('POST', '/iam/v1/api_clients', {
    name: 'half',
    roles: ['mta.domains.update', 'mta.domains.get', 'mta.dns_accounts.get'],
  });
  const key = await journey.call('POST', `/iam/v1/api_clients/${client.json.id}/static_keys`, {});
  const half = { ...journey.who, key: key.json };
  const plan = await journey.call('POST', `${path}/plan`, { account: { self: account.self } }, half);
  assert.equal(plan.status, 200);
  const apply = { account: { self: account.self }, plan_id: plan.json.id, replace_mx: true };
  assert.equal((await journey.call('POST', `${path}/apply`, apply, half)).status, 403);
  assert.equal(
    (await journey.call('POST', `/mta/v1/dns_accounts/${account.id}/test`, undefined, half)).status,
    403,
  );
  assert.equal((await journey.call('GET', `${path}/changes`, undefined, half)).status, 200);
});
