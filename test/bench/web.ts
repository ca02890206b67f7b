/**
 * `npm run bench:web -- FILE`: how long the history API and its page take over a log of a server, for instance one of a
 * million events over a hundred thousand records. The file is only read. What is asked is found in the log itself: its
 * largest zone, and names all over it. With Chromium on the PATH the page is measured too, until what was asked for is
 * on the screen.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { openHistory } from '../../src/history/questions.ts';
import { createLogger } from '../../src/logger.ts';
import { createApp } from '../../src/web/app.ts';
import { readPageFiles } from '../../src/web/page-files.ts';
import { hasBrowser, launch, openTab } from '../kit/browser.ts';
import { median } from './statistics.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const OUTPUT = path.join(ROOT, 'bench-output');
/** Requests of one kind; each asks for something else where there is something else. */
const ROUNDS = 10;
const NAMES = 40;

interface Row {
  readonly what: string;
  /** Milliseconds: the first request, half of the others, the slowest of them. */
  readonly first: number;
  readonly p50: number;
  readonly max: number;
  /** Milliseconds of CPU of one, the client's part included; absent for the page. */
  readonly cpu?: number;
  readonly octets?: number;
}

interface Served {
  readonly origin: string;
  readonly ask: (url: string) => Promise<unknown>;
  readonly close: () => Promise<void>;
}

async function serve(file: string): Promise<Served> {
  const history = openHistory(file, { now: Date.now });
  if (!history.ok) throw new Error(history.error.message);
  const { http } = await createApp({
    history: history.value,
    live: async () => ({ clusters: [], secondaries: [], incoming: [] }),
    access: { token: undefined, hasCertificates: false, host: '127.0.0.1' },
    page: readPageFiles(path.join(ROOT, 'dist', 'page')),
    logger: createLogger((line) => process.stderr.write(line)),
    clock: Date.now,
    now: () => performance.now(),
    after: (milliseconds, callback) => {
      const timer = setTimeout(callback, milliseconds);
      return () => clearTimeout(timer);
    },
    version: '0.0.0',
  });
  const origin = await http.listen({ host: '127.0.0.1', port: 0 });
  return {
    origin,
    async ask(url) {
      const response = await fetch(`${origin}/api/v1${url}`);
      const text = await response.text();
      if (response.status !== 200) throw new Error(`${url}: ${text}`);
      return JSON.parse(text);
    },
    async close() {
      await http.close();
      history.value.close();
    },
  };
}

function say(row: Row): Row {
  process.stderr.write(`${row.what}: ${row.p50.toFixed(1)} ms\n`);
  return row;
}

async function time({ origin }: Served, what: string, urls: readonly string[]): Promise<Row> {
  const times: number[] = [];
  let octets = 0;
  const before = process.cpuUsage();
  for (let i = 0; i < ROUNDS; i++) {
    const url = urls[i % urls.length] ?? '';
    const start = performance.now();
    const response = await fetch(`${origin}/api/v1${url}`);
    const body = await response.arrayBuffer();
    times.push(performance.now() - start);
    octets = Math.max(octets, body.byteLength);
    if (response.status !== 200) throw new Error(`${url}: ${response.status} ${Buffer.from(body)}`);
  }
  const { user, system } = process.cpuUsage(before);
  const [first = Number.NaN, ...others] = times;
  const cpu = (user + system) / 1000 / ROUNDS;
  return { what, first, p50: median(others), max: Math.max(...others), cpu, octets };
}

interface Subject {
  readonly zone: string;
  readonly records: number;
  readonly events: number;
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  /** Serials, newest first. */
  readonly serials: readonly string[];
}

async function choose({ ask }: Served): Promise<Subject> {
  const { zones, log } = (await ask('/overview')) as {
    zones: { zone: string; records: number }[];
    log: { events: number };
  };
  const [largest] = zones.toSorted((a, b) => b.records - a.records);
  if (largest === undefined) throw new Error('there is no zone in this log');
  const { zone, records } = largest;
  const versions = (await ask(`/zones/${zone}/versions?limit=1000`)) as { items: { serial: number }[] };
  const serials = versions.items.map(({ serial }) => String(serial));
  const names: string[] = [];
  const addresses: string[] = [];
  for (let i = 0; i < NAMES; i++) {
    const query = `at=${serials[0]}&type=A&limit=1&cursor=${Math.floor((records * i) / NAMES / 4)}`;
    const page = (await ask(`/zones/${zone}/records?${query}`)) as { items: { owner: string; data: string }[] };
    names.push(...page.items.map(({ owner }) => owner));
    addresses.push(...page.items.map(({ data }) => data));
  }
  return { zone, records, events: log.events, names, addresses, serials };
}

async function measureApi(served: Served, { zone, names, addresses, serials }: Subject): Promise<Row[]> {
  const at = `/zones/${zone}`;
  const questions: readonly (readonly [what: string, urls: readonly string[]])[] = [
    ['overview', ['/overview']],
    ['versions, a page of 100', [`${at}/versions`]],
    ['density of a day, 240 parts', [`${at}/density?from=-24h&buckets=240`]],
    ['density of all', [`${at}/density?buckets=240`]],
    [
      'records of one version, pages of 200',
      Array.from({ length: ROUNDS }, (_, i) => `${at}/records?at=${serials[0]}&limit=200&cursor=${i * 5000}`),
    ],
    ['records that contain a text', names.map((name) => `${at}/records?at=${serials[0]}&match=${name.slice(0, 12)}`)],
    ['records of another version each', serials.slice(1).map((serial) => `${at}/records?at=${serial}&limit=200`)],
    ['difference of neighbours', serials.slice(1).map((serial, i) => `${at}/diff?from=${serial}&to=${serials[i]}`)],
    ['difference over a thousand versions', [`${at}/diff?from=${serials.at(-1)}`]],
    ['history of a name', names.map((name) => `/names/${name}/history?type=A`)],
    ['why', names.map((name) => `/names/${name}/why`)],
    ['who held an address', addresses.map((address) => `/addresses/${address}`)],
    ['search', names.map((name) => `/search?q=${name.split('.')[0]}`)],
    ['events, a page of 100', ['/events']],
  ];
  const rows: Row[] = [];
  for (const [what, urls] of questions) rows.push(say(await time(served, what, urls)));
  return rows;
}

async function measurePage({ origin }: Served, { zone, names, serials }: Subject): Promise<Row[]> {
  const browser = await launch();
  try {
    const { page } = await openTab(browser, origin);
    const timed = async (what: string, steps: readonly (() => Promise<unknown>)[]): Promise<Row> => {
      const times: number[] = [];
      for (const step of steps) {
        const start = performance.now();
        await step();
        times.push(performance.now() - start);
      }
      const [first = Number.NaN, ...others] = times;
      return say({ what, first, p50: median(others), max: Math.max(...others) });
    };
    const open = (hash: string, seen: (page: Page) => Promise<unknown>) => async () => {
      await page.goto('about:blank');
      await page.goto(`${origin}/${hash}`);
      await seen(page);
    };
    const five = (step: () => Promise<unknown>) => [step, step, step, step, step];
    const overview = open('', ({ locator }) => locator.call(page, 'main td').first().waitFor());
    const rowShown = () => page.locator('.extent .row').first().waitFor();
    const rows = [await timed('page: overview', five(overview))];
    rows.push(await timed('page: a zone and its first records', five(open(`#/zone/${zone}`, rowShown))));
    const list = page.getByRole('table', { name: 'Records' });
    const count = Number(await list.getAttribute('aria-rowcount')) - 1;
    const jump = (share: number) => async () => {
      await list.evaluate((element, part) => {
        Reflect.set(element, 'scrollTop', Number(Reflect.get(element, 'scrollHeight')) * part);
      }, share);
      await page.locator(`[aria-rowindex="${Math.min(count + 1, Math.floor(count * share) + 12)}"]`).waitFor();
    };
    rows.push(await timed('page: a jump in the list of records', [0.2, 0.4, 0.6, 0.8, 0.999].map(jump)));
    const filter = (text: string) => async () => {
      await page.getByRole('searchbox', { name: 'Only records with' }).fill(text);
      await page.locator('.extent .row').filter({ hasText: text }).first().waitFor();
      await page.locator('.extent .row').filter({ hasNotText: text }).first().waitFor({ state: 'detached' });
    };
    const words = names.slice(2, 7).map((name) => name.split('.').slice(0, 2).join('.'));
    rows.push(await timed('page: records that contain a text', words.map(filter)));
    const older = serials.slice(10, 15).map((serial) => open(`#/zone/${zone}?at=${serial}`, rowShown));
    rows.push(await timed('page: a zone at another moment', older));
    const entry = () => page.locator('main li.entry, main p.empty').first().waitFor();
    rows.push(
      await timed(
        'page: a name',
        names.slice(0, 6).map((name) => open(`#/name/${name}?type=A`, entry)),
      ),
    );
    rows.push(await timed('page: the log', five(open('#/events', entry))));
    return rows;
  } finally {
    await browser.close();
  }
}

function tableOf(rows: readonly Row[]): string {
  const ms = (n: number | undefined) => (n === undefined ? '' : n < 10 ? n.toFixed(1) : n.toFixed(0));
  const lines = rows.map(({ what, first, p50, max, cpu, octets }) =>
    [what, ms(first), ms(p50), ms(max), ms(cpu), octets === undefined ? '' : Math.round(octets / 1000)].join(' | '),
  );
  return [
    '| | first, ms | half within, ms | all within, ms | CPU of one, ms | kB |',
    '|---|---|---|---|---|---|',
    ...lines.map((line) => `| ${line} |`),
  ].join('\n');
}

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error('which log? npm run bench:web -- FILE');
const served = await serve(file);
try {
  const subject = await choose(served);
  console.log(`${subject.events} events; ${subject.zone} has ${subject.records} records`);
  const rows = [...(await measureApi(served, subject)), ...(hasBrowser ? await measurePage(served, subject) : [])];
  const table = tableOf(rows);
  console.log(table);
  mkdirSync(OUTPUT, { recursive: true });
  writeFileSync(path.join(OUTPUT, 'web.md'), `${table}\n`);
} finally {
  await served.close();
}
