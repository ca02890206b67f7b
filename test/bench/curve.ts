/**
 * `npm run bench:curve`: what one endpoint flip costs the projection as the zone grows from a thousand records to a
 * million, without network or disk. CPU time of folding, diffing and making the changeset, forward and reverse zone. Then,
 * up to a hundred thousand records, the same with a digest of each version (`zonemd`).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import type { ZonemdPlan } from '../../src/ingest/plan.ts';
import { createProjector } from '../../src/projection/projector.ts';
import { EMPTY_WORLD } from '../../src/projection/state.ts';
import { zoneRRsets } from '../../src/projection/zone.ts';
import { EAST, namespace, planApplied, service, slice, stanza, synced, zoneDefinition } from '../kit/cluster-events.ts';

const OUTPUT = path.join(import.meta.dirname, '..', '..', 'bench-output');
/** Services of four endpoints each, a quarter of them headless: about 18 records each. */
const SIZES = [{ services: 60 }, { services: 600 }, { services: 6_000 }, { services: 60_000 }] as const;
const ENDPOINTS = 4;
const FLIPS = 3_000;
/** With digests, which take as long as the zone is large. */
const DIGEST_FLIPS = 100;
const DIGEST_SIZES = SIZES.slice(0, 3);
const TARGET_MS = 1;

interface Point {
  readonly records: number;
  readonly foldMs: number;
  /** Milliseconds of CPU for one flip: half of the flips, all but one in a hundred. */
  readonly p50: number;
  readonly p99: number;
  readonly heapMiB: number;
  /** Milliseconds of CPU for one flip, on average. */
  readonly cpu: number;
}

function address(n: number): string {
  return `10.${128 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
}

function measure({ services }: { readonly services: number }, flips: number, zonemd?: ZonemdPlan): Point {
  const namespaces = Math.max(1, services >> 3);
  const projector = createProjector(
    { world: EMPTY_WORLD, batch: 0, serials: new Map() },
    { commit: () => {}, lastSerial: () => undefined },
    0,
  );
  const apply = (events: readonly ClusterEvent[]) =>
    projector.apply({ batch: projector.batch + 1, time: 1_800_000_000_000 + projector.batch * 1000, events });
  const nameOf = (i: number) => `ns-${i % namespaces}/svc-${i}`;
  const sliceOf = (i: number, endpoints: number) =>
    slice(
      EAST,
      `${nameOf(i)}-x1`,
      `svc-${i}`,
      Array.from({ length: endpoints }, (_, k) => ({ addresses: [address(i * ENDPOINTS + k)], pod: `svc-${i}-${k}` })),
    );
  const events: ClusterEvent[] = [];
  for (let i = 0; i < namespaces; i++) events.push(namespace(EAST, `ns-${i}`));
  for (let i = 0; i < services; i++) {
    events.push(
      service(EAST, nameOf(i), i % 4 === 0 ? ['None'] : [`10.${64 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`]),
    );
    events.push(sliceOf(i, ENDPOINTS));
  }
  apply([
    planApplied(
      ...['cluster.local.', '10.in-addr.arpa.'].map((apex) =>
        zoneDefinition(apex, [stanza(EAST)], zonemd && { zonemd }),
      ),
    ),
  ]);
  const began = process.cpuUsage();
  for (let at = 0; at < events.length; at += 1000) apply(events.slice(at, at + 1000));
  apply(synced(EAST));
  const fold = process.cpuUsage(began);
  let records = 0;
  for (const zone of projector.zones()) for (const set of zoneRRsets(zone)) records += set.rdatas.length;
  const times: number[] = [];
  const flipping = process.cpuUsage();
  for (let flip = 0; flip < flips; flip++) {
    const i = (flip * 7919) % services;
    const changed = [sliceOf(i, ENDPOINTS - (Math.floor((flip * 7919) / services) % 2 === 0 ? 1 : 0))];
    const start = process.hrtime.bigint();
    apply(changed);
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  const used = process.cpuUsage(flipping);
  times.sort((a, b) => a - b);
  return {
    records,
    foldMs: (fold.user + fold.system) / 1000,
    p50: times[Math.floor(flips / 2)] as number,
    p99: times[Math.floor(flips * 0.99)] as number,
    heapMiB: process.memoryUsage().heapUsed / 1024 / 1024,
    cpu: (used.user + used.system) / 1000 / flips,
  };
}

const points = SIZES.map((size) => measure(size, FLIPS));
const digests = DIGEST_SIZES.map((size) => measure(size, DIGEST_FLIPS, { hash: 'sha384', most: 10_000_000 }));
mkdirSync(OUTPUT, { recursive: true });
const report = {
  date: new Date().toISOString(),
  machine: { cpus: cpus().length, node: process.version },
  points,
  digests,
};
writeFileSync(path.join(OUTPUT, 'curve.json'), `${JSON.stringify(report, undefined, 2)}\n`);
process.stdout.write('records    first fold, CPU ms   one flip p50 ms   p99 ms   heap MiB\n');
for (const { records, foldMs, p50, p99, heapMiB } of points) {
  const row = [
    String(records).padStart(7),
    foldMs.toFixed(0).padStart(18),
    p50.toFixed(3).padStart(17),
    p99.toFixed(3).padStart(8),
    heapMiB.toFixed(0).padStart(10),
  ];
  process.stdout.write(`${row.join(' ')}\n`);
}
for (const { records, cpu } of digests)
  process.stdout.write(`with zonemd, ${records} records: ${cpu.toFixed(1)} ms of CPU for one flip\n`);
const worst = Math.max(...points.map((point) => point.p50));
process.stdout.write(`one flip ≤ ${TARGET_MS} ms whatever the size: ${worst <= TARGET_MS ? 'met' : 'missed'}\n`);
