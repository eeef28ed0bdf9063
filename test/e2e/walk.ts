/** What the console's journeys have in common: who walks, where, and how things on a page are found and chosen. */
import type { Page } from 'playwright-core';
import type { DnsServer, Running, Sink } from '../journeys/harness.ts';
import type { Browser, Language, texts } from './browser.ts';

export const EMAIL = 'owner@example.com';
export const PASSWORD = 'a long walk by the sea 7';
export const DOMAIN = 'post.example.com';

export interface Walk {
  readonly language: Language;
  readonly t: ReturnType<typeof texts>;
  readonly browser: Browser;
  readonly page: Page;
  readonly service: Running;
  readonly dns: DnsServer;
  readonly sink: Sink;
  readonly base: string;
}

export const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
export const field = (page: Page, name: string) => page.getByLabel(name, { exact: true });
export const heading = (page: Page, name: string) =>
  page.getByRole('heading', { level: 1, name, exact: true });

export async function choose(page: Page, label: string, option: string): Promise<void> {
  // one that can be searched is a text field to those who cannot see it
  const [text, list] = (['textbox', 'combobox'] as const).map((role) =>
    page.getByRole(role, { name: label, exact: true }),
  );
  await text!.or(list!).focus();
  await page.keyboard.press('ArrowDown');
  await page.getByRole('option', { name: option, exact: true }).click();
}
/** The value shown to be copied under this label. */
export async function copied(page: Page, label: string): Promise<string> {
  const button = page.getByRole('button', { name: label, exact: true });
  return ((await button.locator('xpath=preceding-sibling::*[1]').textContent()) ?? '').trim();
}

export async function signOut(page: Page, t: Walk['t']): Promise<void> {
  await button(page, t('account.short')).click();
  await page.getByRole('menuitem', { name: t('sign_in.out') }).click();
  await heading(page, t('sign_in.title')).waitFor();
}
export async function signIn(page: Page, t: Walk['t']): Promise<void> {
  await field(page, t('account.email')).fill(EMAIL);
  await page.keyboard.press('Tab');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
}
