/**
 * `npm run bench:retention`: a million events over a zone of 100,000 records, half of them older than 30 days. What UDP answers
 * cost while a server removes that half, and while its log is backed up. See docs/benchmarks.md.
 *
 *   --runs N     compactions, each of a fresh copy of the log (3)
 *   --events N   of the log (1,000,000)
 *   --log FILE   the log: taken from there, or, where there is none, written there and left
 *   --quick      a hundredth of it: a check of the benchmark, not a result
 */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, networkInterfaces, release, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { askServer } from '../../src/compose/control-client.ts';
import { surroundingsOf } from '../../src/compose/files.ts';
import { understand } from '../../src/compose/understand.ts';
import { openDatabase, openReadOnly } from '../../src/database.ts';
import type { ClusterEvent, ClusterId, EndpointFacts, ObjectKind } from '../../src/ingest/event.ts';
import { EventLog } from '../../src/ingest/log.ts';
import { Journal } from '../../src/projection/journal.ts';
import { createProjector } from '../../src/projection/projector.ts';
import { readSnapshot, writeSnapshot } from '../../src/projection/snapshot.ts';
import { factsAt } from '../../src/projection/state.ts';
import { zoneRRsets } from '../../src/projection/zone.ts';
import { serialsOf } from '../../src/retention/cut.ts';
import { usedOctets } from '../../src/retention/policy.ts';
import { namespace, service, slice, synced } from '../kit/cluster-events.ts';
import { findSubject } from './contestants.ts';
import { type Probed, probeWhile } from './probing.ts';
import { start, stop } from './processes.ts';

const OUTPUT = path.join(import.meta.dirname, '..', '..', 'bench-output');
const DAY = 86_400_000;
const NAMESPACES = 600;
const SERVICES = 6_000;
const ENDPOINTS = 4;
const BATCH = 10;
const SNAPSHOT_EVERY = 20_000;
const PORT = 20_853;
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

/** The API server is out of reach: answers come from the log. */
function corefile(port: number): string {
  return `.:${port} {
    bind 127.0.0.1
    kubernetes cluster.local {
        endpoint http://127.0.0.1:9
    }
}
`;
}

const nameOf = (i: number) => `ns-${i % NAMESPACES}/svc-${i}`;

/** Writes a log of the last 60 days, an hour's share of events at a time. */
function writeLog(file: string, events: number, now: number): void {
  const { plan } = understand(
    corefile(PORT),
    surroundingsOf('Corefile', {}, () => {}),
    networkInterfaces(),
    PORT,
  ).planned;
  const cluster = plan.zones[0]?.stanzas[0]?.cluster as ClusterId;
  const { db, close } = openDatabase(file);
  db.pragma('synchronous = OFF');
  const log = new EventLog(db);
  const projector = createProjector(readSnapshot(db, Number.MAX_SAFE_INTEGER), new Journal(db), 0);
  const previous = (id: ClusterId, kind: ObjectKind, key: string) => factsAt(projector.world, id, kind, key);
  const begin = now - 60 * DAY;
  let sinceSnapshot = 0;
  const append = (batch: readonly ClusterEvent[]) => {
    const time = Math.floor(begin + (60 * DAY * log.lastPosition) / events);
    const appended = log.append(batch, [], Math.min(now, time), previous);
    assert.ok(appended.ok);
    projector.apply(appended.value);
    sinceSnapshot += batch.length;
    if (sinceSnapshot < SNAPSHOT_EVERY || projector.isBehind()) return;
    sinceSnapshot = 0;
    for (const _ of writeSnapshot(db, projector.world, projector.batch, serialsOf(projector)));
  };
  let addresses = 0;
  const fresh = (i: number): EndpointFacts => {
    addresses += 1;
    const address = `10.${128 + ((addresses >> 16) & 127)}.${(addresses >> 8) & 255}.${addresses & 255}`;
    return { addresses: [address], pod: `svc-${i}-${addresses.toString(36)}` };
  };
  const endpoints: EndpointFacts[][] = [];
  const sliceOf = (i: number) => slice(cluster, `${nameOf(i)}-x1`, `svc-${i}`, endpoints[i] ?? []);
  append([{ kind: 'PlanApplied', plan }]);
  append([...Array(NAMESPACES).keys()].map((i) => namespace(cluster, `ns-${i}`)));
  for (let i = 0; i < SERVICES; i++) {
    endpoints[i] = Array.from({ length: ENDPOINTS }, () => fresh(i));
    append([service(cluster, nameOf(i), i % 2 ? ['None'] : [`10.64.${i >> 8}.${i & 255}`]), sliceOf(i)]);
  }
  append(synced(cluster));
  for (let next = 0; log.lastPosition < events; ) {
    const batch: ClusterEvent[] = [];
    for (let k = 0; k < BATCH; k++) {
      // A step that meets all services, neighbours far from each other.
      next = (next + 2_503) % SERVICES;
      (endpoints[next] as EndpointFacts[])[k % ENDPOINTS] = fresh(next);
      batch.push(sliceOf(next));
    }
    append(batch);
  }
  let records = 0;
  for (const zone of projector.zones()) for (const set of zoneRRsets(zone)) records += set.rdatas.length;
  say(`${records} records, ${log.lastPosition} events in ${log.lastBatch} batches`);
  close();
}

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
  const [used, fileBefore] = [usedOf(db), statSync(db).size];
  const conf = path.join(folder, 'Corefile');
  writeFileSync(conf, corefile(PORT));
  const names = path.join(folder, 'names');
  const lines = Array.from({ length: SERVICES }, (_, i) => {
    const [space, name] = nameOf(i).split('/');
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
      const query = new URLSearchParams({ keep: String(30 * DAY), reason: 'bench' });
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
    if (!existsSync(log)) writeLog(log, Math.max(events, 3 * SERVICES), Date.now());
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
