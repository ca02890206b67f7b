/**
 * `npm run bench:retention`: a million events over a zone of 100,000 records. What UDP answers
 * cost while a server removes the older half of them, and while its log is backed up. See docs/benchmarks.md.
 *
 *   --runs N     compactions, each of a fresh copy of the log (3)
 *   --events N   of the log (1,000,000)
 *   --log FILE   the log: taken from there, or, where there is none, written there and left
 *   --quick      a hundredth of it: a check of the benchmark, not a result
 */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { askServer } from '../../src/compose/control-client.ts';
import { openReadOnly } from '../../src/database.ts';
import { usedOctets } from '../../src/retention/policy.ts';
import { findSubject } from './contestants.ts';
import { historyCorefile, SERVICES, serviceKey, writeHistoryLog } from './history-log.ts';
import { type Probed, probeWhile } from './probing.ts';
import { start, stop } from './processes.ts';

const OUTPUT = path.join(import.meta.dirname, '..', '..', 'bench-output');
const PORT = 20_853;
const HTTP_PORT = 20_854;
const HOUR = 3_600_000;
const WARM_UP_MS = 10_000;
const CALM_MS = 20_000;

const { values } = parseArgs({
  options: {
    runs: { type: 'string' },
    events: { type: 'string' },
    log: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const say = (line: string) => process.stderr.write(`bench: ${line}\n`);

interface Run {
  readonly calm: Probed;
  readonly compaction: Probed<{ readonly events: number }>;
  readonly backup: Probed;
  /** Octets of the database that hold something. */
  readonly before: number;
  readonly after: number;
  readonly fileBefore: number;
  readonly fileAfter: number;
}

async function measure(command: string, log: string, folder: string): Promise<Run> {
  const db = path.join(folder, 'zonelog.db');
  copyFileSync(log, db);
  const [used, fileBefore, half] = [usedOf(db), statSync(db).size, halfOf(db)];
  const conf = path.join(folder, 'Corefile');
  writeFileSync(conf, historyCorefile(PORT, HTTP_PORT));
  const names = path.join(folder, 'names');
  const lines = Array.from({ length: SERVICES }, (_, i) => {
    const [space, name] = serviceKey(i).split('/');
    return `${name}.${space}.svc.cluster.local. A`;
  });
  writeFileSync(names, `${lines.join('\n')}\n`);
  const words = command.split(' ').map((word) => word.replace('{conf}', conf).replace('{port}', `${PORT}`));
  const [program = '', ...args] = words.map((word) => word.replace('{db}', db));
  const child = start(program, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    await answered(db);
    await probeWhile(PORT, names, () => sleep(WARM_UP_MS));
    const calm = await probeWhile(PORT, names, () => sleep(CALM_MS));
    const compaction = await probeWhile(PORT, names, async () => {
      const query = new URLSearchParams({ keep: String(Date.now() - half), reason: 'bench' });
      const outcome = await askServer(db, 'POST', `/compact?${query}`, HOUR);
      assert.ok(isDone(outcome), JSON.stringify(outcome));
      return { events: outcome.removed.events };
    });
    const after = usedOf(db);
    const backup = await probeWhile(PORT, names, async () => {
      const copy = start(program, ['backup', path.join(folder, 'copy.db'), '-db', db], { stdio: 'ignore' });
      await new Promise((resolve) => copy.once('exit', resolve));
      assert.equal(copy.exitCode, 0);
    });
    await stop(child);
    return { calm, compaction, backup, before: used, after, fileBefore, fileAfter: statSync(db).size };
  } finally {
    await stop(child);
  }
}

function isDone(outcome: unknown): outcome is { readonly removed: { readonly events: number } } {
  return typeof outcome === 'object' && outcome !== null && 'isDone' in outcome && outcome.isDone === true;
}

async function answered(db: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await askServer(db, 'GET', '/status');
      return;
    } catch (error) {
      if (tries > 600) throw error;
      await sleep(100);
    }
  }
}

/** When half of the events had happened, Unix milliseconds. */
function halfOf(file: string): number {
  const db = openReadOnly(file);
  try {
    const middle = db.prepare<[], number>(
      'SELECT batch FROM event WHERE position = (SELECT max(position) / 2 FROM event)',
    );
    const time = db.prepare<[number], number>('SELECT time FROM batch WHERE batch = ?').pluck();
    return time.get(middle.pluck().get() ?? 0) ?? 0;
  } finally {
    db.close();
  }
}

function usedOf(file: string): number {
  const db = openReadOnly(file);
  try {
    return usedOctets(db);
  } finally {
    db.close();
  }
}

function latencies(what: string, { server, control, seconds, others }: Probed): string {
  const of = ({ p50, p99, p999, max }: typeof server) => [p50, p99, p999, max].map((ms) => ms.toFixed(2)).join(' / ');
  return `| ${what} | ${seconds.toFixed(0)} | ${of(server)} | ${of(control)} | ${server.lost} | ${others.toFixed(2)} |`;
}

async function run(): Promise<void> {
  const events = Number(values.events ?? (values.quick ? 10_000 : 1_000_000));
  const runs = Number(values.runs ?? (values.quick ? 1 : 3));
  const { command } = findSubject(undefined);
  const folder = mkdtempSync(path.join(tmpdir(), 'zonelog-bench-'));
  try {
    const log = values.log ?? path.join(folder, 'log.db');
    const began = performance.now();
    if (!existsSync(log)) await writeHistoryLog(log, Math.max(events, 3 * SERVICES), Date.now());
    say(`a log of ${statSync(log).size} octets, after ${Math.round(performance.now() - began)} ms`);
    const results: Run[] = [];
    const lines = [
      '| while | s | ms: p50 / p99 / p99.9 / max | control | lost | others |',
      '|---|---:|---|---|---:|---:|',
    ];
    for (let i = 1; i <= runs; i++) {
      const own = path.join(folder, String(i));
      mkdirSync(own);
      const result = await measure(command, log, own);
      rmSync(own, { recursive: true });
      results.push(result);
      lines.push(latencies(`${i}: nothing`, result.calm));
      lines.push(latencies(`${i}: compaction of ${result.compaction.result.events} events`, result.compaction));
      lines.push(latencies(`${i}: backup`, result.backup));
      lines.push(
        `| ${i}: MB in use, before and after | | ${megabytes(result.before)} / ${megabytes(result.after)} | | | |`,
      );
      lines.push(`| ${i}: MB of the file | | ${megabytes(result.fileBefore)} / ${megabytes(result.fileAfter)} | | | |`);
      say(lines.slice(-5).join('\n'));
    }
    const machine = { cpus: cpus().length, model: cpus()[0]?.model, kernel: release(), node: process.version };
    const text = `${lines.join('\n')}\n`;
    mkdirSync(OUTPUT, { recursive: true });
    const all = { date: new Date().toISOString(), machine, events, results };
    writeFileSync(path.join(OUTPUT, 'retention.json'), `${JSON.stringify(all, undefined, 2)}\n`);
    writeFileSync(path.join(OUTPUT, 'retention.txt'), text);
    process.stdout.write(text);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function megabytes(octets: number): string {
  return (octets / 1e6).toFixed(0);
}

run().catch((error: unknown) => {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exit(2);
});
