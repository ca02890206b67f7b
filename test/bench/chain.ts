/**
 * `npm run bench:chain`: the whole plugin chain of the stock cluster Corefile (kubeadm's), zonelog and CoreDNS side by side.
 * See docs/benchmarks.md.
 *
 *   --only LOAD,…    of: cluster cached uncached (all)
 *   --seconds N      of each run of load (5)
 *   --rounds N       alternating between the servers (3)
 *   --quick          a small cluster, one round of two seconds: a check of the benchmark, not a result
 *   --peer COMMAND --subject COMMAND   as for `npm run bench`
 */
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startApi } from './api.ts';
import { LOADS, type Load, loadQuestions, stockCorefile } from './chain-loads.ts';
import { findPeer, findSubject } from './contestants.ts';
import { HOW_TO_GET, isInstalled } from './dnsperf.ts';
import { FULL, QUICK } from './fixture.ts';
import { kill, startModule } from './processes.ts';
import { questionFile, samples } from './questions.ts';
import { measureRates } from './rates.ts';
import { judge, type Row, renderTable } from './report.ts';
import { chainRows, type Pair } from './rows.ts';
import type { Contestant, Server } from './servers.ts';
import { startSynced } from './starts.ts';

const OUTPUT = path.join(import.meta.dirname, '..', '..', 'bench-output');
const SAMPLES = 50;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    peer: { type: 'string' },
    subject: { type: 'string' },
  },
});
const say = (line: string) => process.stderr.write(`bench: ${line}\n`);

async function run(): Promise<void> {
  if (process.platform !== 'linux') throw new Error('runs on Linux only: it reads /proc');
  if (!isInstalled()) throw new Error(HOW_TO_GET);
  const loads = LOADS.filter((load) => values.only === undefined || values.only.split(',').includes(load.name));
  if (loads.length === 0) throw new Error(`no such load: ${values.only}`);
  const peer = findPeer(values.peer, say);
  const subject = findSubject(values.subject);
  const contestants = [...(peer ? [peer] : []), subject];
  const size = values.quick ? QUICK : FULL;
  const api = await startApi(size);
  const upstream = startModule('upstream-process.ts', []);
  const [upstreamPort] = (await once(upstream, 'message')) as [number];
  const corefile = stockCorefile(api.url, upstreamPort);
  const servers: Server[] = [];
  for (const contestant of contestants)
    servers.push((await startSynced(contestant, api, samples(size, SAMPLES), corefile)).server);
  const rows: Row[] = [];
  const details: Record<string, unknown> = {};
  for (const load of loads) {
    const measured = await measureLoad(load, servers);
    const pair: Pair<(typeof measured)[number]> = peer
      ? { peer: measured[0], subject: measured[1] }
      : { peer: undefined, subject: measured[0] };
    rows.push(...chainRows(load.title, load.ratio, pair));
    details[load.name] = pair;
  }
  for (const server of servers) await server.end();
  kill(upstream);
  await api.end();
  report(rows, details, peer, subject);
}

async function measureLoad(load: Load, servers: readonly Server[]) {
  say(load.title);
  const list = loadQuestions(load, values.quick ? QUICK : FULL, values.quick);
  const folder = mkdtempSync(path.join(tmpdir(), 'zonelog-bench-'));
  const file = path.join(folder, load.name);
  writeFileSync(file, questionFile(list));
  try {
    return await measureRates(servers, {
      questions: list,
      questionFile: file,
      seconds: Number(values.seconds ?? (values.quick ? 2 : 5)),
      rounds: Number(values.rounds ?? (values.quick ? 1 : 3)),
      say,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(
  rows: readonly Row[],
  details: Readonly<Record<string, unknown>>,
  peer: Contestant | undefined,
  subject: Contestant,
): void {
  const table = renderTable(rows, peer?.label ?? 'no peer', subject.label);
  const result = {
    date: new Date().toISOString(),
    machine: { cpus: cpus().length, model: cpus()[0]?.model, kernel: release(), node: process.version },
    rows: rows.map((row) => ({ ...row, verdict: judge(row) })),
    details,
  };
  mkdirSync(OUTPUT, { recursive: true });
  writeFileSync(path.join(OUTPUT, 'chain.json'), `${JSON.stringify(result, undefined, 2)}\n`);
  writeFileSync(path.join(OUTPUT, 'chain.txt'), `${table}\n`);
  process.stdout.write(`${table}\n\nbench-output/chain.json has the details.\n`);
}

run().catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error));
  process.exit(2);
});
