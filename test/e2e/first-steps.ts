/** The manual's order in the console: from the printed link to a received event at a hook. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import nodemailer from 'nodemailer';
import { Secret, TOTP } from 'otpauth';
import { gehirn } from '../../src/domains/dns-providers/gehirn.ts';
import { http } from '../../src/edj/kinds/http.ts';
import { startFakeGehirnDns } from '../../src/testing/fake-gehirn-dns.ts';
import { eventually, portOf } from '../journeys/harness.ts';
import { inspect } from './browser.ts';
import { button, choose, copied, DOMAIN, EMAIL, field, heading, PASSWORD, type Walk } from './walk.ts';

/** From the printed link: who one is, password, second factor, recovery codes. Gives the codes and what makes new ones. */
export async function setUp({ page, t, base, service, browser, language }: Walk) {
  const line = service.log.find((text) => text.includes('/#/link/'));
  assert.ok(line !== undefined, `no one-time link was printed:\n${service.log.join('\n')}`);
  await page.goto(`${base}/#/link/${line.trim().split('/#/link/')[1]}`);
  await heading(page, t('link.title')).waitFor();
  await inspect(browser, 'link', language);
  await button(page, t('link.button')).click();
  await field(page, t('account.email')).fill('nobody');
  await button(page, t('link.button')).click();
  await page.getByText(t('form.email')).waitFor();
  await field(page, t('account.email')).fill(EMAIL);
  // by keyboard alone
  await page.keyboard.press('Tab');
  await page.keyboard.type('Owner');
  await page.keyboard.press('Enter');

  await heading(page, t('set_up.title')).waitFor();
  await inspect(browser, 'set-up-password', language);
  await field(page, t('account.password_new')).fill('owner-password');
  await field(page, t('account.password_again')).fill('owner-password');
  await page.keyboard.press('Enter');
  // the service's own refusal stands beside the field
  await page.getByText(t('problem.detail.password_name'), { exact: true }).waitFor();
  await inspect(browser, 'password-refused', language);
  await field(page, t('account.password_new')).fill(PASSWORD);
  await field(page, t('account.password_again')).fill(PASSWORD);
  await button(page, t('account.password_set')).click();

  await field(page, t('sign_in.code.totp')).waitFor();
  await page.getByRole('img', { name: t('factors.totp_qr') }).waitFor();
  await inspect(browser, 'set-up-codes', language);
  const secret = await copied(page, t('common.copy_named', { label: t('factors.totp_secret') }));
  const totp = new TOTP({ secret: Secret.fromBase32(secret) });
  await field(page, t('sign_in.code.totp')).fill(totp.generate());
  await page.keyboard.press('Enter');

  await button(page, t('factors.recovery_make')).click();
  const shown = page.getByTestId('recovery-codes');
  const codes = ((await shown.locator('pre').textContent()) ?? '').trim().split(/\s+/);
  assert.equal(codes.length, 10);
  await inspect(browser, 'set-up-recovery', language);
  await button(page, t('common.secret_saved')).click();
  await heading(page, t('home.title')).waitFor();
  return { totp, codes };
}

/** A project of one's own, a domain proved by DNS and set up, its records published. */
export async function domain({ page, t, browser, language, dns }: Walk): Promise<void> {
  await page.getByRole('button', { name: 'sandbox', exact: true }).click();
  await page.getByRole('menuitem', { name: t('project.new') }).click();
  await field(page, t('project.name')).fill('Shop');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Shop', exact: true }).waitFor();
  await page.getByText(t('home.first.title')).waitFor();
  await inspect(browser, 'home-empty', language);

  await page.getByRole('link', { name: t('domains.title'), exact: true }).click();
  await page.getByText(t('domains.empty')).waitFor();
  await field(page, t('domains.name')).fill('nodots');
  await page.keyboard.press('Enter');
  await page.getByText(t('domains.name_wrong')).waitFor();
  await field(page, t('domains.name')).fill('not_a-name..example');
  await page.keyboard.press('Enter');
  await page.getByText(t('problem.detail.domain'), { exact: true }).waitFor();
  await inspect(browser, 'domain-refused', language);
  await field(page, t('domains.name')).fill(DOMAIN);
  await button(page, t('common.add')).click();

  await heading(page, DOMAIN).waitFor();
  await button(page, t('ownership.check')).click();
  await page.getByText(t('ownership.absent')).waitFor();
  await inspect(browser, 'domain-ownership', language);
  const value = await copied(page, t('common.copy_named', { label: t('dns.record_value') }));
  const name = await copied(page, t('common.copy_named', { label: t('dns.record_name') }));
  // The time of the look-up is not known here.
  const [before, after] = t('problem.detail.no_record', { name, value, at: '|' }).split('|');
  await page.getByText(after!).waitFor();
  assert.ok((await page.getByText(after!).textContent())!.startsWith(before!));
  dns.set(name, 'TXT', [value]);
  await button(page, t('ownership.check')).click();

  await page.getByRole('heading', { level: 2, name: t('set_up_mta.title') }).waitFor();
  await button(page, t('set_up_mta.button')).click();
  await page.getByText(t('form.required')).first().waitFor();
  await button(page, t('set_up_mta.make_topic', { name: DOMAIN })).click();
  await button(page, t('set_up_mta.make_topic', { name: DOMAIN })).waitFor({ state: 'detached' });
  await inspect(browser, 'domain-set-up', language);
  await button(page, t('set_up_mta.button')).click();

  await page.getByTestId('record-mx').waitFor();
  await button(page, t('dns.check')).click();
  await page.getByTestId('record-mx').getByText(t('dns.status.missing'), { exact: true }).waitFor();
  await inspect(browser, 'domain-dns-missing', language);
  for (const record of await page.locator('[data-testid^="record-"]').all()) {
    const [type, at, what] = [
      (await record.locator('.mantine-Text-root').first().textContent()) ?? '',
      (await record.locator('pre').nth(0).textContent()) ?? '',
      (await record.locator('pre').nth(1).textContent()) ?? '',
    ];
    if (type.includes('MX')) dns.set(at, 'MX', [{ preference: 10, exchange: what.split(' ')[1] }]);
    else if (type.includes('TXT')) dns.set(at, 'TXT', [what.match(/.{1,255}/g)]);
    else if (at.includes('_domainkey') && type.includes('CNAME')) dns.set(at, 'CNAME', [what]);
  }
  await button(page, t('dns.check')).click();
  await page.getByTestId('record-mx').getByText(t('dns.status.ok'), { exact: true }).waitFor();
  for (const record of await page.getByTestId('record-dkim').all())
    await record.getByText(t('dns.status.ok'), { exact: true }).waitFor();
  await inspect(browser, 'domain-dns', language);
}

/** The records set at a DNS provider by themselves, and taken back. */
export async function automatic({ page, t, browser, language, base }: Walk): Promise<void> {
  await using provider = await startFakeGehirnDns({ zones: ['example.com'], editable: false });
  await page
    .getByRole('link', { name: t('dns_accounts.title'), exact: true })
    .first()
    .click();
  await heading(page, t('dns_accounts.title')).waitFor();
  await choose(page, t('dns_accounts.provider'), gehirn.label[language]);
  await field(page, t('dns_accounts.name')).fill('Our zones');
  await field(page, gehirn.fields['token_id']!.label[language]).fill(provider.token.id);
  await field(page, gehirn.fields['secret']!.label[language]).fill(provider.token.secret);
  await field(page, gehirn.fields['api_url']!.label[language]).fill('not a url');
  await button(page, t('common.add')).click();
  await page.getByText(t('problem.detail.plain_url'), { exact: true }).waitFor();
  await inspect(browser, 'dns-account-refused', language);
  await field(page, gehirn.fields['api_url']!.label[language]).fill(provider.url);
  await button(page, t('common.add')).click();
  await page.getByText('Our zones', { exact: true }).waitFor();
  await page.getByRole('button', { name: new RegExp(`^${t('dns_accounts.test')}: `) }).click();
  await page.getByText(t('dns_accounts.works'), { exact: true }).waitFor();
  await inspect(browser, 'dns-accounts', language);
  assert.equal(await page.getByText(provider.token.secret).count(), 0);

  await page.goto(`${base}/#/domains`);
  await page.getByRole('link', { name: DOMAIN, exact: true }).click();
  await choose(page, t('automatic.account'), 'Our zones');
  await button(page, t('automatic.plan')).click();
  await page.getByTestId('dns-plan').getByText(`MX ${DOMAIN}`, { exact: true }).waitFor();
  await inspect(browser, 'dns-plan', language);
  await button(page, t('automatic.apply')).click();
  await page.getByTestId('dns-change').getByText(t('automatic.states.applied'), { exact: true }).waitFor();
  assert.ok(provider.live('example.com').some(({ name, type }) => name === `${DOMAIN}.` && type === 'MX'));
  await page.getByRole('button', { name: new RegExp(`^${t('automatic.undo')}: `) }).click();
  await page.getByTestId('confirm').click();
  await eventually('the records as they were', async () =>
    provider.live('example.com').every(({ type }) => type !== 'MX'),
  );
  await page.getByTestId('dns-change').nth(1).waitFor();
  await inspect(browser, 'domain-automatic', language);
}

/** Role, API client, static key: what a program needs to send. */
export async function key({ page, t, browser, language }: Walk): Promise<{ user: string; pass: string }> {
  await page.getByRole('link', { name: t('roles.title'), exact: true }).click();
  await field(page, t('roles.name')).fill('mailer');
  await button(page, t('roles.sending')).click();
  await button(page, t('common.create')).click();
  await page.getByText('mailer', { exact: true }).waitFor();

  await page.getByRole('link', { name: t('clients.title'), exact: true }).click();
  await field(page, t('clients.name')).fill('Shop server');
  await choose(page, t('roles.title'), 'mailer');
  await page.keyboard.press('Escape');
  await button(page, t('common.create')).click();
  await heading(page, 'Shop server').waitFor();
  await button(page, t('keys.make')).click();
  await page.getByTestId('secret').waitFor();
  const connect = page.getByTestId('connect');
  await connect.getByText(t('connect.host'), { exact: true }).waitFor();
  await connect.getByText(t('connect.port.implicit'), { exact: true }).waitFor();
  await inspect(browser, 'static-key-secret', language);
  const user = await copied(page, t('common.copy_named', { label: t('keys.id_user') }));
  const pass = await copied(page, t('common.copy_named', { label: t('keys.secret_password') }));
  await button(page, t('common.secret_saved')).click();
  await page.getByTestId('secret').waitFor({ state: 'detached' });
  assert.equal(await page.getByText(pass).count(), 0);
  return { user, pass };
}

/** A topic with a hook, and the receive rule that publishes to it. */
export async function topic({ page, t, browser, language, sink }: Walk): Promise<void> {
  await page.getByRole('link', { name: t('topics.title'), exact: true }).click();
  await field(page, t('topics.name')).fill('Support');
  await page.keyboard.press('Enter');
  await heading(page, 'Support').waitFor();
  await field(page, http.fields['url']!.label[language]).fill('ftp://example.com');
  await button(page, t('common.add')).click();
  await page.getByText(t('problem.detail.url')).waitFor();
  await field(page, http.fields['url']!.label[language]).fill(`${sink.http}/hook`);
  await button(page, t('common.add')).click();
  await page
    .getByTestId('secret')
    .getByText(/^whsec_/)
    .waitFor();
  await inspect(browser, 'subscriber-secret', language);
  await button(page, t('common.secret_saved')).click();

  await page.getByRole('link', { name: t('domains.title'), exact: true }).click();
  await page.getByRole('link', { name: DOMAIN, exact: true }).click();
  await page.getByRole('tab', { name: t('rules.incoming.title') }).click();
  const local = page.getByRole('textbox', { name: t('rules.incoming.local_part'), exact: true });
  await local.fill('Two..Dots');
  await choose(page, t('rules.topic'), 'Support');
  await button(page, t('common.add')).click();
  await page.getByText(t('rules.incoming.local_part_wrong')).waitFor();
  await local.fill('support');
  await button(page, t('common.add')).click();
  await page.getByRole('cell', { name: `support@${DOMAIN}`, exact: true }).waitFor();
}

/** A mail by SMTP with the key arrives at the hook and, live, in the list of events. */
export async function mail(
  { page, t, service, sink, browser, language }: Walk,
  auth: { user: string; pass: string },
) {
  await page.getByRole('link', { name: 'Support', exact: true }).click();
  await page.getByRole('tab', { name: t('events.title'), exact: true }).click();
  await page.getByText(t('events.empty')).waitFor();
  const transport = nodemailer.createTransport({
    host: '127.0.0.1',
    port: portOf(service.ready.submissions),
    secure: true,
    auth,
    tls: { rejectUnauthorized: false },
  });
  const subject = 'Order 7 <script>document.title="gone"</script>';
  const body = { subject, text: 'Where is it?' };
  await transport.sendMail({ from: `shop@${DOMAIN}`, to: `support@${DOMAIN}`, ...body });
  const event = await eventually('the event at the hook', async () =>
    (await sink.events()).find(({ body: { name } }) => name === 'incoming'),
  );
  assert.match(event.body.summary, /Where is it\?/);
  await page.getByTestId('event').first().getByText(subject).waitFor();
  assert.notEqual(await page.title(), 'gone');
  await button(page, t('events.open')).first().click();
  await page.getByTestId('event-json').getByText('"body": "Where is it?').waitFor();
  await inspect(browser, 'topic-events', language);
  await button(page, t('events.less')).click();
  // Of a large one the first part is shown, as text; the whole is downloaded.
  const markup = '<img src=x onerror="document.title=1"> ';
  const large = { subject: 'Order 8', text: markup.repeat(200_000) };
  await transport.sendMail({ from: `shop@${DOMAIN}`, to: `support@${DOMAIN}`, ...large });
  transport.close();
  const card = page.getByTestId('event').first();
  await card.getByText('Subject: Order 8').waitFor();
  await button(page, t('events.open')).first().click();
  await page.getByText(t('events.first_part')).waitFor();
  assert.ok((await page.getByTestId('event-json').textContent())!.length <= 65 * 1024);
  assert.equal(await card.locator('img').count(), 0);
  const download = page.waitForEvent('download');
  await button(page, t('events.download')).click();
  const whole = JSON.parse(await readFile((await (await download).path())!, 'utf8'));
  assert.ok(whole.content.body.length > 7_000_000, `${whole.content.body.length}`);
  await button(page, t('events.less')).click();
  await page.getByRole('tab', { name: t('publish.title') }).click();
  await field(page, t('publish.message')).fill('Hello by hand');
  await button(page, t('publish.button')).click();
  await page.getByText(t('publish.done')).waitFor();
  await eventually('the published text at the hook', async () =>
    (await sink.events()).find(({ body: { name } }) => name === 'publish'),
  );
}
