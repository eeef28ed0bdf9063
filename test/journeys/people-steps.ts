/** Common steps of people's journeys: the printed link, setting both factors, signing in. */
import assert from 'node:assert/strict';
import { type Answer, type Browser, openBrowser, totp } from './browser.ts';
import type { Running } from './harness.ts';

/** A browser at its own address. */
const addresses = { last: 10 };
export function visit(service: Running): Browser {
  addresses.last += 1;
  return openBrowser(service.ready.http, `127.0.0.${addresses.last}`);
}
export const PASSWORD = 'four lanterns on the quay';
export const OWNER = 'owner@example.test';

/** A code that was not used yet: of the step before, of the current step, or of the next one. */
export function freshCode(secret: string, used: Set<string>): string {
  const now = Date.now();
  const code = [-30_000, 0, 30_000].map((ms) => totp(secret, now + ms)).find((one) => !used.has(one))!;
  used.add(code);
  return code;
}
export function linkIn(service: Running): string {
  const line = service.log.find((one) => one.includes('/#/link/'));
  assert.ok(line !== undefined, service.log.join('\n'));
  return line.slice(line.lastIndexOf('/') + 1).trim();
}
export async function setUp(browser: Browser, token: string, about: object = {}, password = PASSWORD) {
  const opened = await browser.call('POST', '/iam/v1/session/link', { token, ...about });
  assert.equal(opened.status, 200, JSON.stringify(opened.json));
  assert.equal(opened.json.state, 'set_up');
  assert.equal((await browser.call('PUT', '/iam/v1/me/password', { new: password })).status, 200);
  const begun = await browser.call('POST', '/iam/v1/me/totp', {});
  assert.equal(begun.status, 200);
  const used = new Set<string>();
  const secret: string = begun.json.secret;
  const done = await browser.call('POST', '/iam/v1/me/totp/confirm', { code: freshCode(secret, used) });
  assert.equal(done.json.state, 'signed_in', JSON.stringify(done.json));
  return { secret, used };
}
/** Password, then the code. */
export async function signIn(
  browser: Browser,
  email: string,
  password: string,
  code: string,
): Promise<Answer> {
  browser.csrf = null;
  const first = await browser.call('POST', '/iam/v1/session', { email, password });
  assert.equal(first.json.state, 'second_factor', JSON.stringify(first.json));
  return browser.call('POST', '/iam/v1/session/totp', { code });
}
