/**
 * An invitation as the invited person gets it: by mail, through the queue like any other mail, and visible to
 * nobody in the project.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ORIGIN } from './browser.ts';
import { eventually } from './harness.ts';
import { type Journey, startJourney } from './journey.ts';
import { setUp, visit } from './people-steps.ts';

const INVITED = 'colleague@example.test';
let journey: Journey;
before(async () => {
  journey = await startJourney({ HIKYAKU_PUBLIC_URL: ORIGIN }, 'owner');
});
after(() => journey[Symbol.asyncDispose]());

/** The text of a mail with one part. */
function textOf(raw: string): string {
  const [head = '', ...body] = raw.split('\r\n\r\n');
  const text = body.join('\r\n\r\n');
  const encoding = /^content-transfer-encoding: (.*)$/im.exec(head)?.[1]?.toLowerCase();
  if (encoding === 'base64') return Buffer.from(text, 'base64').toString();
  if (encoding !== 'quoted-printable') return Buffer.from(text, 'latin1').toString();
  const octets = text
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(octets, 'latin1').toString();
}

test('the mail brings the link; the project cannot read it; who opens it is a member', async () => {
  const invited = await journey.call('POST', '/iam/v1/invitations', { email: INVITED, roles: ['reader'] });
  assert.equal(invited.status, 201, JSON.stringify(invited.json));
  assert.equal(invited.json.mailed, true);
  const mail = await eventually('the invitation arrives', async () =>
    (await journey.sink.messages()).find(({ rcpt_to }) => rcpt_to.includes(INVITED)),
  );
  assert.equal(mail.mail_from, '');
  const raw = Buffer.from(mail.raw_base64, 'base64').toString('latin1');
  assert.match(raw, /^From: .*postmaster@mail\.sender\.test/m);
  assert.match(raw, /^Auto-Submitted: auto-generated\r$/m);
  const text = textOf(raw);
  assert.ok(text.includes('招待されました'), text);
  const link = /\S+\/#\/link\/(\S+)/.exec(text);
  assert.equal(link?.[0], invited.json.sign_in_url);
  const own = (await journey.call('GET', '/mta/v1/messages')).json.items;
  assert.deepEqual(own, []);
  const browser = visit(journey.service);
  await setUp(browser, link![1]!);
  const members = (await journey.call('GET', '/iam/v1/members')).json.items;
  assert.deepEqual(
    members.map(({ email }: { email: string }) => email),
    [INVITED],
  );
});

test('mail: false keeps it to the answer; a project has at most 50 open invitations', async () => {
  const invite = (email: string) =>
    journey.call('POST', '/iam/v1/invitations', { email, roles: ['reader'], mail: false });
  for (let i = 0; i < 50; i++) {
    const { status, json } = await invite(`p${i}@example.test`);
    assert.deepEqual([status, json.mailed], [201, false]);
  }
  const more = await invite('one@example.test');
  assert.deepEqual([more.status, more.json.type], [409, '/problems/too-many-invitations']);
  const [first] = (await journey.call('GET', '/iam/v1/invitations')).json.items;
  assert.equal((await journey.call('DELETE', `/iam/v1/invitations/${first.id}`)).status, 204);
  assert.equal((await invite('one@example.test')).status, 201);
  const written = (await journey.sink.messages()).filter(({ rcpt_to }) =>
    rcpt_to.includes('p0@example.test'),
  );
  assert.deepEqual(written, []);
});

test('an instance without a name of the Internet mails nothing, and says so', async () => {
  await using unnamed = await startJourney({ HIKYAKU_HOSTNAME: 'localhost' }, 'owner');
  const ask = (mail: object) =>
    unnamed.call('POST', '/iam/v1/invitations', { email: INVITED, roles: ['reader'], ...mail });
  const silent = await ask({});
  assert.deepEqual([silent.status, silent.json.mailed], [201, false]);
  const wanted = await ask({ mail: true });
  assert.deepEqual([wanted.status, wanted.json.field], [400, 'mail']);
});
