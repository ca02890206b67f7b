/**
 * `npm run bench:transfer`: zones handed out, side by side with BIND, Knot, NSD and CoreDNS. See docs/benchmarks.md.
 *
 *   --sizes N,…   records of the zones, about (10000,100000,1000000)
 *   --rounds N    transfers of each size from each server, alternating (5)
 *   --seconds N   of changes, for the way to a Knot secondary (15; 0: not)
 *   --quick       ten thousand records, two rounds, three seconds: a check of the benchmark, not a result
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type Api, startApi } from './api.ts';
import { openAsker } from './asker.ts';
import { findPeer, findSubject } from './contestants.ts';
import type { FixtureSize } from './fixture.ts';
import { measureFollowing } from './following.ts';
import { findPrimaries } from './primaries.ts';
import { type Puller, startPuller } from './puller.ts';
import { samples, ZONE } from './questions.ts';
import { endServers, type Server, startServer, zoneCorefile } from './servers.ts';
import { startSynced } from './starts.ts';
import { median } from './statistics.ts';
import { type Taking, transferTable } from './transfer-report.ts';

const OUTPUT = path.join(import.meta.dirname, '..', '..', 'bench-output');
/** A service and its two endpoints are about twenty records. */
const RECORDS_OF_SERVICE = 20.3;
const IXFR_ROUNDS = 30;
const CHANGES = 10;

const { values } = parseArgs({
  options: {
    sizes: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const say = (line: string) => process.stderr.write(`bench: ${line}\n`);
const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
const seconds = Number(values.seconds ?? (values.quick ? 3 : 15));
const sizes = (values.sizes ?? (values.quick ? '10000' : '10000,100000,1000000')).split(',').map(Number);

function sizeOf(records: number): FixtureSize {
  const services = Math.round(records / RECORDS_OF_SERVICE);
  return { services, endpoints: services * 2, namespaces: Math.min(500, Math.max(1, Math.round(services / 20))) };
}

async function run(): Promise<void> {
  if (process.platform !== 'linux') throw new Error('runs on Linux only: it reads /proc');
  const folder = mkdtempSync(path.join(tmpdir(), 'zonelog-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const peer = findPeer(undefined, say);
  const subject = findSubject(undefined);
  const results: Taking[] = [];
  const puller = startPuller();
  for (const size of sizes) {
    const fixture = sizeOf(size);
    say(`a zone of about ${size} records`);
    const api = await startApi(fixture);
    const asked = samples(fixture, 20);
    const { server: ours } = await startSynced(subject, api, asked);
    const cold = [await take(ours, puller)];
    const zoneFile = path.join(folder, `${size}.zone`);
    writeZone(ours.port, zoneFile);
    const servers: Server[] = [ours];
    if (peer) servers.push((await startSynced(peer, api, asked, zoneCorefile(api.url))).server);
    for (const primary of findPrimaries()) {
      const own = mkdtempSync(path.join(folder, 'server-'));
      const server = await startServer(primary.contestant, primary.conf(zoneFile, own));
      await waitForZone(server);
      servers.push(server);
    }
    const taken = servers.map((): Taking['rounds'][number][] => []);
    // One for nothing: what is made at the first transfer is not what is measured.
    for (const server of servers) await puller.pull({ port: server.port, zone: ZONE });
    for (let round = 0; round < rounds; round++) {
      for (const [i, server] of servers.entries()) {
        taken[i]?.push(await take(server, puller));
      }
    }
    for (const server of servers.slice(1)) await server.end();
    const fresh = await measureFresh(ours, api, puller);
    const ixfr = await measureIxfr(ours, api, puller);
    for (const [i, server] of servers.entries()) {
      const mine = taken[i] ?? [];
      const label = server.contestant.label;
      results.push({ size, label, rounds: mine, ...(i === 0 && { cold, fresh, ixfrMilliseconds: ixfr.milliseconds }) });
      say(`${label}: ${median(mine.map(({ milliseconds }) => milliseconds)).toFixed(0)} ms`);
    }
    say(`IXFR of ${CHANGES} changes: ${median(ixfr.milliseconds).toFixed(2)} ms, ${ixfr.records} records`);
    await ours.end();
    await api.end();
  }
  const following =
    seconds > 0 ? await measureFollowing(subject, { seconds, folder, isQuick: values.quick, say }) : undefined;
  puller.end();
  const table = transferTable(results, following);
  mkdirSync(OUTPUT, { recursive: true });
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, kernel: release(), node: process.version };
  const report = { date: new Date().toISOString(), machine, results, following };
  writeFileSync(path.join(OUTPUT, 'transfer.json'), `${JSON.stringify(report, undefined, 2)}\n`);
  writeFileSync(path.join(OUTPUT, 'transfer.txt'), `${table}\n`);
  process.stdout.write(`${table}\n\nbench-output/transfer.json has the details.\n`);
}

/** Our zone as a master file, for the others: they hand out the same records. */
function writeZone(port: number, file: string): void {
  const output = openSync(file, 'w');
  const args = ['@127.0.0.1', '-p', String(port), ZONE, 'AXFR', '+onesoa', '+nocmd', '+nocomments', '+nostats'];
  const { status } = spawnSync('dig', args, { stdio: ['ignore', output, 'inherit'] });
  if (status !== 0) throw new Error('dig could not take the zone (apt-get install bind9-dnsutils)');
}

async function waitForZone(server: Server): Promise<void> {
  const asker = await openAsker(server.port);
  const deadline = performance.now() + 60_000;
  while (((await asker.ask(ZONE, 'SOA', 200))?.answers ?? 0) === 0) {
    if (performance.now() > deadline || !server.isRunning())
      throw new Error(`${server.contestant.label} has no zone:\n${server.said()}`);
  }
  asker.close();
}

async function take(server: Server, puller: Puller): Promise<Taking['rounds'][number]> {
  const before = server.resetPeak();
  const cpuBefore = server.cpuSeconds();
  const pulled = await puller.pull({ port: server.port, zone: ZONE });
  if (pulled.failure !== undefined) throw new Error(`${server.contestant.label}: ${pulled.failure}`);
  const cpuSeconds = server.cpuSeconds() - cpuBefore;
  return { ...pulled, grownMiB: server.memory().peakMiB - before, cpuSeconds };
}

/** Transfers of versions that nobody has taken before, each one change after another that was taken. */
async function measureFresh(server: Server, api: Api, puller: Puller): Promise<Taking['rounds'][number][]> {
  const taken: Taking['rounds'][number][] = [];
  for (let round = 0; round < rounds; round++) {
    await api.flip();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    taken.push(await take(server, puller));
  }
  return taken;
}

/** Ten changes, and the transfer of them, again and again. */
async function measureIxfr(
  server: Server,
  api: Api,
  puller: Puller,
): Promise<{ milliseconds: number[]; records: number }> {
  const milliseconds: number[] = [];
  let records = 0;
  const asker = await openAsker(server.port);
  const serial = async () => (await asker.ask(ZONE, 'SOA', 1000))?.body.subarray(-20).readUInt32BE(0) ?? 0;
  const before = await serial();
  await api.flips(1000, CHANGES, 0);
  for (let last = before, same = 0; same < 10; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = await serial();
    same = now === last && now !== before ? same + 1 : 0;
    last = now;
  }
  asker.close();
  for (let i = 0; i < IXFR_ROUNDS; i++) {
    const pulled = await puller.pull({ port: server.port, zone: ZONE, serial: before });
    if (pulled.failure !== undefined || pulled.records > 1000) throw new Error(`no IXFR: ${pulled.failure}`);
    milliseconds.push(pulled.milliseconds);
    records = pulled.records;
  }
  return { milliseconds, records };
}

run().catch(async (error: unknown) => {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  await endServers();
  process.exit(2);
});
