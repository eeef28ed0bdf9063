/**
 * Domains by the API, over real HTTP and a real DNS server: partly set up, checked in words, claimed,
 * removed; keys; mail clients.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { bootstrap, type DnsServer, eventually, startDns } from './harness.ts';
import { type Journey, type Json, startJourney } from './journey.ts';
import { openSmtp, plain } from './raw-smtp.ts';

interface Stage extends AsyncDisposable {
  readonly dns: DnsServer;
  readonly journey: Journey;
  readonly call: Journey['call'];
}
/** DNS answers are not cached, so what the test changes counts at once. */
async function stage(...sink: string[]): Promise<Stage> {
  const dns = await startDns(0);
  const journey = await startJourney(
    {
      HIKYAKU_DNS_SERVERS: dns.address,
      HIKYAKU_MX_HOSTS: 'mx1.service.test,mx2.service.test',
      HIKYAKU_SPF_INCLUDE: '_spf.service.test',
      HIKYAKU_SUBMISSION_HOST: 'smtp.service.test',
    },
    'admin',
    sink,
  );
  return {
    dns,
    journey,
    call: journey.call,
    async [Symbol.asyncDispose]() {
      await journey[Symbol.asyncDispose]();
      await dns[Symbol.asyncDispose]();
    },
  };
}
const txt = (...values: string[]) => values.map((value) => value.match(/.{1,255}/gs) ?? ['']);
const message = (self: string, from: string, to: string) => ({
  procedure: 'send_message',
  arguments: { self, from: [from], to: [to], subject: 's', content_type: 'text/plain', body: 'b' },
});

/** A domain that is proved in DNS and set up in the project of `who`. */
async function settle({ dns, journey, call }: Stage, name: string): Promise<{ owned: Json; domain: Json }> {
  const owned = (await call('POST', '/iam/v1/domains', { name })).json;
  dns.set(owned.ownership.name, 'TXT', txt(owned.ownership.value));
  assert.equal((await call('POST', `/iam/v1/domains/${owned.id}/verify`)).status, 200);
  const made = await call('POST', '/mta/v1/domains', {
    domain: { self: owned.self },
    default_topic: { self: `http://x/edj/v1/topics/${journey.who.topic_id}` },
  });
  assert.equal(made.status, 201, JSON.stringify(made.json));
  return { owned, domain: made.json };
}
async function eventsOf({ call, journey }: Stage, names: readonly string[]): Promise<Json[]> {
  const { json } = await call('GET', `/edj/v1/topics/${journey.who.topic_id}/events?limit=500`);
  return json.items.filter((event: Json) => names.includes(event.name));
}

test('a half-set-up domain says what is missing, one step at a time, until it is done', async () => {
  await using s = await stage();
  const { dns, call, journey } = s;
  const topic = { self: `http://x/edj/v1/topics/${journey.who.topic_id}` };
  const rules = await call('POST', '/mta/v1/event_rules', { names: ['domain.verified'], topic });
  assert.equal(rules.status, 201);
  const created = await call('POST', '/iam/v1/domains', { name: 'メール.test' });
  assert.equal(created.status, 201);
  const owned = created.json;
  assert.deepEqual([owned.unicode_name, owned.warning], ['メール.test', null]);
  assert.match(owned.name, /^xn--/);
  assert.equal(owned.next_step.code, 'publish_challenge');
  const early = await call('POST', `/iam/v1/domains/${owned.id}/verify`);
  assert.deepEqual([early.status, early.json.type], [409, '/problems/ownership-not-proved']);
  dns.set(owned.ownership.name, 'TXT', txt(owned.ownership.value));
  const proved = await call('POST', `/iam/v1/domains/${owned.id}/verify`);
  assert.deepEqual([proved.status, proved.json.verified, proved.json.next_step], [200, true, null]);
  await eventually('domain.verified in the topic of the event rule', async () => {
    const [event] = await eventsOf(s, ['domain.verified']);
    return event?.content.domain === owned.name;
  });

  const made = await call('POST', '/mta/v1/domains', { domain: { self: owned.self }, default_topic: topic });
  assert.equal(made.json.next_step.code, 'check_dns');
  assert.deepEqual(made.json.dkim, { enabled: false, rotation_days: 180 });
  const path = `/mta/v1/domains/${made.json.id}`;
  await eventually('checked at once, without being asked', async () => {
    const { json } = await call('GET', path);
    return json.next_step.code === 'publish_mx';
  });
  const records: Json[] = (await call('GET', `${path}/dns`)).json.records;
  assert.ok(records.every(({ state }) => state === 'missing'));
  for (const record of records) {
    assert.ok(record.message.length > 20 && /\p{Script=Hiragana}/u.test(record.message_ja), record.name);
  }
  const publishMx = (...list: [number, string][]) =>
    dns.set(
      owned.name,
      'MX',
      list.map(([preference, exchange]) => ({ preference, exchange })),
    );
  const check = async () => (await call('POST', `${path}/dns/check`)).json;
  const said = (view: Json, purpose: string) =>
    view.records.filter((one: Json) => one.purpose === purpose).map((one: Json) => one.message ?? one.state);

  publishMx([5, 'mx.elsewhere.test'], [10, 'mx1.service.test']);
  assert.match(said(await check(), 'mx')[0], /goes first to mx\.elsewhere\.test/);
  publishMx([10, 'mx1.service.test'], [10, 'mx2.service.test']);
  assert.deepEqual(said(await check(), 'mx'), ['ok', 'ok']);
  assert.equal((await call('GET', path)).json.next_step.code, 'publish_spf');

  dns.set(owned.name, 'TXT', txt('v=spf1 a -all', 'v=spf1 include:_spf.service.test -all'));
  const doubled = await check();
  assert.match(said(doubled, 'spf')[0], /2 SPF records/);
  const merged = doubled.records.find((one: Json) => one.purpose === 'spf').value;
  assert.equal(merged, 'v=spf1 a include:_spf.service.test -all');
  dns.set('_spf.service.test', 'TXT', txt('v=spf1 ip4:192.0.2.25 -all'));
  dns.set(owned.name, 'TXT', txt('v=spf1 a -all include:_spf.service.test'));
  assert.match(said(await check(), 'spf')[0], /comes after "all"/);
  dns.set(owned.name, 'TXT', txt(merged));
  assert.deepEqual(said(await check(), 'spf'), ['ok']);
  assert.equal((await call('GET', path)).json.next_step.code, 'publish_dkim');

  const keys: Json[] = records.filter(({ purpose }) => purpose === 'dkim');
  for (const { name, value } of keys)
    dns.set(name, 'TXT', txt(`"${value.slice(0, 40)}" "${value.slice(40)}"`));
  assert.match(said(await check(), 'dkim')[0], /split wrongly/);
  for (const { name, value } of keys) dns.set(name, 'TXT', txt(value));
  for (const { name, value } of records.filter(({ type }) => type === 'SRV')) {
    const [priority, weight, port, target] = value.split(' ');
    dns.set(name, 'SRV', [
      { priority: Number(priority), weight: Number(weight), port: Number(port), target },
    ]);
  }
  const done = await check();
  assert.deepEqual(said(done, 'dkim'), ['ok', 'ok']);
  assert.deepEqual(said(done, 'client'), ['ok', 'ok']);
  const ready = (await call('GET', path)).json;
  assert.deepEqual(
    [ready.mx_seen, ready.dkim.enabled, ready.next_step.code],
    [true, true, 'add_incoming_rule'],
  );
  const rule = await call('POST', `${path}/incoming_rules`, { type: 'catch_all', topic });
  assert.equal(rule.status, 201);
  assert.equal((await call('GET', path)).json.next_step, null);

  publishMx();
  await check();
  const [error] = await eventually('the project hears of it', async () => {
    const events = await eventsOf(s, ['domain.dns_error']);
    return events.length > 0 && events;
  });
  assert.equal(error.content.problems[0].item, 'mx');
  assert.match(error.content.problems[0].message, /has no MX record\. Publish MX 10 mx1\.service\.test/);
  publishMx([10, 'mx1.service.test'], [10, 'mx2.service.test']);
  await check();
  await eventually('and of its end', async () => (await eventsOf(s, ['domain.dns_recovered'])).length > 0);
});

test('DNS decides a claim: held while both records are there, moved at once when the holder’s is gone', async () => {
  await using s = await stage();
  const { dns, call, journey } = s;
  const { owned, domain } = await settle(s, 'claimed.test');
  const sent = await call(
    'POST',
    '/mta/v1/tasks?is_sync=true',
    message(domain.self, 'a@claimed.test', 'x@out.test'),
  );
  assert.equal(sent.status, 200, JSON.stringify(sent.json));
  const other = await bootstrap(journey.service.env, 'other.test', '--project', 'newcomer');
  const claim = (await call('POST', '/iam/v1/domains', { name: 'CLAIMED.test' }, other)).json;
  assert.equal(claim.verified, false);
  const verify = () => call('POST', `/iam/v1/domains/${claim.id}/verify`, undefined, other);
  assert.equal((await verify()).json.type, '/problems/ownership-not-proved');

  dns.set(owned.ownership.name, 'TXT', txt(owned.ownership.value, claim.ownership.value));
  const held = await verify();
  assert.deepEqual([held.status, held.json.type], [409, '/problems/domain-held']);
  assert.ok(held.json.detail.includes(owned.ownership.value), 'it says which record must go');
  for (const secret of [journey.who.project_id, owned.id, domain.id, 'journey'])
    assert.ok(!held.json.detail.includes(secret), 'and not whose it is');
  assert.equal((await call('GET', `/mta/v1/domains/${domain.id}`)).status, 200);

  dns.set(owned.ownership.name, 'TXT', txt(claim.ownership.value));
  const moved = await verify();
  assert.deepEqual([moved.status, moved.json.verified], [200, true]);

  assert.equal((await call('GET', `/mta/v1/domains/${domain.id}`)).status, 404);
  const again = await call(
    'POST',
    '/mta/v1/tasks?is_sync=true',
    message(domain.self, 'a@claimed.test', 'x@out.test'),
  );
  assert.equal(again.status, 404);
  await using client = await openSmtp(journey.service.ready.submissions, 'implicit');
  assert.match(await client.command(plain(journey.who.key.id, journey.who.key.secret)), /^235/);
  assert.match(await client.command('MAIL FROM:<a@claimed.test>'), /^5/);
  const former = (await call('GET', `/iam/v1/domains/${owned.id}`)).json;
  assert.deepEqual(
    [former.verified, former.ownership.ended, former.next_step.code],
    [false, 'moved', 'verify_again'],
  );
  const history = (await call('GET', '/mta/v1/removed_domains')).json.items;
  assert.deepEqual(
    history.map((one: Json) => [one.id, one.name, one.reason]),
    [[domain.id, 'claimed.test', 'moved']],
  );
  const usage = await call('GET', history[0].usage.self);
  assert.deepEqual([usage.status, usage.json.domain.per_day.used], [200, 1]);
  assert.equal((await call('GET', `/mta/v1/messages/${sent.json.result.id}`)).status, 200);
  const [event] = await eventsOf(s, ['domain.dns_error']);
  assert.equal(event.content.problems[0].status, 'moved');
  assert.ok(!JSON.stringify(event).includes(other.project_id));

  const set = await call(
    'POST',
    '/mta/v1/domains',
    {
      domain: { self: claim.self },
      default_topic: { self: `http://x/edj/v1/topics/${other.topic_id}` },
    },
    other,
  );
  assert.equal(set.status, 201);
});

test('a removed domain stops at once, what waits of it is cancelled, and its history stays', async () => {
  await using s = await stage('--fail', 'wait*@out.test=451');
  const { call, journey } = s;
  const { who } = journey;
  const sent = await call(
    'POST',
    '/mta/v1/tasks?is_sync=true',
    message(who.domain_url, 'a@sender.test', 'wait@out.test'),
  );
  const trace = `/mta/v1/messages/${sent.json.result.id}`;
  const stateOf = async () => (await call('GET', trace)).json.recipients[0].state;
  await eventually('it waits', async () => (await stateOf()) === 'deferred');
  const rcpt = async () => {
    await using client = await openSmtp(journey.service.ready.mx);
    await client.command('MAIL FROM:<writer@elsewhere.test>');
    return await client.command('RCPT TO:<someone@sender.test>');
  };
  assert.match(await rcpt(), /^250/);

  assert.equal((await call('DELETE', `/mta/v1/domains/${who.domain_id}`)).status, 204);
  assert.match(await rcpt(), /^5/);
  const refused = await call(
    'POST',
    '/mta/v1/tasks?is_sync=true',
    message(who.domain_url, 'a@sender.test', 'y@out.test'),
  );
  assert.equal(refused.status, 404);
  await eventually('what waited is cancelled', async () => (await stateOf()) === 'cancelled');
  const { json } = await call('GET', trace);
  assert.match(JSON.stringify(json), /the sending domain was removed/);
  const [removed] = (await call('GET', '/mta/v1/removed_domains')).json.items;
  assert.deepEqual([removed.id, removed.reason], [who.domain_id, 'deleted']);
  assert.equal((await call('GET', `/mta/v1/domains/${who.domain_id}/usage`)).status, 200);
  assert.equal((await call('GET', '/mta/v1/messages')).json.items.length, 1);
});

test('DKIM keys: made, brought along, refused in words, never shown, taken away', async () => {
  await using s = await stage();
  const { call, dns } = s;
  const { domain } = await settle(s, 'keys.test');
  const path = `/mta/v1/domains/${domain.id}/dkim_keys`;
  const made = await call('POST', path, { algorithm: 'rsa-4096' });
  assert.deepEqual(
    [made.status, made.json.bits, made.json.state, made.json.active],
    [201, 4096, 'pending', false],
  );
  assert.match(made.json.message, /^Publish the TXT record/);
  const pem = (bits: number) => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: bits });
    return String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
  };
  const own = pem(2048);
  const imported = await call('POST', path, { selector: 'mine', private_key: own });
  assert.deepEqual([imported.status, imported.json.record.name], [201, 'mine._domainkey.keys.test']);
  const refusals: [object, string, RegExp][] = [
    [{ selector: 'short', private_key: pem(1024) }, 'private_key', /1024 bits/],
    [{ selector: 'odd', private_key: 'nonsense' }, 'private_key', /PEM/],
    [{ private_key: own }, 'selector', /needed/],
    [{ selector: 'a b' }, 'selector', /labels/],
    [{ selector: 'x', private_key: own, algorithm: 'ed25519' }, 'algorithm', /give only one of the two/],
  ];
  for (const [body, field, words] of refusals) {
    const { status, json } = await call('POST', path, body);
    assert.deepEqual([status, json.field], [400, field]);
    assert.match(json.detail, words);
  }
  assert.equal((await call('POST', path, { selector: 'mine' })).status, 409);
  const list = await call('GET', path);
  assert.equal(list.json.items.length, 4);
  const inner = own.split('\n')[3]!;
  assert.ok(!JSON.stringify([list.json, imported.json]).includes(inner));
  assert.ok(!s.journey.service.log.join('\n').includes(inner));
  // Seen in DNS, but not for five days: it does not sign yet.
  dns.set('mine._domainkey.keys.test', 'TXT', txt(imported.json.record.value));
  await call('POST', `/mta/v1/domains/${domain.id}/dns/check`);
  const seen = (await call('GET', imported.json.self)).json;
  assert.deepEqual([seen.state, typeof seen.seen_since], ['pending', 'string']);
  const pending = await eventsOf(s, ['dkim.rotated']);
  assert.deepEqual(
    pending.map(({ content }) => content.stage),
    ['pending', 'pending'],
  );
  assert.equal((await call('DELETE', imported.json.self)).status, 204);
  assert.equal((await call('GET', imported.json.self)).status, 404);
  const leaked = (await call('GET', `${path}`)).json.items.find(({ active }: Json) => active);
  const successor = await call('POST', `${leaked.self}/replace`);
  assert.deepEqual(
    [successor.status, successor.json.state, successor.json.algorithm],
    [200, 'pending', leaked.algorithm],
  );
  const ended = (await call('GET', leaked.self)).json;
  assert.deepEqual([ended.state, /; p=$/.test(ended.public_key)], ['retired', true]);
  const { obsolete_records: obsolete } = (await call('GET', `/mta/v1/domains/${domain.id}/dns`)).json;
  assert.match(obsolete.find(({ name }: Json) => name === leaked.record.name).message, /The key was revoked/);
  const patched = await call('PATCH', `/mta/v1/domains/${domain.id}`, {
    dkim: { enabled: true, rotation_days: null },
  });
  assert.deepEqual(patched.json.dkim, { enabled: true, rotation_days: null });
  const few = await call('PATCH', `/mta/v1/domains/${domain.id}`, { dkim: { rotation_days: 1 } });
  assert.equal(few.status, 400);
});

test('names that look like others are warned of', async () => {
  await using s = await stage();
  const warned = (await s.call('POST', '/iam/v1/domains', { name: 'pаypal.test' })).json;
  assert.equal(warned.warning.code, 'mixed_script');
});
