import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadApiAccess } from './api-access.ts';
import { ConfigError, loadConfig, parseHostPort } from './config.ts';

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('an empty environment gives the documented defaults', () => {
  const config = loadConfig({});
  assert.equal(config.limitPerMinute, 300);
  assert.equal(config.limitPerDay, 50_000);
  assert.deepEqual(config.mxListen, [{ host: '127.0.0.1', port: 2525 }]);
  assert.deepEqual(config.submissionsListen, [{ host: '127.0.0.1', port: 2465 }]);
  assert.equal(config.tlsMinVersion, 'TLSv1.2');
  assert.equal(config.mxTlsMinVersion, 'TLSv1');
  assert.equal(config.allowPrivateTargets, false);
});

const TLS = { HIKYAKU_TLS_CERT: '/c.pem', HIKYAKU_TLS_KEY: '/k.pem' };
const URLS: readonly (readonly [env: Record<string, string>, url: string])[] = [
  [{}, 'http://localhost:8025'],
  [{ HIKYAKU_HTTP_LISTEN: '127.0.0.1:18025' }, 'http://localhost:18025'],
  [{ HIKYAKU_HTTP_LISTEN: '[::1]:18025' }, 'http://localhost:18025'],
  [{ HIKYAKU_HTTP_LISTEN: '127.0.0.2:18025' }, 'http://127.0.0.2:18025'],
  [{ HIKYAKU_HTTP_LISTEN: '0.0.0.0:443', ...TLS }, 'https://127.0.0.1:443'],
  [{ HIKYAKU_HTTP_LISTEN: '[::]:8443', ...TLS }, 'https://[::1]:8443'],
  [{ HIKYAKU_HTTP_LISTEN: '127.0.0.1:18025', ...TLS }, 'https://localhost:18025'],
  [{ HIKYAKU_TRUSTED_PROXIES: '192.0.2.1', ...TLS }, 'http://localhost:8025'],
];
test('without a public URL, it follows the HTTP listener, for the service and for every command', () => {
  for (const [env, url] of URLS) {
    assert.equal(loadConfig(env).publicUrl, url);
    assert.equal(new URL(loadApiAccess(env, {}).url).href, new URL(url).href);
    const given = { ...env, HIKYAKU_PUBLIC_URL: 'https://mail.example.com' };
    assert.equal(loadConfig(given).publicUrl, 'https://mail.example.com');
  }
  assert.throws(
    () => loadApiAccess({ HIKYAKU_HTTP_LISTEN: '127.0.0.1:0' }, {}),
    /HIKYAKU_API_URL or --url: needed/,
  );
});

test('an unknown name is an error that suggests the nearest; test variables are ignored', () => {
  assert.match(
    problemsOf({ HIKYAKU_MX_LISTENS: '127.0.0.1:25' })[0]!,
    /HIKYAKU_MX_LISTENS.*did you mean HIKYAKU_MX_LISTEN\?/,
  );
  assert.deepEqual(problemsOf({ HIKYAKU_TEST_POSTGRES: 'x' }), []);
});

const bad: Record<string, Record<string, string>> = {
  'a port over 65535': { HIKYAKU_MX_LISTEN: '127.0.0.1:70000' },
  'a listener without port': { HIKYAKU_HTTP_LISTEN: '127.0.0.1' },
  'an unknown store': { HIKYAKU_STORE: 'mysql://x' },
  'a PostgreSQL store without a database': { HIKYAKU_STORE: 'postgres://user@host' },
  'an unknown TLS version': { HIKYAKU_TLS_MIN_VERSION: 'SSLv3' },
  'a short secret key': { HIKYAKU_SECRET_KEY: 'abcd' },
  'a certificate without key': { HIKYAKU_TLS_CERT: '/x.pem' },
  'a negative limit': { HIKYAKU_LIMIT_PER_DAY: '-1' },
  'a route of an unknown scheme': { HIKYAKU_ROUTES: '*=http://127.0.0.1:1' },
  'a trusted network beyond loopback': {
    HIKYAKU_TRUSTED_NETWORKS: '10.0.0.0/8=00000000-0000-7000-8000-000000000000',
  },
  'a proxy that is a name': { HIKYAKU_TRUSTED_PROXIES: '10.0.0.1,proxy.example' },
  'a network of proxies wider than its family': { HIKYAKU_TRUSTED_PROXIES: '10.0.0.0/33' },
  'everyone as a proxy': { HIKYAKU_TRUSTED_PROXIES: '0.0.0.0/0' },
  'everyone with IPv6 as a proxy': { HIKYAKU_TRUSTED_PROXIES: '::/0' },
  'plain HTTP beyond loopback': { HIKYAKU_HTTP_LISTEN: '0.0.0.0:80' },
  'a resolver that is a name': { HIKYAKU_DNS_SERVERS: 'dns.example:53' },
};
for (const [name, env] of Object.entries(bad)) {
  test(`${name} is refused, naming the variable`, () => {
    const problems = problemsOf(env);
    assert.equal(problems.length, 1);
    assert.ok(problems[0]!.includes(Object.keys(env)[0]!), problems[0]);
  });
}

test('all problems are told at once and a secret is not repeated', () => {
  const problems = problemsOf({ HIKYAKU_SECRET_KEY: 'hunter2', HIKYAKU_LOG_LEVEL: 'loud', HIKYAKU_X: '1' });
  assert.equal(problems.length, 3);
  assert.ok(!problems.join().includes('hunter2'));
});

test('routes, networks and listeners are parsed', () => {
  const config = loadConfig({
    HIKYAKU_ROUTES: 'example.com=smtp://127.0.0.1:2526,*=smtps://u%40x:p%3Aw@[::1]:465',
    HIKYAKU_TRUSTED_NETWORKS: '127.0.0.0/8=00000000-0000-7000-8000-000000000000',
    HIKYAKU_MX_LISTEN: '127.0.0.1:0,[::1]:25',
    HIKYAKU_TRUSTED_PROXIES: '192.0.2.7, 10.0.0.0/8,2001:db8::/32',
  });
  assert.deepEqual(config.routes[0], {
    pattern: 'example.com',
    target: { scheme: 'smtp', host: '127.0.0.1', port: 2526 },
  });
  assert.deepEqual(config.routes[1]!.target, {
    scheme: 'smtps',
    host: '::1',
    port: 465,
    user: 'u@x',
    password: 'p:w',
  });
  assert.equal(config.trustedNetworks[0]!.prefix, 8);
  assert.deepEqual(config.trustedProxies, ['192.0.2.7', '10.0.0.0/8', '2001:db8::/32']);
  assert.deepEqual(parseHostPort('[::1]:25'), { host: '::1', port: 25 });
});

test('what is wrong with a route is said of its entry, without its password', () => {
  for (const [text, problem] of [
    [
      '*=smtp://h:1,b.test=http://u:secret@h:1',
      /^HIKYAKU_ROUTES, entry 2 \(b\.test\): expected smtp:\/\/host:port/,
    ],
    ['smtps://u:secret@h:465', /^HIKYAKU_ROUTES, entry 1: expected pattern=url/],
    ['*=smtps://u:secret@h:70000', /entry 1 \(\*\): expected smtp:/],
    ['*=smtps://u:secret@h:0', /a port from 1 to 65535/],
    ['*=smtps://u:secret@h:465/inbox', /nothing behind the port/],
    ['*=smtps://u:sec#secret@h:465', /expected smtp:|%23 for #/],
    ['*=smtps://u:secret%zz@h:465', /%25 for a percent sign/],
    ['*=smtps://secret@h:465', /user and password, or neither/],
    ['*=smtps://u:secret@h:465?verify=maybe', /verify is yes or no/],
    ['*=smtps://u:secret@h:465?tls=no', /the only option is verify/],
    ['*=smtp://h:25?verify=no', /smtp:\/\/ verifies no certificate/],
    ['日本.test=smtp://h:25', /the pattern is a domain in ASCII/],
    ['.b.test=smtp://h:25', /the pattern is a domain in ASCII/],
    ['a..test=smtp://h:25', /the pattern is a domain in ASCII/],
    ['*=', /entry 1 \(\*\): expected smtp:/],
  ] as const)
    assert.throws(
      () => loadConfig({ HIKYAKU_ROUTES: text }),
      (error: Error) => problem.test(error.message) && !error.message.includes('secret'),
      text,
    );
});
test('patterns are compared with names as they are stored: lower case, no final dot, ASCII', () => {
  const { routes, siteConnections } = loadConfig({
    HIKYAKU_ROUTES: 'Out2.TEST.=smtp://h:25,*.b.test.=smtp://h:25',
    HIKYAKU_SITE_CONNECTIONS: '*.Example.com.=50,20',
  });
  assert.deepEqual(
    [...routes, ...siteConnections].map(({ pattern }) => pattern),
    ['out2.test', '*.b.test', '*.example.com', '*'],
  );
  for (const text of ['bücher.test=5', '.b.test=5'])
    assert.throws(() => loadConfig({ HIKYAKU_SITE_CONNECTIONS: text }), /HIKYAKU_SITE_CONNECTIONS/);
});
test('routes verify the certificate, unless one says that it does not', () => {
  const { routes } = loadConfig({
    HIKYAKU_ROUTES: 'a=smtps://h, b=smtps://h?verify=no,c=smtp+starttls://u:p@h:26?verify=yes',
  });
  assert.deepEqual(
    routes.map(({ target: { host, port, verify } }) => [host, port, verify]),
    [
      ['h', 465, undefined],
      ['h', 465, false],
      ['h', 26, undefined],
    ],
  );
});
