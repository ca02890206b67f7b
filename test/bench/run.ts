/**
 * `npm run bench`: zonelog and CoreDNS side by side on this machine, on loopback. See docs/benchmarks.md.
 *
 *   --only GROUP,…   of: qps rss start events large disturb (all)
 *   --seconds N      of each run of load or of changes (5)
 *   --rounds N       of load and of cold starts, alternating between the servers (3)
 *   --quick          small clusters, one round of two seconds: a check of the benchmark, not a result
 *   --peer COMMAND --subject COMMAND   other servers; {conf}, {port} and {db} are filled in; `--peer none` for zonelog alone
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { findPeer, findSubject } from './contestants.ts';
import { HOW_TO_GET, isInstalled } from './dnsperf.ts';
import { measureAll, type Plan } from './groups.ts';
import { QUIET } from './quiet.ts';
import { judge, type Row, renderTable } from './report.ts';
import { OTHERS } from './rows.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const OUTPUT = path.join(ROOT, 'bench-output');
const GROUPS = ['qps', 'rss', 'start', 'events', 'large', 'disturb'] as const;

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

function main(): Promise<void> {
  if (process.platform !== 'linux') fail('runs on Linux only: it reads /proc');
  const groups = new Set<string>(values.only?.split(',') ?? GROUPS);
  for (const group of groups) if (!GROUPS.some((known) => known === group)) fail(`no such group: ${group}`);
  if ((groups.has('qps') || groups.has('rss')) && !isInstalled()) fail(HOW_TO_GET);
  const folder = mkdtempSync(path.join(tmpdir(), 'zonelog-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const plan: Plan = {
    groups,
    peer: findPeer(values.peer, say),
    subject: findSubject(values.subject),
    isQuick: values.quick,
    seconds: Number(values.seconds ?? (values.quick ? 2 : 5)),
    rounds: Number(values.rounds ?? (values.quick ? 1 : 3)),
    folder,
    say,
  };
  return run(plan);
}

async function run(plan: Plan): Promise<void> {
  const { rows, details, failures = 0 } = await measureAll(plan);
  const labels = { peer: plan.peer?.label ?? 'no peer', subject: plan.subject.label };
  const table = renderTable(rows, labels.peer, labels.subject);
  const report = {
    date: new Date().toISOString(),
    machine: { cpus: cpus().length, model: cpus()[0]?.model, kernel: release(), node: process.version },
    contestants: { peer: plan.peer, subject: plan.subject },
    options: { seconds: plan.seconds, rounds: plan.rounds, isQuick: plan.isQuick },
    rows: rows.map((row) => ({ ...row, verdict: judge(row) })),
    details,
  };
  mkdirSync(OUTPUT, { recursive: true });
  const json = `${JSON.stringify(report, undefined, 2)}\n`;
  for (const name of ['latest', report.date.replaceAll(/[:.]/g, '-')]) {
    writeFileSync(path.join(OUTPUT, `${name}.json`), json);
    writeFileSync(path.join(OUTPUT, `${name}.txt`), `${table}\n`);
  }
  process.stdout.write(`${table}\n\n${summary(rows)}\nbench-output/latest.json has the details.\n`);
  if (failures > 0) fail(`${failures} groups of measurements failed`);
}

function summary(rows: readonly Row[]): string {
  const verdicts = rows.map(judge);
  const count = (verdict: string) => verdicts.filter((one) => one === verdict).length;
  const busy = rows
    .filter(({ metric }) => metric.endsWith(OTHERS))
    .flatMap(({ peer = 0, subject = 0 }) => [peer, subject]);
  const most = Math.max(0, ...busy);
  return [
    `${count('met')} targets met, ${count('missed')} missed, ${count('unknown')} unknown`,
    ...(most > QUIET
      ? [`NOT A QUIET MACHINE: other processes used up to ${most.toFixed(2)} processors meanwhile`]
      : []),
  ].join('\n');
}

function fail(message: string): never {
  say(message);
  process.exit(2);
}

await main();
