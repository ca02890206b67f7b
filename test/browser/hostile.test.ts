/** The page over logs that mean it harm, that are large, and behind a token. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Browser } from 'playwright-core';
import type { ClusterEvent, ClusterId } from '../../src/ingest/event.ts';
import { packKeys } from '../../src/ingest/held-keys.ts';
import type { AppOptions } from '../../src/web/app.ts';
import { readPageFiles } from '../../src/web/page-files.ts';
import { goTo, hasBrowser, launch, openTab, settled, shoot, type Tab } from '../kit/browser.ts';
import { EAST, namespace, planApplied, service, slice, stanza, synced, zoneDefinition } from '../kit/cluster-events.ts';
import { START } from '../kit/given.ts';
import type { Recording } from '../kit/recorded.ts';
import { recordShop, webApp } from '../kit/web-app.ts';

const PAGE = readPageFiles(path.join(import.meta.dirname, '..', '..', 'dist', 'page'));

/** Whatever of it is taken for markup or code says so by a dialog, or by a request. */
const MARKUP = `"'><img src=x onerror=alert(1)><script>alert(2)</script><svg onload=alert(3)>{{7*7}}\${alert(4)}javascript:alert(5)`;
const EVIL = `https://evil.example/${MARKUP}` as ClusterId;

function recordHostile(recording: Recording): void {
  const cause = { manager: MARKUP, resourceVersion: MARKUP };
  const by = (event: ClusterEvent) => ({ ...event, cause }) as ClusterEvent;
  const extra = { annotations: { [MARKUP]: MARKUP }, externalName: MARKUP };
  recording.record([planApplied(zoneDefinition('cluster.local.', [stanza(EVIL)]))]);
  recording.record([namespace(EVIL, 'shop'), namespace(EVIL, MARKUP), ...synced(EVIL)]);
  recording.record([
    by(service(EVIL, 'shop/cart', ['10.0.0.1'], extra)),
    by(service(EVIL, `shop/${MARKUP}`, ['10.0.0.7'], extra)),
  ]);
  recording.record([
    by(service(EVIL, 'shop/cart', ['10.0.0.2'], { ...extra, ports: [{ name: 'web', port: 1, protocol: 'tcp' }] })),
    by(slice(EVIL, 'shop/cart-1', 'cart', [{ addresses: ['10.1.0.1'], pod: MARKUP, hostname: 'x', zone: MARKUP }])),
  ]);
  recording.record([{ kind: 'ClusterLost', cluster: EVIL, key: 'Service', reason: MARKUP }]);
  const keys = packKeys(['shop/cart', `shop/${MARKUP}`]);
  const held = { kind: 'DeletionsHeld', cluster: EVIL, key: 'Service', scope: '', known: 2, count: 2 } as const;
  recording.record([{ ...held, keys, percent: 50, until: Date.UTC(2026, 10, 21, 4) }]);
}

describe('the page', { skip: !hasBrowser && 'needs chromium' }, () => {
  let browser: Browser;
  before(async () => {
    assert.ok(PAGE.has('/main.js'), 'the page is built');
    browser = await launch();
  });
  after(() => browser?.close());

  async function open(
    t: TestContext,
    options: Partial<AppOptions>,
    record: (recording: Recording) => void,
  ): Promise<[Tab, string]> {
    const { http } = await webApp(t, { page: PAGE, ...options }, record);
    const origin = await http.listen({ host: '127.0.0.1', port: 0 });
    const tab = await openTab(browser, origin);
    t.after(() => tab.context.close());
    return [tab, origin];
  }

  it('opens a zone that has been quiet for days on its last change, unless told how far back to look', async (t) => {
    const day = 86_400_000;
    const [tab, origin] = await open(t, {}, (recording) => {
      recording.record([planApplied(zoneDefinition('cluster.local.', [stanza(EAST)]))], START - 30 * day);
      recording.record([namespace(EAST, 'shop'), ...synced(EAST)], START - 30 * day);
      recording.record([service(EAST, 'shop/cart', ['10.0.0.1'])], START - 20 * day);
      recording.record([service(EAST, 'shop/cart', ['10.0.0.2'])], START - 3 * day);
    });
    const shown = async (hash: string) => {
      await goTo(tab, origin, hash);
      await settled(tab);
      return tab.page.locator('[aria-pressed="true"]').textContent();
    };
    assert.equal(await shown('#/zone/cluster.local.'), '7 d');
    assert.match((await tab.page.locator('.ticks').textContent()) ?? '', /1 version/);
    await shoot(tab, 'quiet-zone');
    const long = new Date(START - 19 * day).toISOString();
    assert.equal(await shown(`#/zone/cluster.local.?at=${long}`), 'all');
    assert.equal(await shown('#/zone/cluster.local.?span=-1h'), '1 h');
    assert.ok(tab.page.url().endsWith('span=-1h'), tab.page.url());
    assert.deepEqual(tab.offences, []);
  });

  it('shows what objects say as text, whatever it is', async (t) => {
    const live = async () => ({
      clusters: [{ cluster: EVIL, isSynced: true, lost: [MARKUP] }],
      secondaries: [{ zone: MARKUP, address: MARKUP, served: 1 }],
      incoming: [
        { zone: MARKUP, primaries: [MARKUP], memberOf: MARKUP, isExpired: true, failures: 2, trouble: MARKUP },
      ],
      logFailure: MARKUP,
    });
    const [tab, origin] = await open(t, { live }, recordHostile);
    const harmful = encodeURIComponent(MARKUP);
    for (const hash of [
      '#/',
      '#/zone/cluster.local.',
      `#/zone/${harmful}`,
      '#/name/cart.shop.svc.cluster.local.',
      `#/name/${harmful}`,
      '#/diff/cluster.local.?from=1795219202',
      `#/diff/${harmful}?from=${harmful}`,
      '#/address/10.0.0.2',
      '#/address/10.0.0.7',
      `#/address/${harmful}`,
      '#/search?q=shop',
      `#/search?q=${harmful}`,
      '#/events',
      `#/events?cluster=${harmful}`,
      `#/live?zone=${harmful}`,
      `#/${harmful}`,
    ]) {
      await goTo(tab, origin, hash);
      await settled(tab);
      const strange = await tab.page
        .locator('main img, main script, main iframe, main [onerror], main [onload]')
        .count();
      assert.equal(strange, 0, hash);
      const links = await tab.page
        .locator('main a[href]')
        .evaluateAll((found) => found.map((link) => String(Reflect.get(link, 'href'))));
      for (const link of links) assert.ok(link.startsWith(`${origin}/#/`), link);
    }
    await goTo(tab, origin, '#/');
    await settled(tab);
    const overview = (await tab.page.locator('main').textContent()) ?? '';
    assert.match(overview, /The guard holds 2 deletions \(Service\) since/);
    assert.match(overview, /Zones of other servers/);
    assert.ok(
      overview.includes(`expired member of ${MARKUP}2 failed: ${MARKUP}`),
      'a zone that is taken in, and its trouble',
    );
    await goTo(tab, origin, '#/name/cart.shop.svc.cluster.local.');
    await settled(tab);
    const why = (await tab.page.locator('main').textContent()) ?? '';
    assert.match(why, /the guard holds the deletion of Service shop\/cart since .* by 'zonelog release'/);
    await goTo(tab, origin, '#/events');
    await settled(tab);
    assert.ok((await tab.page.locator('main').textContent())?.includes(MARKUP));
    await shoot(tab, 'hostile');
    assert.deepEqual(tab.offences, []);
  });

  it('can do nothing that its policy forbids, even if code of others got in', async (t) => {
    const [tab, origin] = await open(t, {}, recordShop);
    await goTo(tab, origin, '');
    await settled(tab);
    const refused = async (code: string) =>
      String(
        await tab.page.evaluate(
          `(async () => { try { return await (${code}); } catch (e) { return 'refused: ' + e.name; } })()`,
        ),
      );
    assert.match(await refused("(document.body.innerHTML += '<b>x</b>')"), /^refused: TypeError/);
    assert.match(
      await refused(
        "new Promise((resolve) => { const s = document.createElement('img'); s.onerror = () => resolve('refused: img'); s.onload = () => resolve('loaded'); s.src = 'https://evil.example/x.png'; })",
      ),
      /^refused/,
    );
    assert.match(await refused("fetch('https://evil.example/')"), /^refused: TypeError/);
  });

  it('pages through a hundred thousand records with few elements, to the last one', async (t) => {
    const services = 25_000;
    const [tab, origin] = await open(t, {}, (recording) => {
      recording.record([planApplied(zoneDefinition('cluster.local.', [stanza(EAST)]))]);
      const events: ClusterEvent[] = [namespace(EAST, 'shop'), ...synced(EAST)];
      for (let i = 0; i < services; i++)
        events.push(service(EAST, `shop/web-${i}`, [`10.${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`]));
      recording.record(events);
    });
    await goTo(tab, origin, '#/zone/cluster.local.');
    const rows = tab.page.getByRole('table', { name: 'Records' });
    await rows.locator('.extent .row').first().waitFor();
    const count = Number((await rows.getAttribute('aria-rowcount')) ?? 0) - 1;
    assert.ok(count >= services * 4, String(count));
    await rows.evaluate((list) => Reflect.set(list, 'scrollTop', Reflect.get(list, 'scrollHeight')));
    await rows.locator(`[aria-rowindex="${count + 1}"]`).waitFor();
    assert.ok((await rows.locator('.extent .row').count()) < 120);
    await tab.page.getByRole('searchbox', { name: 'Only records with' }).fill('web-24999.');
    await tab.page
      .getByRole('status')
      .filter({ hasText: /^\d records$/ })
      .waitFor();
    assert.deepEqual(tab.offences, []);
  });

  it('asks for the token, says when it is wrong, and then shows what was asked for, the live feed too', async (t) => {
    const token = 'correct-horse-battery-staple';
    const access = { token: () => token, hasCertificates: false, host: '' };
    const [tab, origin] = await open(t, { access }, recordShop);
    await goTo(tab, origin, '#/zone/west.local.');
    const field = tab.page.getByLabel('The bearer token of this server');
    await field.fill('wrong-wrong-wrong-wrong');
    await tab.page.keyboard.press('Enter');
    await tab.page.getByRole('alert').waitFor();
    await shoot(tab, 'token');
    await field.fill(token);
    await tab.page.keyboard.press('Enter');
    await tab.page.locator('.extent .row').first().waitFor();
    await tab.page.getByRole('link', { name: 'Live' }).click();
    await tab.page.getByText('connected', { exact: true }).waitFor();
    assert.deepEqual(tab.offences, []);
  });

  it('asks for the token once, however late the refusal of another question comes', async (t) => {
    const token = 'correct-horse-battery-staple';
    const access = { token: () => token, hasCertificates: false, host: '' };
    const [tab, origin] = await open(t, { access }, recordShop);
    const given = Promise.withResolvers<void>();
    const isLate = Promise.withResolvers<void>();
    await tab.page.route(
      '**/density?*',
      async (route) => {
        const response = await route.fetch();
        assert.equal(response.status(), 401);
        isLate.resolve();
        await given.promise;
        await route.fulfill({ response });
      },
      { times: 1 },
    );
    await goTo(tab, origin, '#/zone/west.local.');
    await isLate.promise;
    await tab.page.getByLabel('The bearer token of this server').fill(token);
    await tab.page.keyboard.press('Enter');
    await tab.page.locator('.extent .row').first().waitFor();
    given.resolve();
    await tab.page.locator('.chart').waitFor();
    assert.equal(await tab.page.getByRole('dialog').count(), 0);
    assert.deepEqual(tab.offences, []);
  });
});
