/**
 * Chromium for the console's journeys: one browser per journey with a profile of its own, pages that note every error
 * of the console and every report of the content security policy, the accessibility check, and screenshots.
 */
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

export const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };
export type Language = 'ja' | 'en';

export interface Browser extends AsyncDisposable {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What went wrong so far: errors in the console, uncaught ones, refusals by the content security policy. */
  readonly complaints: readonly string[];
  /** What was found wrong with pages as they look: all of it is told at the end, not only the first. */
  readonly findings: string[];
  /** Where the screenshots go. */
  readonly shots: string;
}

export async function openBrowser(language: Language): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'hikyaku-browser-'));
  const shots = process.env['HIKYAKU_TEST_SHOTS'] ?? join(profile, 'shots');
  mkdirSync(shots, { recursive: true });
  const context = await chromium.launchPersistentContext(join(profile, 'profile'), {
    executablePath: CHROMIUM,
    args: FLAGS,
    locale: language === 'ja' ? 'ja-JP' : 'en-GB',
    viewport: DESKTOP,
    reducedMotion: 'reduce',
  });
  context.setDefaultTimeout(15_000);
  const page = context.pages()[0] ?? (await context.newPage());
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.stack ?? error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    // The browser notes each answer that is no success; what the page makes of those is looked at in the journey.
    if (/^Failed to load resource: the server responded with a status of 4\d\d/.test(text)) return;
    if (/^Failed to load resource: net::ERR_(FAILED|INTERNET_DISCONNECTED)/.test(text)) return;
    if (message.type() === 'error' || message.type() === 'warning')
      complaints.push(`${message.type()}: ${text} (${message.location().url})`);
  });
  return {
    context,
    page,
    complaints,
    findings: [],
    shots,
    async [Symbol.asyncDispose]() {
      await context.close();
    },
  };
}

/** What axe finds serious or critical on the page as it is. */
async function graveFindings(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
}

/** Nothing is loading any more. */
export async function settled(page: Page): Promise<void> {
  await page.locator('.mantine-Loader-root, [data-loading]').first().waitFor({ state: 'detached' });
  await page.evaluate('document.fonts.ready.then(() => 0)');
  // what fades in is judged when it is there
  await page.evaluate(
    'Promise.allSettled(document.getAnimations().map((one) => one.finished)).then(() => 0)',
  );
}

/** At both widths no wider than the screen and kept as a picture; and accessible. */
export async function inspect(browser: Browser, name: string, language: Language): Promise<void> {
  const { page, shots, findings } = browser;
  for (const [size, viewport] of [
    ['phone', PHONE],
    ['desktop', DESKTOP],
  ] as const) {
    await page.setViewportSize(viewport);
    await settled(page);
    await page.evaluate('scrollTo(0, 0)');
    await page.screenshot({
      path: join(shots, `${name}-${language}-${size}.png`),
      fullPage: size === 'phone',
    });
    const over = await page.evaluate<number>(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    );
    if (over > 0) findings.push(`${name} (${language}): ${over} px wider than a ${size} screen`);
  }
  for (const grave of await graveFindings(page)) findings.push(`${name} (${language}): ${grave}`);
}

/** The console's own texts, so that a journey presses what a reader of that language sees. */
export function texts(language: Language): (key: string, values?: Record<string, string>) => string {
  const file = new URL(`../../console/src/locales/${language}.json`, import.meta.url);
  const tree = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  return (key, values = {}) => {
    const text = key
      .split('.')
      .reduce<unknown>((node, part) => (node as Record<string, unknown> | undefined)?.[part], tree);
    if (typeof text !== 'string') throw new Error(`no text ${key}`);
    return text.replace(/\{\{(\w+)\}\}/g, (_whole, name: string) => values[name] ?? '');
  };
}
