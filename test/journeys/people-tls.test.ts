/**
 * Sessions of an instance that serves its pages over TLS: the cookie is bound to the host and to TLS, and no
 * other cookie name works.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBrowser } from './browser.ts';
import { eventually, startService } from './harness.ts';
import { linkIn, OWNER } from './people-steps.ts';

test('behind TLS the cookie is __Host- and Secure; the plain name is no session', async () => {
  const origin = 'https://mail.sender.test';
  await using service = await startService({ HIKYAKU_PUBLIC_URL: origin });
  const token = await eventually('the link is printed', async () =>
    service.log.some((line) => line.includes('/#/link/')) ? linkIn(service) : null,
  );
  const browser = openBrowser(service.ready.http);
  const opened = await browser.call('POST', '/iam/v1/session/link', { token, email: OWNER }, { origin });
  assert.equal(opened.status, 200, JSON.stringify(opened.json));
  const [cookie] = opened.headers.getSetCookie();
  assert.match(
    cookie!,
    /^__Host-hikyaku_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure; Max-Age=\d+$/,
  );
  assert.equal((await browser.call('GET', '/iam/v1/session')).json.state, 'set_up');
  const kept = browser.cookie!;
  browser.cookie = kept.replace('__Host-', '');
  assert.equal((await browser.call('GET', '/iam/v1/session')).json.state, 'signed_out');
  // somebody else added a second cookie of the name
  browser.cookie = `${kept}; ${kept.slice(0, -3)}abc`;
  assert.equal((await browser.call('GET', '/iam/v1/session')).json.state, 'signed_out');
  browser.cookie = kept;
  const set = { new: 'four lanterns on the quay' };
  assert.equal((await browser.call('PUT', '/iam/v1/me/password', set)).status, 403, 'from http://localhost');
  assert.equal((await browser.call('PUT', '/iam/v1/me/password', set, { origin })).status, 200);
});
