/** Debian's Chromium, driven as a person would use it. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const ROOT = path.join(import.meta.dirname, '..', '..');
const PROGRAM = (process.env.PATH ?? '')
  .split(path.delimiter)
  .map((folder) => path.join(folder, 'chromium'))
  .find(existsSync);

export const hasBrowser = PROGRAM !== undefined;

/** Where screenshots are kept. */
const SHOTS = path.join(ROOT, 'test-output', 'browser');

export const SIZES = {
  desktop: { viewport: { width: 1280, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
} as const;
export type Size = keyof typeof SIZES;
export type Scheme = 'light' | 'dark';

/** For whatever is waited for, milliseconds: waited out only where a test fails. */
const PATIENCE = 60_000;

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: PROGRAM ?? '',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A tab, and everything in it that should not happen. */
export interface Tab {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of the page, refusals of its policy, requests to other hosts. */
  readonly offences: string[];
}

/** @param origin what the page may ask */
export async function openTab(
  browser: Browser,
  origin: string,
  { size = 'desktop', scheme = 'light' }: { readonly size?: Size; readonly scheme?: Scheme } = {},
): Promise<Tab> {
  const context = await browser.newContext({ ...SIZES[size], colorScheme: scheme, timezoneId: 'UTC' });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const offences: string[] = [];
  page.on('pageerror', (error) => offences.push(`error: ${error.stack ?? error.message}`));
  page.on('dialog', (dialog) => {
    offences.push(`dialog: ${dialog.message()}`);
    dialog.dismiss().catch(() => {});
  });
  page.on('console', (message) => {
    // A question that is answered with a problem is one of the browser's errors, not one of ours.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text()))
      offences.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith('blob:')) offences.push(`request: ${url}`);
  });
  return { page, context, offences };
}

/** Shows a place of the page, anew. */
export async function goTo({ page }: Tab, origin: string, hash: string): Promise<void> {
  await page.goto('about:blank');
  await page.goto(`${origin}/${hash}`);
  await page.locator('main h1').waitFor();
}

/** Waits until no part of the page waits for an answer. */
export async function settled({ page }: Tab): Promise<void> {
  await page.locator('main .skeleton:visible, main [aria-busy]').first().waitFor({ state: 'detached' });
}

export async function shoot({ page }: Tab, name: string): Promise<void> {
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SHOTS, `${name}.png`) });
}

const AXE = readFileSync(path.join(ROOT, 'node_modules', 'axe-core', 'axe.min.js'), 'utf8');

/** Fails with what axe finds: WCAG 2.2 at level AA, and its best practices. */
export async function assertAccessible({ page }: Tab, where: string): Promise<void> {
  await page.evaluate(AXE);
  const found = (await page.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.slice(0, 3).map(({ html, failureSummary }) => id + ': ' + html.slice(0, 200) + ' ' + failureSummary)))`)) as string[];
  assert.deepEqual(found, [], where);
}
