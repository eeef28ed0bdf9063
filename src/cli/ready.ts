/**
 * Tells whether the service of this configuration accepts mail. The exit status is 0 if /readyz answers with
 * 200, and 1 if it answers otherwise or does not answer within 3 s. It is for health checks on the same
 * machine: it connects to the service's own address and checks no certificate.
 */
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { loadConfig } from '../config/config.ts';
import { type Command, parseOptions } from './usage.ts';

const SILENCE_MS = 3000;

export const run: Command['run'] = async (args, { env, signal }) => {
  parseOptions(args, {});
  const { httpListen, tls, trustedProxies } = loadConfig(env);
  // A service on a wildcard address is reached by loopback.
  const host =
    httpListen.host === '0.0.0.0' ? '127.0.0.1' : httpListen.host === '::' ? '::1' : httpListen.host;
  const encrypted = tls !== null && trustedProxies.length === 0;
  const options = { host, port: httpListen.port, path: '/readyz', agent: false, signal } as const;
  const answer = await new Promise<IncomingMessage | Error>((resolve) => {
    const request = encrypted ? tlsRequest({ ...options, rejectUnauthorized: false }) : plainRequest(options);
    request.setTimeout(SILENCE_MS, () => request.destroy(new Error('no answer in 3 s')));
    request.on('response', resolve).on('error', resolve).end();
  });
  signal.throwIfAborted();
  if (answer instanceof Error) return fail(answer.message);
  if (answer.statusCode === 200) {
    answer.resume();
    return 0;
  }
  return fail(`HTTP ${answer.statusCode}${await reasonOf(answer)}`);
};
/** Why, in the service's own words; empty if the answer is not from the service. */
async function reasonOf(answer: IncomingMessage): Promise<string> {
  try {
    let text = '';
    for await (const piece of answer.setEncoding('utf8')) text = (text + piece).slice(0, 10_000);
    const { reason } = JSON.parse(text) as { reason?: unknown };
    return typeof reason === 'string' ? `: ${reason}` : '';
  } catch {
    return '';
  }
}
function fail(why: string): number {
  process.stderr.write(`not ready: ${why}\n`);
  return 1;
}
