/**
 * A log as a busy year leaves it: a million events over a zone of a hundred thousand records, written as the writer writes
 * them, journal and snapshots included.
 */
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { surroundingsOf } from '../../src/compose/files.ts';
import { understand } from '../../src/compose/understand.ts';
import { type Database, openDatabase } from '../../src/database.ts';
import type { ClusterEvent, ClusterId, EndpointFacts, ObjectKind } from '../../src/ingest/event.ts';
import { EventLog } from '../../src/ingest/log.ts';
import type { ZonePlan } from '../../src/ingest/plan.ts';
import { Journal } from '../../src/projection/journal.ts';
import { createProjector } from '../../src/projection/projector.ts';
import { eventsBetweenSnapshots, readSnapshot, writeSnapshot } from '../../src/projection/snapshot.ts';
import { factsAt } from '../../src/projection/state.ts';
import { namespace, service, slice, synced } from '../kit/cluster-events.ts';

export const HISTORY_ZONE = 'cluster.local.';
export const SERVICES = 6_000;
const NAMESPACES = 600;
const ENDPOINTS = 4;
/** Milliseconds from batch to batch, and most events in one. */
const BATCH_EVERY = 30_000;
const MOST_IN_BATCH = 8;

export interface HistoryLog {
  readonly events: number;
  readonly batches: number;
  /** Octets of the log's pages, its indexes among them, that each event after the first lists took. */
  readonly logOctetsPerEvent: number;
  /** Of the whole file: what is kept of the journal and of snapshots is in it. */
  readonly fileOctets: number;
  /** Milliseconds of CPU that one event took, from append to journal. */
  readonly cpuPerEvent: number;
}

/** `namespace/name` of a service. */
export function serviceKey(i: number): string {
  return `ns-${i % NAMESPACES}/svc-${i}`;
}

export function addressOf(n: number): string {
  return `10.${128 + ((n >> 16) & 127)}.${(n >> 8) & 255}.${n & 255}`;
}

/** A small generator of numbers (mulberry32), so that every run has the same log. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Tables of the log; their indexes count too. */
const LOG_TABLES = ['word', 'object', 'batch', 'event', 'mention'];

function logOctets(db: Database): number {
  const tables = LOG_TABLES.map(() => '?').join(', ');
  return db
    .prepare<string[], number>(
      `SELECT sum(pgsize) FROM dbstat
       WHERE aggregate = TRUE AND name IN (SELECT name FROM sqlite_schema WHERE tbl_name IN (${tables}))`,
    )
    .pluck()
    .get(...LOG_TABLES) as number;
}

/** A server over the log; its API server is out of reach, so that it answers from the log. */
export function historyCorefile(port: number, httpPort: number): string {
  return `.:${port} {
    bind 127.0.0.1
    kubernetes ${HISTORY_ZONE} 10.in-addr.arpa {
        endpoint http://127.0.0.1:9
    }
    history 127.0.0.1:${httpPort}
}
`;
}

/** The plan that a server with that Corefile makes. */
function planOfServer(): ZonePlan {
  const surroundings = surroundingsOf('Corefile', {}, () => {});
  return understand(historyCorefile(53, 9154), surroundings, networkInterfaces(), 53).planned.plan;
}

/** @param end Unix milliseconds of the last batch */
export async function writeHistoryLog(file: string, events: number, end: number): Promise<HistoryLog> {
  const plan = planOfServer();
  const cluster = plan.zones[0]?.stanzas[0]?.cluster as ClusterId;
  const { db, close } = openDatabase(file);
  // What is measured is reading; a power cut may take this file.
  db.pragma('synchronous = OFF');
  const log = new EventLog(db);
  const projector = createProjector(readSnapshot(db, Number.MAX_SAFE_INTEGER), new Journal(db), 0);
  const previous = (cluster: ClusterId, kind: ObjectKind, key: string) => factsAt(projector.world, cluster, kind, key);
  const batches = Math.ceil((events * 2) / (MOST_IN_BATCH + 1));
  let time = end - batches * BATCH_EVERY;
  let sinceSnapshot = 0;
  // As the writer does it.
  let between = eventsBetweenSnapshots(projector.world);
  const append = (batch: readonly ClusterEvent[]) => {
    time = Math.min(end, time + BATCH_EVERY);
    const appended = log.append(batch, [], time, previous);
    assert.ok(appended.ok);
    projector.apply(appended.value);
    sinceSnapshot += batch.length;
    if (sinceSnapshot < between || projector.isBehind()) return;
    sinceSnapshot = 0;
    between = eventsBetweenSnapshots(projector.world);
    const serials = projector
      .zones()
      .flatMap((zone) => (zone.serial === undefined ? [] : [[zone.id, zone.serial] as const]));
    for (const _ of writeSnapshot(db, projector.world, projector.batch, serials));
  };

  const random = numbers(20_261_121);
  let addresses = 0;
  const endpoints: EndpointFacts[][] = [];
  const isOut: boolean[] = [];
  const fresh = (i: number): EndpointFacts => {
    addresses += 1;
    return { addresses: [addressOf(addresses)], pod: `svc-${i}-${addresses.toString(36)}` };
  };
  const sliceOf = (i: number): ClusterEvent => ({
    ...slice(cluster, `${serviceKey(i)}-x1`, `svc-${i}`, (endpoints[i] ?? []).slice(isOut[i] ? 1 : 0)),
    cause: { manager: 'kube-controller-manager', resourceVersion: String(1_000_000 + log.lastPosition) },
  });
  append([{ kind: 'PlanApplied', plan }]);
  const first: ClusterEvent[] = [];
  for (let i = 0; i < NAMESPACES; i++) first.push(namespace(cluster, `ns-${i}`));
  for (let i = 0; i < SERVICES; i++) {
    first.push(service(cluster, serviceKey(i), i % 4 === 0 ? ['None'] : [`10.64.${(i >> 8) & 255}.${i & 255}`]));
    endpoints[i] = Array.from({ length: ENDPOINTS }, () => fresh(i));
    first.push(sliceOf(i));
  }
  for (let at = 0; at < first.length; at += 1000) append(first.slice(at, at + 1000));
  append(synced(cluster));

  const [before, began] = [logOctets(db), process.cpuUsage()];
  const start = log.lastPosition;
  while (log.lastPosition < events) {
    const batch: ClusterEvent[] = [];
    const touched = new Set<number>();
    const size = Math.min(1 + random(MOST_IN_BATCH), events - log.lastPosition);
    while (batch.length < size) {
      const i = random(SERVICES);
      if (touched.has(i)) continue;
      touched.add(i);
      // Of a hundred changes nine replace a pod, one moves a service; the others take an endpoint out or in.
      const kind = random(100);
      if (kind < 9) endpoints[i]?.splice(1 + random(ENDPOINTS - 1), 1, fresh(i));
      else if (kind > 9 || i % 4 === 0) isOut[i] = !isOut[i];
      else {
        const ip = `10.${65 + random(30)}.${random(256)}.${random(256)}`;
        batch.push({
          ...service(cluster, serviceKey(i), [ip]),
          cause: { manager: 'kubectl', resourceVersion: String(log.lastPosition) },
        });
        continue;
      }
      batch.push(sliceOf(i));
    }
    append(batch);
    // SQLite's statements are let go only between turns of the event loop.
    if (log.lastBatch % 1000 === 0) await setImmediate();
  }
  const cpu = process.cpuUsage(began);
  const count = log.lastPosition - start;
  const result = {
    events: log.lastPosition,
    batches: log.lastBatch,
    logOctetsPerEvent: (logOctets(db) - before) / count,
    fileOctets: Number(db.pragma('page_count', { simple: true })) * Number(db.pragma('page_size', { simple: true })),
    cpuPerEvent: (cpu.user + cpu.system) / 1000 / count,
  };
  close();
  return result;
}
