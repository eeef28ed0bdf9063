/**
 * Exit status 0 where the service of this environment answers /readyz with 200, 1 where it does not or is silent for
 * 3 s. The image's health check; it looks at loopback only, where no certificate needs to be believed.
 */
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { loadConfig } from '../src/config/config.ts';

const { httpListen, tls, trustedProxies } = loadConfig(process.env);
// A wildcard address is reached by loopback.
const host = httpListen.host === '0.0.0.0' ? '127.0.0.1' : httpListen.host === '::' ? '::1' : httpListen.host;
const encrypted = tls !== null && trustedProxies.length === 0;
const options = { host, port: httpListen.port, path: '/readyz', timeout: 3000, agent: false } as const;

function fail(why: string): void {
  process.stderr.write(`not ready: ${why}\n`);
  process.exitCode = 1;
}
const asked = encrypted ? tlsRequest({ ...options, rejectUnauthorized: false }) : plainRequest(options);
asked
  .on('response', (response) => {
    response.resume();
    if (response.statusCode !== 200) fail(`HTTP ${response.statusCode}`);
  })
  .on('timeout', () => asked.destroy(new Error('no answer in 3 s')))
  .on('error', (error) => fail(error.message))
  .end();
