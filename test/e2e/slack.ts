/** A Slack webhook beside the hook: added in the reader's language, looked at, tested, and written to. */
import assert from 'node:assert/strict';
import { EVENTS } from '../../src/contract/events.ts';
import { slack as kind } from '../../src/edj/kinds/slack.ts';
import { error, startFakeSlack } from '../../src/testing/fake-slack.ts';
import { eventually } from '../journeys/harness.ts';
import { inspect } from './browser.ts';
import { button, choose, field, type Walk } from './walk.ts';

export async function slack({ page, t, browser, language }: Walk): Promise<void> {
  await using fake = await startFakeSlack();
  const label = (name: string) => kind.fields[name]!.label[language];
  await page.getByRole('link', { name: t('topics.title'), exact: true }).click();
  await page.getByRole('link', { name: 'Support', exact: true }).click();
  await choose(page, t('subscribers.kind'), kind.label[language]);
  await field(page, label('url')).fill('hooks.slack.com');
  await button(page, t('common.add')).click();
  await page.getByText(t('problem.detail.url')).waitFor();
  await field(page, label('url')).fill(fake.webhook);
  await field(page, label('note')).fill('窓口');
  await choose(page, label('language'), language === 'ja' ? '日本語' : 'English');
  await button(page, t('samples.show')).click();
  const shown = page.getByTestId('sample-request');
  await shown.getByText(`POST ${fake.url}/***`).waitFor();
  await shown
    .getByText(language === 'ja' ? '差出人' : 'From')
    .first()
    .waitFor();
  await inspect(browser, 'subscriber-slack', language);
  await button(page, t('common.add')).click();
  const on = (action: string, subject = '窓口') =>
    button(page, t('common.action_on', { label: t(action), subject }));
  await on('subscribers.change').click();
  await field(page, label('note')).fill('受付');
  await button(page, t('common.save')).click();
  await on('subscribers.change', '受付').click();
  await field(page, label('note')).fill('窓口');
  await button(page, t('common.save')).click();
  await on('subscribers.change').click();
  await button(page, t('subscribers.pause')).click();
  await button(page, t('subscribers.resume')).waitFor();
  await inspect(browser, 'subscriber-paused', language);
  await button(page, t('subscribers.resume')).click();
  await button(page, t('subscribers.pause')).waitFor();
  await on('samples.title').click();
  await page.getByTestId('sample-request').getByText(`POST ${fake.url}/***`).waitFor();
  await choose(page, t('samples.event'), EVENTS.bounced.label[language]);
  await page.getByTestId('sample-request').getByText(EVENTS.bounced.when[language]).first().waitFor();
  await button(page, t('samples.test')).click();
  await page.getByText(t('samples.outcomes.done')).waitFor();
  await inspect(browser, 'subscriber-samples', language);
  assert.equal(fake.messages[0]!.shown[0], EVENTS.bounced.when[language]);
  fake.next.push(error(404, 'no_service'));
  await button(page, t('samples.test')).click();
  await page.getByText(t('samples.outcomes.gone')).waitFor();
  await page.getByText('no_service', { exact: true }).waitFor();
  await inspect(browser, 'subscriber-test-gone', language);
  await page.getByRole('tab', { name: t('publish.title') }).click();
  await field(page, t('publish.message')).fill('Hello, <!channel>');
  await button(page, t('publish.button')).click();
  await eventually('the published text in Slack', async () =>
    fake.messages.find(({ shown }) => shown.includes('Hello, <!channel>')),
  );
  assert.ok(!(await page.content()).includes(fake.secret));
  await page.getByRole('tab', { name: t('subscribers.title') }).click();
  await on('common.delete').click();
  await page.getByTestId('confirm').click();
  await on('samples.title').waitFor({ state: 'detached' });
}
