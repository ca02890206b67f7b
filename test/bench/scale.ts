/**
 * `npm run bench:scale`: three clusters at once, together 5,000 namespaces, 20,000 services and 200,000 endpoints. How long
 * until all three are listed, logged and served, and the memory after that; CoreDNS beside it, with a server block for
 * each cluster. See docs/benchmarks.md.
 *
 *   --rounds N   starts of each server, alternating (3)
 *   --quick      a hundredth of it: a check of the benchmark, not a result
 *   --peer COMMAND --subject COMMAND   as for `npm run bench`
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type Api, startApi } from './api.ts';
import { findPeer, findSubject } from './contestants.ts';
import type { FixtureSize } from './fixture.ts';
import type { Memory } from './proc.ts';
import { type Question, samples, ZONE } from './questions.ts';
import { judge, type Row, renderTable } from './report.ts';
import type { Contestant } from './servers.ts';
import { type Start, startSynced } from './starts.ts';
import { median } from './statistics.ts';

const OUTPUT = path.join(import.meta.dirname, '..', '..', 'bench-output');
const CLUSTERS = ['east', 'west', 'north'] as const;
/** Of each cluster. */
const FULL: FixtureSize = { namespaces: 1_667, services: 6_667, endpoints: 66_667 };
const QUICK: FixtureSize = { namespaces: 17, services: 67, endpoints: 667 };
const SAMPLES_OF_EACH = 25;
const SYNC_SECONDS = 60;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    peer: { type: 'string' },
    subject: { type: 'string' },
  },
});
const say = (line: string) => process.stderr.write(`bench: ${line}\n`);

interface Result {
  readonly start: Start;
  readonly memory: Memory;
  readonly cpuSeconds: number;
}

async function run(): Promise<void> {
  if (process.platform !== 'linux') throw new Error('runs on Linux only: it reads /proc');
  const size = values.quick ? QUICK : FULL;
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
  const peer = findPeer(values.peer, say);
  const subject = findSubject(values.subject);
  const apis: Api[] = [];
  for (const _cluster of CLUSTERS) apis.push(await startApi(size));
  const asked = CLUSTERS.flatMap((cluster) =>
    samples(size, SAMPLES_OF_EACH).map((question) => inZone(question, cluster)),
  );
  const peerResults: Result[] = [];
  const subjectResults: Result[] = [];
  for (let round = 0; round < rounds; round++) {
    if (peer) peerResults.push(await measure(peer, apis, asked, peerCorefile));
    subjectResults.push(await measure(subject, apis, asked, subjectCorefile));
  }
  for (const api of apis) await api.end();
  report(size, peer, subject, peerResults, subjectResults);
}

async function measure(
  contestant: Contestant,
  apis: readonly Api[],
  asked: readonly Question[],
  corefile: (apis: readonly Api[]) => (port: number) => string,
): Promise<Result> {
  const { server, start } = await startSynced(contestant, apis[0] as Api, asked, corefile(apis));
  const result = { start, memory: server.memory(), cpuSeconds: server.cpuSeconds() };
  say(`${contestant.label}: synced after ${start.syncedSeconds.toFixed(1)} s, ${result.memory.rssMiB.toFixed(0)} MiB`);
  await server.end();
  return result;
}

/** Three stanzas of one block, as one has them with kubernetai. */
function subjectCorefile(apis: readonly Api[]): (port: number) => string {
  const stanzas = CLUSTERS.map(
    (cluster, i) => `    kubernetai ${cluster}.local {\n        endpoint ${apis[i]?.url}\n    }\n`,
  );
  return (port) => `.:${port} {\n    bind 127.0.0.1\n${stanzas.join('')}}\n`;
}

/** CoreDNS without kubernetai: a block for each cluster. */
function peerCorefile(apis: readonly Api[]): (port: number) => string {
  return (port) =>
    CLUSTERS.map(
      (cluster, i) =>
        `${cluster}.local:${port} {\n    bind 127.0.0.1\n    kubernetes ${cluster}.local {\n        endpoint ${apis[i]?.url}\n    }\n}\n`,
    ).join('');
}

function inZone(question: Question, cluster: string): Question {
  return { ...question, name: question.name.replace(ZONE, `${cluster}.local.`) };
}

function report(
  size: FixtureSize,
  peer: Contestant | undefined,
  subject: Contestant,
  peerResults: readonly Result[],
  subjectResults: readonly Result[],
): void {
  const row = (metric: string, unit: string, of: (result: Result) => number, target?: Row['target']): Row => ({
    metric,
    unit,
    ...(peerResults.length > 0 && { peer: median(peerResults.map(of)) }),
    subject: median(subjectResults.map(of)),
    ...(target && { target }),
  });
  const rows = [
    row('three clusters: synced', 's', ({ start }) => start.syncedSeconds, { kind: 'atMost', value: SYNC_SECONDS }),
    row('first right answer', 's', ({ start }) => start.firstAnswerSeconds),
    row('CPU time until then', 's', ({ cpuSeconds }) => cpuSeconds),
    row('RSS', 'MiB', ({ memory }) => memory.rssMiB),
    row('RSS at its peak', 'MiB', ({ memory }) => memory.peakMiB),
  ];
  const table = renderTable(rows, peer?.label ?? 'no peer', subject.label);
  const result = {
    date: new Date().toISOString(),
    machine: { cpus: cpus().length, model: cpus()[0]?.model, kernel: release(), node: process.version },
    clusters: CLUSTERS.length,
    size,
    rows: rows.map((one) => ({ ...one, verdict: judge(one) })),
    details: { peer: peerResults, subject: subjectResults },
  };
  mkdirSync(OUTPUT, { recursive: true });
  writeFileSync(path.join(OUTPUT, 'scale.json'), `${JSON.stringify(result, undefined, 2)}\n`);
  writeFileSync(path.join(OUTPUT, 'scale.txt'), `${table}\n`);
  process.stdout.write(`${table}\n\nbench-output/scale.json has the details.\n`);
}

run().catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error));
  process.exit(2);
});
