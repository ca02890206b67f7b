/** All measurements in their order: which servers run for each of them, and on which cluster. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Api, startApi } from './api.ts';
import { type Disturbances, measureDisturbances } from './disturbances.ts';
import { type EventLatencies, measureEvents } from './events.ts';
import { type FixtureSize, FULL, LARGE, objects, QUICK, QUICK_LARGE } from './fixture.ts';
import { type Question, questionFile, questions, samples } from './questions.ts';
import { quietly } from './quiet.ts';
import { measureRates, type Rates } from './rates.ts';
import type { Row } from './report.ts';
import {
  disturbanceRows,
  eventRows,
  type Large,
  largeRows,
  memoryRows,
  type Pair,
  rateRows,
  startRows,
} from './rows.ts';
import { type Contestant, endServers, type Server } from './servers.ts';
import { measureWarmStart, type Start, startSynced } from './starts.ts';

export interface Plan {
  readonly groups: ReadonlySet<string>;
  readonly peer: Contestant | undefined;
  readonly subject: Contestant;
  readonly isQuick: boolean;
  readonly seconds: number;
  readonly rounds: number;
  /** For question files. */
  readonly folder: string;
  readonly say: (line: string) => void;
}

export interface Measured {
  readonly rows: readonly Row[];
  readonly details: Readonly<Record<string, unknown>>;
  /** Groups of measurements that came to no end. */
  readonly failures?: number;
}

interface Cluster {
  readonly size: FixtureSize;
  readonly api: Api;
  readonly samples: readonly Question[];
  readonly questions: readonly Question[];
  readonly questionFile: string;
}

type Group = (plan: Plan, cluster: Cluster) => Promise<Measured>;

const SAMPLES = 50;
const QUESTIONS = 20_000;
const QUICK_QUESTIONS = 2_000;
const CHANGES_PER_SECOND = 500;

export async function measureAll(plan: Plan): Promise<Measured> {
  const has = (...names: string[]) => names.some((name) => plan.groups.has(name));
  const small: Group[] = [
    ...(has('start') ? [measureStartGroup] : []),
    ...(has('qps', 'rss') ? [measureRateGroup] : []),
    ...(has('events') ? [measureEventGroup] : []),
  ];
  const large: Group[] = has('large', 'disturb') ? [measureLargeGroup] : [];
  const results = [
    ...(await measureOn(plan, plan.isQuick ? QUICK : FULL, small)),
    ...(await measureOn(plan, plan.isQuick ? QUICK_LARGE : LARGE, large)),
  ];
  return {
    rows: results.flatMap(({ rows }) => rows),
    details: Object.assign({}, ...results.map(({ details }) => details)) as Record<string, unknown>,
    failures: results.reduce((sum, { failures = 0 }) => sum + failures, 0),
  };
}

async function measureOn(plan: Plan, size: FixtureSize, groups: readonly Group[]): Promise<Measured[]> {
  if (groups.length === 0) return [];
  plan.say(`a cluster of ${size.services} services and ${size.endpoints} endpoints`);
  const list = questions(size, plan.isQuick ? QUICK_QUESTIONS : QUESTIONS);
  const file = path.join(plan.folder, `questions-${size.services}`);
  writeFileSync(file, questionFile(list));
  const api = await startApi(size);
  try {
    const cluster = { size, api, samples: samples(size, SAMPLES), questions: list, questionFile: file };
    const results: Measured[] = [];
    for (const group of groups) results.push(await measureGroup(group, plan, cluster));
    return results;
  } finally {
    await api.end();
  }
}

/** What fails is told, and the other measurements go on. */
async function measureGroup(group: Group, plan: Plan, cluster: Cluster): Promise<Measured> {
  try {
    return await group(plan, cluster);
  } catch (error) {
    await endServers();
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    plan.say(`${group.name} failed: ${message}`);
    return { rows: [], details: { [`failure of ${group.name}`]: message }, failures: 1 };
  }
}

async function measureStartGroup(plan: Plan, { api, samples }: Cluster): Promise<Measured> {
  const cold = { peer: [] as Start[], subject: [] as Start[] };
  const warm = { peer: [] as Start[], subject: [] as Start[] };
  for (let round = 0; round < plan.rounds; round++) {
    for (const [role, contestant] of contestants(plan)) {
      const { server, start } = await startSynced(contestant, api, samples);
      cold[role].push(start);
      plan.say(`${contestant.label}: synced after ${start.syncedSeconds.toFixed(2)} s`);
      if (contestant.hasLog) warm[role].push(await measureWarmStart(server, api, samples));
      await server.end();
    }
  }
  return { rows: startRows(filled(cold), filled(warm)), details: { cold, warm } };
}

/** Both servers run, and are asked in turn. */
async function measureRateGroup(plan: Plan, cluster: Cluster): Promise<Measured> {
  const roles: Role[] = [];
  const servers: Server[] = [];
  for (const [role, contestant] of contestants(plan)) {
    roles.push(role);
    servers.push((await startSynced(contestant, cluster.api, cluster.samples)).server);
  }
  const { seconds, rounds, say } = plan;
  const results = await measureRates(servers, { ...cluster, seconds, rounds, say });
  for (const server of servers) await server.end();
  const pair: Pair<Rates> = { peer: results[roles.indexOf('peer')], subject: results[roles.indexOf('subject')] };
  const rows = [...(plan.groups.has('qps') ? rateRows(pair) : []), ...(plan.groups.has('rss') ? memoryRows(pair) : [])];
  return { rows, details: { rates: pair } };
}

/** One server at a time: both would take part in every change. */
async function measureEventGroup(plan: Plan, { api, samples }: Cluster): Promise<Measured> {
  const results: { peer?: EventLatencies; subject?: EventLatencies } = {};
  for (const [role, contestant] of contestants(plan)) {
    const { server } = await startSynced(contestant, api, samples);
    const options = { changesPerSecond: CHANGES_PER_SECOND, seconds: plan.seconds * 2 };
    results[role] = await quietly(() => measureEvents(server, api, options));
    plan.say(`${contestant.label}: change to answer, p99 ${results[role].p99.toFixed(1)} ms`);
    await server.end();
  }
  const pair = { peer: results.peer, subject: results.subject };
  return { rows: eventRows(pair, CHANGES_PER_SECOND), details: { events: pair } };
}

async function measureLargeGroup(plan: Plan, { api, size, samples, questionFile }: Cluster): Promise<Measured> {
  const results: { peer?: Large; subject?: Large } = {};
  for (const [role, contestant] of contestants(plan)) {
    const { server, start } = await startSynced(contestant, api, samples);
    plan.say(`${contestant.label}: synced after ${start.syncedSeconds.toFixed(2)} s`);
    const { rssMiB } = server.memory();
    const disturbances: Disturbances | undefined = plan.groups.has('disturb')
      ? await measureDisturbances(server, api, questionFile, plan.seconds, plan.say)
      : undefined;
    results[role] = { start, rssMiB, ...(disturbances && { disturbances }) };
    await server.end();
  }
  const pair = { peer: results.peer, subject: results.subject };
  const rows = [
    ...(plan.groups.has('large') ? largeRows(pair, countObjects(size)) : []),
    ...(plan.groups.has('disturb') ? disturbanceRows(pair) : []),
  ];
  return { rows, details: { large: pair } };
}

type Role = 'peer' | 'subject';

function contestants({ peer, subject }: Plan): (readonly [Role, Contestant])[] {
  return [...(peer ? [['peer', peer] as const] : []), ['subject', subject] as const];
}

/** Nothing measured is no result. */
function filled<T>({ peer, subject }: { peer: readonly T[]; subject: readonly T[] }): Pair<readonly T[]> {
  const some = (list: readonly T[]) => (list.length > 0 ? list : undefined);
  return { peer: some(peer), subject: some(subject) };
}

function countObjects(size: FixtureSize): number {
  let count = 0;
  for (const _object of objects(size)) count++;
  return count;
}
