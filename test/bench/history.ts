/**
 * `npm run bench:history`: a log of 1,000,000 events over 100,000 records, and how long questions about its past take: put to
 * a running server over HTTP, and as commands beside it; and what UDP answers cost meanwhile. See docs/benchmarks.md.
 *
 *   --events N    of the log (1,000,000)
 *   --rounds N    measurements over the same log (3)
 *   --log FILE    where the log is kept: written if it is not there, else used as it is
 *   --quick       a fiftieth of it: a check of the benchmark, not a result
 *   --subject COMMAND   as for `npm run bench`
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { choosePorts } from '../../src/demo/ports.ts';
import type { Answered } from '../../src/history/problem.ts';
import { type History, openHistory } from '../../src/history/questions.ts';
import { openAsker } from './asker.ts';
import { findSubject } from './contestants.ts';
import {
  HISTORY_ZONE,
  type HistoryLog,
  historyCorefile,
  SERVICES,
  serviceKey,
  writeHistoryLog,
} from './history-log.ts';
import { type Probed, probeWhile } from './probing.ts';
import { quietly } from './quiet.ts';
import { judge, type Row, renderTable } from './report.ts';
import { endServers, startServer } from './servers.ts';
import { median } from './statistics.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const OUTPUT = path.join(ROOT, 'bench-output');
const FULL = 1_000_000;
const QUICK = 20_000;
/** Questions of each kind in a round; whole zones are larger. */
const SAMPLES = 40;
const ZONE_SAMPLES = 5;
const COMMANDS = 3;
const START_MS = 120_000;
/** A server that has just been started compiles, and throws away what its start left. */
const WARM_UP_MS = 5_000;
/** What a server does that nobody asks about the past. */
const CALM_MS = 5_000;
/** Questions are asked again for so long: of few answers the slowest of a thousand would be no number. */
const ASKED_MS = 4_000;

const { values } = parseArgs({
  options: {
    events: { type: 'string' },
    rounds: { type: 'string' },
    log: { type: 'string' },
    quick: { type: 'boolean', default: false },
    subject: { type: 'string' },
  },
});
const say = (line: string) => process.stderr.write(`bench: ${line}\n`);

type Kind = 'history' | 'zone' | 'diff' | 'who';
/** What is asked: a path of the API, the words of the command, and the same inside of this process. */
interface Asked {
  readonly url: string;
  readonly command: readonly string[];
  put(history: History): Answered<unknown>;
}

/** CPU of questions inside of a process, milliseconds: it tells something on a busy machine too. */
interface Cost {
  readonly median: number;
  readonly slowest: number;
}

/** Milliseconds. */
interface Measured {
  readonly slowest: number;
  readonly median: number;
  readonly command: number;
  /** p99.9 of UDP answers meanwhile, of the control, and what else the machine did. */
  readonly udp: number;
  readonly control: number;
  readonly others: number;
}
type Round = Readonly<Record<Kind, Measured>> & { readonly calm: Probed };

const TITLES: Readonly<Record<Kind, string>> = {
  history: 'history NAME',
  zone: 'zone --at',
  diff: 'diff of neighbours',
  who: 'who ADDRESS',
};
const MOST_MS: Readonly<Record<Kind, number>> = { history: 50, zone: 1000, diff: 50, who: 50 };

async function run(): Promise<void> {
  if (process.platform !== 'linux') throw new Error('runs on Linux only: it reads /proc');
  const events = Number(values.events ?? (values.quick ? QUICK : FULL));
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
  const subject = findSubject(values.subject);
  const folder = mkdtempSync(path.join(tmpdir(), 'zonelog-bench-'));
  const file = values.log ?? path.join(folder, 'zonelog.db');
  try {
    if (!existsSync(file)) {
      say(`${events.toLocaleString('en')} events are written`);
      const written = await writeHistoryLog(file, events, Date.now());
      writeFileSync(`${file}.json`, JSON.stringify(written));
      say(JSON.stringify(written));
    }
    const log = JSON.parse(readFileSync(`${file}.json`, 'utf8')) as HistoryLog;
    const questions = chooseQuestions(file);
    const alone = (kind: Kind) => measureAlone(file, questions[kind]);
    const costs = { history: alone('history'), zone: alone('zone'), diff: alone('diff'), who: alone('who') };
    const results: Round[] = [];
    for (let round = 1; round <= rounds; round++) {
      say(`round ${round}`);
      results.push(await measureRound(subject, file, folder, questions));
    }
    report(log, questions.records, costs, results);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Questions = Readonly<Record<Kind, readonly Asked[]>> & {
  readonly records: number;
  /** For the prober: `NAME TYPE` lines. */
  readonly names: string;
};

/** Spread over the whole log: moments, services and addresses that differ from one question to the next. */
function chooseQuestions(file: string): Questions {
  const opened = openHistory(file, { now: Date.now });
  if (!opened.ok) throw new Error(opened.error.message);
  const history = opened.value;
  try {
    const overview = history.overview();
    if (!overview.ok) throw new Error(overview.error.message);
    const { first, last } = overview.value.log;
    const [begin, end] = [Date.parse(first.time), Date.parse(last.time)];
    const each = <T>(count: number, make: (part: number, i: number) => T) =>
      Array.from({ length: count }, (_, i) => make((i + 0.5) / count, i));
    const momentAt = (part: number) => new Date(begin + (0.02 + 0.98 * part) * (end - begin)).toISOString();
    const names = each(SERVICES, (_part, i) => nameOf(i));
    const serials = each(SAMPLES, (part) => {
      const page = history.timeline({ zone: HISTORY_ZONE, to: momentAt(part), limit: 2 });
      if (!page.ok || page.value.items.length < 2) throw new Error(`no versions at ${momentAt(part)}`);
      return page.value.items.map(({ serial }) => serial) as [number, number];
    });
    const addresses = each(SAMPLES, (part, i) => {
      const held = history.recordHistory({ name: nameOf(i * 149 * 4), type: 'A', to: momentAt(part), limit: 1 });
      return (held.ok && held.value.items[0]?.records[0]?.data) || '10.64.0.1';
    });
    return {
      records: overview.value.zones.reduce((sum, { records }) => sum + records, 0),
      names: names.map((name) => `${name} A\n`).join(''),
      history: each(SAMPLES, (_part, i) => ({
        url: `/names/${nameOf(i * 149)}/history`,
        command: ['history', nameOf(i * 149)],
        put: (asked) => asked.recordHistory({ name: nameOf(i * 149) }),
      })),
      zone: each(ZONE_SAMPLES, (part) => ({
        url: `/zones/${HISTORY_ZONE}/file?at=${momentAt(part)}`,
        command: ['zone', HISTORY_ZONE, '--at', momentAt(part), '-o', 'zone'],
        put: (asked) => {
          const zone = asked.zoneAt(HISTORY_ZONE, momentAt(part));
          // Records are made as they are walked.
          if (zone.ok) for (const _ of zone.value.records);
          return zone;
        },
      })),
      diff: serials.map(([to, from]) => ({
        url: `/zones/${HISTORY_ZONE}/diff?from=${from}&to=${to}`,
        command: ['diff', HISTORY_ZONE, String(from), String(to)],
        put: (asked) => asked.diff(HISTORY_ZONE, String(from), String(to)),
      })),
      who: each(SAMPLES, (part, i) => ({
        url: `/addresses/${addresses[i]}?at=${momentAt(part)}`,
        command: ['who', addresses[i] as string, '--at', momentAt(part)],
        put: (asked) => asked.who(addresses[i] as string, momentAt(part)),
      })),
    };
  } finally {
    history.close();
  }
}

function nameOf(i: number): string {
  const [namespace, name] = serviceKey(i % SERVICES).split('/');
  return `${name}.${namespace}.svc.${HISTORY_ZONE}`;
}

function measureAlone(file: string, questions: readonly Asked[]): Cost {
  const opened = openHistory(file, { now: Date.now });
  if (!opened.ok) throw new Error(opened.error.message);
  const times = [...questions.slice(0, 1), ...questions].map(({ put, url }) => {
    const began = process.cpuUsage();
    const answered = put(opened.value);
    if (!answered.ok) throw new Error(`${url}: ${answered.error.message}`);
    const { user, system } = process.cpuUsage(began);
    return (user + system) / 1000;
  });
  opened.value.close();
  const [, ...counted] = times;
  return { median: median(counted), slowest: Math.max(...counted) };
}

async function measureRound(
  subject: ReturnType<typeof findSubject>,
  log: string,
  folder: string,
  questions: Questions,
): Promise<Round> {
  const file = path.join(folder, 'served.db');
  for (const name of [file, `${file}-wal`, `${file}-shm`]) rmSync(name, { force: true });
  copyFileSync(log, file);
  const asked = path.join(folder, 'questions');
  writeFileSync(asked, questions.names);
  const { http } = await choosePorts({ http: 29_154 });
  const contestant = { ...subject, command: subject.command.replace('{db}', file) };
  const server = await startServer(contestant, (port) => historyCorefile(port, http));
  try {
    await waitUntilAnswered(server.port);
    await waitUntilListening(http);
    const ask = async ({ url }: Asked) => {
      const began = performance.now();
      const response = await fetch(`http://127.0.0.1:${http}/api/v1${url}`);
      const body = await response.arrayBuffer();
      if (!response.ok) throw new Error(`${url}: ${Buffer.from(body).toString()}`);
      return performance.now() - began;
    };
    const measure = async (kind: Kind): Promise<Measured> => {
      // The first question of a kind also pays for what is compiled then.
      await ask(questions[kind][0] as Asked);
      const probed = await quietly(() =>
        probeWhile(server.port, asked, async () => {
          const began = performance.now();
          const times: number[] = [];
          for (const question of questions[kind]) times.push(await ask(question));
          for (let i = 0; performance.now() < began + ASKED_MS; i++) {
            await ask(questions[kind][i % questions[kind].length] as Asked);
          }
          return times;
        }),
      );
      const commands: number[] = [];
      for (const question of questions[kind].slice(0, COMMANDS)) commands.push(await runCommand(file, question));
      return {
        slowest: Math.max(...probed.result),
        median: median(probed.result),
        command: median(commands),
        udp: probed.server.p999,
        control: probed.control.p999,
        others: probed.others,
      };
    };
    await probeWhile(server.port, asked, () => sleep(WARM_UP_MS));
    return {
      calm: await quietly(() => probeWhile(server.port, asked, () => sleep(CALM_MS))),
      history: await measure('history'),
      zone: await measure('zone'),
      diff: await measure('diff'),
      who: await measure('who'),
    };
  } finally {
    await server.end();
  }
}

/** Of a name that was always there. */
async function waitUntilAnswered(port: number): Promise<void> {
  const asker = await openAsker(port);
  try {
    const question = { name: nameOf(1), type: 'A', expected: { kind: 'records' } } as const;
    await asker.waitUntilRight([question], START_MS, () => true);
  } finally {
    asker.close();
  }
}

async function waitUntilListening(port: number): Promise<void> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    try {
      await (await fetch(`http://127.0.0.1:${port}/api/v1/overview`)).arrayBuffer();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

/** @returns milliseconds from the start of the process to its end */
async function runCommand(file: string, { command }: Asked): Promise<number> {
  const began = performance.now();
  const child = spawn(path.join(ROOT, 'bin', 'zonelog'), [...command, '--db', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number];
  if (code !== 0) throw new Error(`zonelog ${command.join(' ')} ended with ${code}`);
  return performance.now() - began;
}

function report(log: HistoryLog, records: number, costs: Readonly<Record<Kind, Cost>>, rounds: readonly Round[]): void {
  const kinds = Object.keys(TITLES) as Kind[];
  const of = (kind: Kind, pick: (measured: Measured) => number) => median(rounds.map((round) => pick(round[kind])));
  const rows: Row[] = [
    {
      metric: 'log: octets of an event',
      unit: '',
      subject: log.logOctetsPerEvent,
      target: { kind: 'atMost', value: 250 },
    },
    { metric: 'database', unit: 'MiB', subject: log.fileOctets / 2 ** 20 },
    {
      metric: 'no questions: UDP p99.9',
      unit: 'ms',
      subject: median(rounds.map(({ calm }) => calm.server.p999)),
    },
    ...kinds.flatMap((kind): Row[] => [
      {
        metric: `${TITLES[kind]}: slowest`,
        unit: 'ms',
        subject: of(kind, ({ slowest }) => slowest),
        target: { kind: 'atMost', value: MOST_MS[kind] },
      },
      { metric: `${TITLES[kind]}: CPU, median`, unit: 'ms', subject: costs[kind].median },
      { metric: `${TITLES[kind]}: CPU, most`, unit: 'ms', subject: costs[kind].slowest },
      { metric: `${TITLES[kind]}: median`, unit: 'ms', subject: of(kind, (each) => each.median) },
      { metric: `${TITLES[kind]}: whole command`, unit: 'ms', subject: of(kind, ({ command }) => command) },
      {
        metric: `${TITLES[kind]}: UDP p99.9 meanwhile`,
        unit: 'ms',
        subject: of(kind, ({ udp }) => udp),
        target: { kind: 'atMost', value: 10 },
      },
      { metric: `${TITLES[kind]}: control, p99.9`, unit: 'ms', subject: of(kind, ({ control }) => control) },
      { metric: `${TITLES[kind]}: other processes`, unit: 'CPU', subject: of(kind, ({ others }) => others) },
    ]),
  ];
  const result = {
    date: new Date().toISOString(),
    machine: { cpus: cpus().length, model: cpus()[0]?.model, kernel: release(), node: process.version },
    log,
    records,
    costs,
    rounds,
    rows: rows.map((row) => ({ ...row, verdict: judge(row) })),
  };
  mkdirSync(OUTPUT, { recursive: true });
  writeFileSync(path.join(OUTPUT, 'history.json'), `${JSON.stringify(result, undefined, 2)}\n`);
  const size = `${log.events.toLocaleString('en')} events, ${log.batches.toLocaleString('en')} batches, ${records.toLocaleString('en')} records`;
  process.stdout.write(`${size}\n\n${renderTable(rows, 'no peer', 'zonelog')}\n`);
}

run()
  .catch((error: unknown) => {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 2;
  })
  .finally(endServers);
