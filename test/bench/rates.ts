/** Questions per second, the CPU time they cost, latency at half load, and memory before and after. */
import { type Asker, openAsker } from './asker.ts';
import { describeShape, type LoadResult, type LoadShape, runLoad, SHAPES } from './dnsperf.ts';
import { type Probed, probeWhile } from './probing.ts';
import { type Memory, watchOthers } from './proc.ts';
import type { Question } from './questions.ts';
import { isQuiet, quietly } from './quiet.ts';
import type { Server } from './servers.ts';
import { median } from './statistics.ts';

export interface Round extends LoadResult {
  readonly cpuSecondsPerMillion: number;
  /** What the rest of the machine used meanwhile, in processors. */
  readonly others: number;
}

export interface Rates {
  readonly shape: LoadShape;
  readonly rounds: readonly Round[];
  readonly qps: number;
  readonly cpuSecondsPerMillion: number;
  readonly lost: number;
  readonly halfLoad: Probed;
  readonly halfLoadQps: number;
  readonly wrongAnswers: number;
  readonly memoryBefore: Memory;
  readonly memoryAfter: Memory;
}

export interface RateOptions {
  readonly questions: readonly Question[];
  readonly questionFile: string;
  readonly seconds: number;
  readonly rounds: number;
  readonly say: (line: string) => void;
}

/** How many questions are checked for right answers; wrong ones would be fast for nothing. */
export const CHECKED = 500;

const TRIES = 3;

export async function measureRates(servers: readonly Server[], options: RateOptions): Promise<Rates[]> {
  const { questionFile, seconds, say } = options;
  const before = servers.map((server) => server.memory());
  const wrong: number[] = [];
  for (const server of servers) wrong.push(await countWrong(server, options.questions.slice(0, CHECKED)));

  const shapes: LoadShape[] = [];
  for (const server of servers) shapes.push(await chooseShape(server, questionFile, say));

  const rounds = await measureRounds(servers, shapes, options);
  const rates = rounds.map((of) => median(of.map(({ qps }) => qps)));
  const halfLoadQps = Math.min(...rates) / 2;
  const results: Rates[] = [];
  for (const [at, server] of servers.entries()) {
    const of = rounds[at] as Round[];
    const load = () => runLoad(server.port, questionFile, SHAPES[0] as LoadShape, seconds, halfLoadQps);
    const halfLoad = await quietly(() => probeWhile(server.port, questionFile, load));
    results.push({
      shape: shapes[at] as LoadShape,
      rounds: of,
      qps: rates[at] as number,
      cpuSecondsPerMillion: median(of.map((round) => round.cpuSecondsPerMillion)),
      lost: of.reduce((sum, { lost }) => sum + lost, 0),
      halfLoad,
      halfLoadQps,
      wrongAnswers: wrong[at] as number,
      memoryBefore: before[at] as Memory,
      memoryAfter: server.memory(),
    });
  }
  return results;
}

/**
 * The servers in turn, round after round. A round in which something else had the machine is measured again, up to a
 * limit; if there was no quiet one at all, the others have to do, and the report tells.
 */
async function measureRounds(
  servers: readonly Server[],
  shapes: readonly LoadShape[],
  { questionFile, seconds, rounds, say }: RateOptions,
): Promise<Round[][]> {
  const all: Round[][] = servers.map(() => []);
  const quiet: Round[][] = servers.map(() => []);
  for (let tries = 0; tries < rounds * TRIES && quiet.some((of) => of.length < rounds); tries++) {
    for (const [at, server] of servers.entries()) {
      const round = await measureRound(server, questionFile, shapes[at] as LoadShape, seconds);
      all[at]?.push(round);
      if (isQuiet(round)) quiet[at]?.push(round);
      say(`${server.contestant.label}: ${Math.round(round.qps)} queries/s, others ${round.others.toFixed(2)} CPU`);
    }
  }
  return all.map((of, at) => (quiet[at]?.length ? quiet[at] : of));
}

/** The shape of load at which a server does the most; this warms it up as well. */
async function chooseShape(server: Server, questionFile: string, say: (line: string) => void): Promise<LoadShape> {
  let best: { shape: LoadShape; qps: number } | undefined;
  for (const shape of [SHAPES[0] as LoadShape, ...SHAPES]) {
    const { qps } = await runLoad(server.port, questionFile, shape, 2);
    if (best === undefined) best = { shape, qps: 0 };
    else if (qps > best.qps) best = { shape, qps };
  }
  const { shape } = best as { shape: LoadShape };
  say(`${server.contestant.label}: most with ${describeShape(shape)}`);
  return shape;
}

async function measureRound(server: Server, questionFile: string, shape: LoadShape, seconds: number): Promise<Round> {
  const cpuBefore = server.cpuSeconds();
  const others = watchOthers();
  const result = await runLoad(server.port, questionFile, shape, seconds);
  const cpuSecondsPerMillion = ((server.cpuSeconds() - cpuBefore) / result.completed) * 1_000_000;
  return { ...result, cpuSecondsPerMillion, others: others() };
}

async function countWrong(server: Server, questions: readonly Question[]): Promise<number> {
  const asker: Asker = await openAsker(server.port);
  let wrong = 0;
  for (const question of questions) {
    if (await asker.isRight(question, 1_000)) continue;
    wrong++;
    if (wrong <= 3) process.stderr.write(`${server.contestant.label}: wrong: ${question.name} ${question.type}\n`);
  }
  asker.close();
  return wrong;
}
