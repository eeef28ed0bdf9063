/** The settings for mail clients: constant, whoever asks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fastify, { type FastifyInstance } from 'fastify';
import { AUTOCONFIG_PATHS, autoconfigHost, autoconfigRoutes } from './autoconfig.ts';

const app = fastify() as unknown as FastifyInstance;
autoconfigRoutes(app, {
  dns: { mxHosts: [], spfInclude: '_spf.host.test', submissionHost: 'smtp.host.test' },
});
const ask = async (url: string, host = 'api.host.test') => {
  const response = await app.inject({ url, headers: { host } });
  assert.equal(response.statusCode, 200);
  assert.match(String(response.headers['content-type']), /^text\/xml/);
  return response.body;
};

test('both paths answer with both ports, and name the domain that was asked', async () => {
  for (const path of AUTOCONFIG_PATHS) {
    const body = await ask(`${path}?emailaddress=info%40example.com`);
    assert.match(body, /<domain>example\.com<\/domain>/);
    assert.match(body, /<port>465<\/port>\s*<socketType>SSL/);
    assert.match(body, /<port>587<\/port>\s*<socketType>STARTTLS/);
  }
  assert.match(await ask('/mail/config-v1.1.xml', 'autoconfig.example.com:80'), /<domain>example\.com</);
});

test('the answer differs by the name alone, and nothing hostile gets into it', async () => {
  const path = AUTOCONFIG_PATHS[0]!;
  const known = await ask(`${path}?emailaddress=a%40example.com`);
  const other = await ask(`${path}?emailaddress=a%40example.org`);
  assert.equal(known.replaceAll('example.com', 'example.org'), other);
  const nameless = await ask(path);
  for (const hostile of ['a%40%3C!ENTITY%3E', '%00', 'a%40x%22%3Ey.com', 'a%40b.c&emailaddress=d%40e.f'])
    assert.equal(await ask(`${path}?emailaddress=${hostile}`), nameless);
});

test('a record for clients is worth listing only where they can reach the settings', () => {
  assert.equal(autoconfigHost('https://api.host.test'), 'api.host.test');
  assert.equal(autoconfigHost('https://api.host.test:8443'), null);
  assert.equal(autoconfigHost('https://192.0.2.1'), null);
});
