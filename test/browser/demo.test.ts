/** The page of the demo in a real browser: what people do with it, by mouse, by keyboard and on a phone. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import type { Browser, Response } from 'playwright-core';
import {
  assertAccessible,
  goTo,
  hasBrowser,
  launch,
  openTab,
  type Scheme,
  type Size,
  settled,
  shoot,
  type Tab,
} from '../kit/browser.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const MOST_OCTETS = 150_000;

describe('the page of the demo', { skip: !hasBrowser && 'needs chromium' }, () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'zonelog-browser-'));
  let demo: ChildProcess;
  let browser: Browser;
  let origin = '';

  before(async () => {
    const env = { ...process.env, STATE_DIRECTORY: folder };
    demo = spawn(path.join(ROOT, 'bin', 'zonelog'), ['demo'], {
      cwd: os.tmpdir(),
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    assert.ok(demo.stdout);
    let changes = 0;
    for await (const line of createInterface(demo.stdout)) {
      origin = /^ {2}(http:\/\/127\.0\.0\.1:\d+)\/$/.exec(line)?.[1] ?? origin;
      // Some versions to go back to.
      if (/^\d\d:\d\d:\d\d /.test(line) && ++changes === 4) break;
    }
    demo.stdout.resume();
    assert.notEqual(origin, '', 'the demo prints the URL of its page');
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    demo.kill('SIGTERM');
    if (demo.exitCode === null) await once(demo, 'exit');
    rmSync(folder, { recursive: true, force: true });
  });

  async function inTab(
    options: { readonly size?: Size; readonly scheme?: Scheme },
    work: (tab: Tab) => Promise<void>,
  ): Promise<void> {
    const tab = await openTab(browser, origin, options);
    try {
      await work(tab);
      assert.deepEqual(tab.offences, []);
    } finally {
      await tab.context.close();
    }
  }

  it('tells how clusters and zones stand', () =>
    inTab({}, async (tab) => {
      await goTo(tab, origin, '');
      await settled(tab);
      assert.equal(await tab.page.getByText('in sync').count(), 2);
      const zones = await tab.page.getByRole('table', { name: 'Zones' }).getByRole('link').allTextContents();
      assert.ok(zones.includes('east.local.') && zones.includes('shared.local.'), zones.join());
    }));

  it('weighs little, and shows its frame and heading before any answer has come', () =>
    inTab({}, async (tab) => {
      const bodies: Promise<Buffer>[] = [];
      const count = (response: Response) => {
        if (!response.url().includes('/api/')) bodies.push(response.body());
      };
      tab.page.on('response', count);
      await tab.page.route('**/api/**', () => {});
      await goTo(tab, origin, '');
      assert.equal(await tab.page.locator('h1').textContent(), 'Overview');
      assert.ok(await tab.page.getByRole('searchbox').isVisible());
      await tab.page.waitForLoadState('load');
      // What comes later, as the icon does, may be cut off by the end of the test.
      tab.page.off('response', count);
      const octets = (await Promise.all(bodies)).reduce((sum, { length }) => sum + length, 0);
      assert.ok(octets > 5_000 && octets < MOST_OCTETS, `${octets} octets`);
    }));

  it('is used by keyboard alone: from the search to a name, its values and their causes', () =>
    inTab({}, async (tab) => {
      const { page } = tab;
      await goTo(tab, origin, '');
      await settled(tab);
      await page.keyboard.press('/');
      await page.keyboard.type('kafka');
      await page.keyboard.press('Enter');
      const hit = page.getByRole('link', { name: 'kafka.data.svc.east.local.', exact: true });
      await hit.waitFor();
      assert.equal(await focusedText(tab), 'Search: kafka', 'the new heading has the focus');
      for (let i = 0; i < 20 && (await focusedText(tab)) !== 'kafka.data.svc.east.local.'; i++)
        await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { level: 1, name: 'kafka.data.svc.east.local.' }).waitFor();
      await settled(tab);
      const first = page.locator('.entry').first();
      assert.match((await first.textContent()) ?? '', /EndpointSlice data\/kafka.* by /);
      assert.match((await page.locator('section', { hasText: 'Why' }).first().textContent()) ?? '', /A: answered/);
    }));

  it('has a link that skips to the content', () =>
    inTab({}, async (tab) => {
      await goTo(tab, origin, '#/live');
      await tab.page.keyboard.press('Tab');
      assert.equal(await focusedText(tab), 'Skip to content');
      await tab.page.keyboard.press('Enter');
      await tab.page.keyboard.press('Tab');
      assert.equal(await tab.page.evaluate('document.activeElement.name'), 'zone');
    }));

  it('goes back in time by keys, and what it shows is in the URL', () =>
    inTab({}, async (tab) => {
      const { page } = tab;
      await goTo(tab, origin, '#/zone/east.local.');
      await settled(tab);
      const serial = async () => /serial (\d{10})/.exec((await page.locator('.moment').textContent()) ?? '')?.[1] ?? '';
      await page.locator('.extent .row').first().waitFor();
      const newest = await serial();
      await page.getByRole('slider', { name: 'Moment' }).focus();
      await page.keyboard.press('ArrowLeft');
      await page
        .locator('.moment')
        .filter({ hasText: 'serial', hasNotText: `serial ${newest}` })
        .waitFor();
      const older = await serial();
      assert.ok(Number(older) < Number(newest), `${older} < ${newest}`);
      await page.waitForURL(({ hash }) => hash.includes(`at=${older}`));
      await page.locator('.extent .row', { hasText: ` ${older} ` }).waitFor();

      const other = await openTab(browser, origin);
      await other.page.goto(page.url());
      await other.page.locator('.moment', { hasText: `serial ${older}` }).waitFor();
      await other.page.locator('.extent .row', { hasText: ` ${older} ` }).waitFor();
      await other.context.close();

      // What the last step changed may be undone by the next one; the pods of the first version never come back.
      const hasOlder = () => page.getByRole('button', { name: 'Older' }).isEnabled();
      for (let shown = older; await hasOlder(); shown = await serial()) {
        await page.keyboard.press('ArrowLeft');
        await page
          .locator('.moment')
          .filter({ hasNotText: `serial ${shown}` })
          .waitFor();
      }
      await page.getByRole('link', { name: 'Compare with now' }).click();
      await page.getByText(/^\d+ added$/).waitFor();
      await page.locator('.row.added, .row.removed').first().waitFor();
    }));

  it('finds records by a part of them', () =>
    inTab({}, async (tab) => {
      await goTo(tab, origin, '#/zone/shared.local.');
      await tab.page.getByRole('searchbox', { name: 'Only records with' }).fill('checkout');
      await tab.page.waitForURL(({ hash }) => hash.includes('match=checkout'));
      const rows = tab.page.locator('.extent .row');
      await rows.filter({ hasNotText: 'checkout' }).first().waitFor({ state: 'detached' });
      await rows.first().waitFor();
      assert.equal(await rows.filter({ hasNotText: 'checkout' }).count(), 0);
    }));

  it('saves the zone as a file', () =>
    inTab({}, async (tab) => {
      await goTo(tab, origin, '#/zone/west.local.');
      await settled(tab);
      const [download] = await Promise.all([
        tab.page.waitForEvent('download'),
        tab.page.getByRole('button', { name: 'Zone file' }).click(),
      ]);
      assert.equal(download.suggestedFilename(), 'west.local.zone');
      const chunks: Buffer[] = [];
      for await (const chunk of await download.createReadStream()) chunks.push(chunk);
      assert.match(Buffer.concat(chunks).toString(), /^west\.local\.\t\d+\tIN\tSOA\t/);
    }));

  it('shows changes as they happen, and waits when it is told to', () =>
    inTab({}, async (tab) => {
      const { page } = tab;
      await goTo(tab, origin, '#/live');
      await page.getByText('connected', { exact: true }).waitFor();
      await page.locator('.entry .lines li').first().waitFor();
      await page.getByRole('button', { name: 'Pause' }).click();
      const before = await page.locator('li.entry').count();
      await page.getByRole('button', { name: /^Paused: \d+ wait$/ }).waitFor();
      assert.equal(await page.locator('li.entry').count(), before);
      await shoot(tab, 'live-paused');
      await page.getByRole('button', { name: /^Paused/ }).click();
      assert.ok((await page.locator('li.entry').count()) > before);
    }));

  it('tells who held an address', () =>
    inTab({}, async (tab) => {
      await goTo(tab, origin, '');
      await tab.page.getByRole('searchbox').fill('10.96.12.7');
      await tab.page.getByRole('button', { name: 'Search' }).click();
      await tab.page.locator('main', { hasText: /cluster address of shop\/checkout/ }).waitFor();
    }));

  it('says what is wrong with a question', () =>
    inTab({}, async (tab) => {
      for (const [hash, words] of [
        ['#/zone/nowhere.example', /never a zone/],
        ['#/diff/east.local.?from=2001-01-01T00:00:00Z', /before the log/],
        ['#/address/10.0.0.300', /no IP address/],
        ['#/name/www.example', /in no zone/],
        ['#/nothing', /no such part/],
      ] as const) {
        await goTo(tab, origin, hash);
        await tab.page.locator('main', { hasText: words }).waitFor();
      }
    }));

  const VIEWS = {
    overview: '#/',
    zone: '#/zone/shared.local.',
    name: '#/name/kafka.data.svc.east.local.?type=A',
    denied: '#/name/nothing.shop.svc.east.local.',
    diff: '#/diff/east.local.?from=-10s',
    search: '#/search?q=cart',
    address: '#/address/10.96.12.7',
    log: '#/events?kind=EndpointSlice',
    live: '#/live',
  };
  for (const size of ['desktop', 'phone'] as const) {
    for (const scheme of ['light', 'dark'] as const) {
      it(`axe finds nothing, and nothing is wider than the screen: ${size}, ${scheme}`, () =>
        inTab({ size, scheme }, async (tab) => {
          for (const [name, hash] of Object.entries(VIEWS)) {
            await goTo(tab, origin, hash);
            await settled(tab);
            await shoot(tab, `${name}-${size}-${scheme}`);
            await assertAccessible(tab, `${name} ${size} ${scheme}`);
            const [wide, screen] = (await tab.page.evaluate('[document.documentElement.scrollWidth, innerWidth]')) as [
              number,
              number,
            ];
            assert.ok(wide <= screen, `${name} is ${wide} wide, the screen ${screen}`);
          }
        }));
    }
  }

  async function focusedText({ page }: Tab): Promise<string> {
    return String(await page.evaluate('document.activeElement.textContent'));
  }
});
