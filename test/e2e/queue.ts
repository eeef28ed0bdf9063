/** The page of the queue: a mail that waits is counted, suspended, resumed and cancelled, each after a question. */
import assert from 'node:assert/strict';
import nodemailer from 'nodemailer';
import { portOf } from '../journeys/harness.ts';
import { inspect } from './browser.ts';
import { button, DOMAIN, type Walk } from './walk.ts';

const AWAY = 'away.example.net';
/** The queue is by site: the host that takes the mail. */
const SITE = `mx.${AWAY}`;

export async function queue(
  { page, t, service, dns, browser, language, base }: Walk,
  auth: { user: string; pass: string },
): Promise<void> {
  // Nothing listens there, so the mail waits.
  dns.set(AWAY, 'MX', [{ preference: 10, exchange: SITE }]);
  dns.set(SITE, 'A', ['127.0.0.9']);
  const transport = nodemailer.createTransport({
    host: '127.0.0.1',
    port: portOf(service.ready.submissions),
    secure: true,
    auth,
    tls: { rejectUnauthorized: false },
  });
  await transport.sendMail({ from: `shop@${DOMAIN}`, to: `someone@${AWAY}`, subject: 'Waits', text: 'x' });
  transport.close();
  await page.goto(`${base}/#/queue`);
  const on = (action: 'retry' | 'suspend' | 'cancel' | 'resume', subject: string) =>
    button(page, t('common.action_on', { label: t(`queue.actions.${action}`), subject }));
  await on('suspend', SITE).waitFor();
  await page.getByText(`someone@${AWAY}`).waitFor();
  await inspect(browser, 'queue', language);
  await on('suspend', SITE).click();
  const asked = await page.getByTestId('count').textContent();
  assert.equal(asked, t('queue.asks.suspend', { number: '1' }));
  await inspect(browser, 'queue-suspend', language);
  await page.getByTestId('confirm').click();
  await page.getByTestId('confirm').waitFor({ state: 'detached' });
  await on('resume', SITE).click();
  await page.getByTestId('confirm').click();
  await page.getByText(t('queue.no_suspensions'), { exact: true }).waitFor();
  await on('cancel', t('queue.everything')).click();
  assert.equal(await page.getByTestId('count').textContent(), t('queue.asks.cancel', { number: '1' }));
  await page.getByTestId('confirm').click();
  await page.getByText(t('queue.empty'), { exact: true }).waitFor();
}
