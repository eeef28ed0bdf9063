/** Settings of accounts: which are accepted, which may be shown, and that credentials open for their account only. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../runtime/clock.ts';
import { createGuardedFetch } from '../../runtime/guarded-fetch.ts';
import { systemNetwork } from '../../runtime/network.ts';
import { createRandom } from '../../runtime/random.ts';
import { createSealer } from '../../runtime/sealing.ts';
import { readSettings as read } from '../../runtime/settings.ts';
import { createZoneResolver, namesOf } from '../../testing/zone-resolver.ts';
import { createProviderOpener, sealSettings } from './accounts.ts';
import { DNS_PROVIDERS, type DnsProviderName as ProviderName } from './kinds.ts';
import type { DnsAccount } from './provider.ts';

const GOOD: Record<ProviderName, Record<string, unknown>> = {
  gehirn: { token_id: 'id', secret: 'sesame' },
  rfc2136: {
    server: 'ns.example.com',
    key_name: 'key.',
    secret: Buffer.alloc(32, 1).toString('base64'),
    port: 5353,
  },
  cloudflare: { api_token: 'sesame' },
  route53: { access_key_id: 'AKID', secret_access_key: 'sesame', session_token: 'sesame2' },
};
const PROVIDERS = Object.keys(DNS_PROVIDERS) as ProviderName[];
const fieldsOf = (provider: ProviderName) => Object.entries(DNS_PROVIDERS[provider].fields);
const readSettings = (provider: ProviderName, given: Record<string, unknown>, allowPrivate: boolean) =>
  read(DNS_PROVIDERS[provider].fields, given, allowPrivate);
const random = createRandom();
const sealer = createSealer(Buffer.alloc(32, 3));
const base = (provider: ProviderName) => ({
  id: random.id<'dns-account'>(),
  projectId: random.id<'project'>(),
  provider,
  name: 'dns',
  createdAt: 0,
});

test('settings: filled in, unknown and missing ones named, values judged', () => {
  assert.deepEqual(readSettings('rfc2136', GOOD.rfc2136, false), {
    server: 'ns.example.com',
    port: '5353',
    key_name: 'key.',
    algorithm: 'hmac-sha256',
    secret: GOOD.rfc2136['secret'],
  });
  assert.equal(
    readSettings('gehirn', { ...GOOD.gehirn, api_url: 'https://x.test/dns/v1//' }, false)['api_url'],
    'https://x.test/dns/v1',
  );
  const cases: [ProviderName, Record<string, unknown>, string][] = [
    ['gehirn', { secret: undefined }, 'secret'],
    ['gehirn', { more: 'x' }, 'more'],
    ['gehirn', { toString: 'x' }, 'toString'],
    ['gehirn', { secret: 'a\r\nb' }, 'secret'],
    ['gehirn', { api_url: 'http://x.test' }, 'api_url'],
    ['gehirn', { api_url: 'https://u:p@x.test' }, 'api_url'],
    ['gehirn', { api_url: 'https://x.test/?a' }, 'api_url'],
    ['gehirn', { api_url: 'https://x.test/?' }, 'api_url'],
    ['gehirn', { api_url: 'file:///etc/passwd' }, 'api_url'],
    ['rfc2136', { port: 0 }, 'port'],
    ['rfc2136', { port: 65536 }, 'port'],
    ['rfc2136', { server: 'a b' }, 'server'],
    ['rfc2136', { server: 'https://x.test' }, 'server'],
    ['rfc2136', { algorithm: 'hmac-md5' }, 'algorithm'],
    ['rfc2136', { secret: 'short' }, 'secret'],
    ['rfc2136', { key_name: 'a..b' }, 'key_name'],
    ['route53', { endpoint: 'ftp://x.test' }, 'endpoint'],
  ];
  for (const [provider, over, field] of cases)
    assert.throws(
      () => readSettings(provider, { ...GOOD[provider], ...over }, false),
      { name: 'SettingsError', field },
      `${provider} ${JSON.stringify(over)}`,
    );
  assert.doesNotThrow(() => readSettings('gehirn', { ...GOOD.gehirn, api_url: 'http://127.0.0.1:1' }, true));
});

test('no credential is shown, none lies in clear, and each account opens its own alone', async () => {
  const guarded = createGuardedFetch({ allowPrivate: false, names: namesOf() });
  const open = createProviderOpener({
    sealer,
    fetch: guarded.fetch,
    network: systemNetwork,
    resolver: createZoneResolver({}),
    clock: systemClock,
    random,
    allowPrivate: false,
  });
  for (const provider of PROVIDERS) {
    const own = base(provider);
    const sealed = sealSettings(
      sealer,
      own,
      DNS_PROVIDERS[provider],
      readSettings(provider, GOOD[provider], false),
    );
    const secrets = fieldsOf(provider).flatMap(([name, { secret }]) => (secret === true ? [name] : []));
    assert.ok(secrets.length > 0);
    for (const name of secrets) {
      assert.ok(!(name in sealed.settings), name);
      const value = String(GOOD[provider][name]);
      assert.ok(!JSON.stringify(sealed.settings).includes(value));
      assert.ok(!sealed.sealedSettings.includes(value));
    }
    const account: DnsAccount = { ...own, ...sealed };
    const opened = await open(account);
    assert.equal(typeof opened.apply, 'function');
    opened.close?.();
    const other = { ...account, id: random.id<'dns-account'>() };
    await assert.rejects(open(other), { name: 'DnsProviderError', code: 'credentials' });
  }
  await guarded[Symbol.asyncDispose]();
});

test('no eight characters of a credential are shown, however a server spells them; who has none in it is shown', async () => {
  const secret = 'Zq7-abcdefGHIJKLmnop_0123XYZ';
  const own = base('cloudflare');
  const settings = readSettings('cloudflare', { api_token: secret }, false);
  const account = { ...own, ...sealSettings(sealer, own, DNS_PROVIDERS.cloudflare, settings) };
  const said = async (...messages: string[]): Promise<string> => {
    const errors = messages.map((message) => ({ code: 1, message }));
    const open = createProviderOpener({
      sealer,
      fetch: async () => new Response(JSON.stringify({ errors }), { status: 400 }),
      network: systemNetwork,
      resolver: createZoneResolver({}),
      clock: systemClock,
      random,
      allowPrivate: false,
    });
    const error: unknown = await (await open(account)).check().then(
      () => null,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof Error);
    return error.message;
  };
  assert.equal(await said('no such zone'), 'Cloudflare answered 400: no such zone');
  const hex = Buffer.from(secret).toString('hex');
  for (const spelt of [
    [secret],
    [secret.slice(0, 20)],
    [secret.slice(9)],
    [secret.toUpperCase()],
    [secret.slice(0, 13), secret.slice(13)],
    [[...secret].join('\u200b')],
    [[...secret].join(' ')],
    [secret.slice(0, 10) + secret + secret.slice(10)],
    [hex],
    [hex.replace(/../g, '%$&')],
    ...['', 'x', 'xy'].map((before) => [Buffer.from(before + secret).toString('base64')]),
    [`${'-'.repeat(260)}${secret}`],
  ])
    assert.equal(await said(...spelt), 'Cloudflare answered (hidden)', spelt.join());
});

test('no error shows a credential, though the server repeats what it was sent', async () => {
  // A fetch that answers with the request's own headers, as a hostile endpoint does.
  const fetch: typeof globalThis.fetch = async (_url, init) => {
    // Long enough that the text is cut within a repeated secret; in the spellings of a URL and of base64.
    const plain = JSON.stringify(init?.headers ?? {});
    const sent = `${'x'.repeat(150)} ${plain} ${encodeURIComponent(plain)} ${Buffer.from(plain).toString('base64')}`;
    const body = sent.includes('AWS4-HMAC')
      ? `<ErrorResponse><Error><Code>Odd</Code><Message>${sent.replace(/[<>&]/g, '')} ${GOOD.route53['secret_access_key']}</Message></Error></ErrorResponse>`
      : JSON.stringify({ message: `bad ${sent}`, errors: [{ code: 1, message: `bad ${sent}` }] });
    return new Response(body, { status: 400 });
  };
  const open = createProviderOpener({
    sealer,
    fetch,
    network: systemNetwork,
    resolver: createZoneResolver({}),
    clock: systemClock,
    random,
    allowPrivate: false,
  });
  for (const provider of ['gehirn', 'cloudflare', 'route53'] as const) {
    const own = base(provider);
    const account: DnsAccount = {
      ...own,
      ...sealSettings(sealer, own, DNS_PROVIDERS[provider], readSettings(provider, GOOD[provider], false)),
    };
    const opened = await open(account);
    await assert.rejects(opened.check(), (error: Error) => {
      for (const [name, { secret }] of fieldsOf(provider)) {
        const value = (GOOD[provider] as Record<string, unknown>)[name];
        if (secret === true && typeof value === 'string')
          for (let most = value.length; most > value.length / 2; most -= 1)
            assert.ok(!error.message.includes(value.slice(0, most)), error.message);
      }
      assert.doesNotMatch(error.message, /Signature=[0-9a-f]|Basic [A-Za-z0-9+/=]{4}/);
      assert.match(error.message, /hidden/);
      return true;
    });
  }
});
