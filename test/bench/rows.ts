/** The rows of each measurement, with their targets. The first of two results is the peer's, where there is a peer. */
import type { Disturbances } from './disturbances.ts';
import { describeShape } from './dnsperf.ts';
import type { EventLatencies } from './events.ts';
import type { Probed } from './probing.ts';
import { CHECKED, type Rates } from './rates.ts';
import type { Row, Target } from './report.ts';
import type { Start } from './starts.ts';
import { median } from './statistics.ts';

/** One result for each contestant; undefined for who isn't there or can't. */
export interface Pair<T> {
  readonly peer: T | undefined;
  readonly subject: T | undefined;
}

const RATE_RATIO: Target = { kind: 'ratioAtLeast', value: 1.5 };
const NO_SLOWER: Target = { kind: 'ratioAtMost', value: 1 };
const MEMORY_RATIO: Target = { kind: 'ratioAtMost', value: 2 };
const DISTURBED_MS: Target = { kind: 'atMost', value: 10 };
const EVENT_MS: Target = { kind: 'atMost', value: 50 };
const WARM_SECONDS: Target = { kind: 'atMost', value: 1 };
const LARGE_SECONDS: Target = { kind: 'atMost', value: 20 };
/** Ends the title of the rows that tell how busy the machine was with something else. */
export const OTHERS = 'other processes';
const NONE: Target = { kind: 'atMost', value: 0 };

export function rateRows(pair: Pair<Rates>): Row[] {
  const row = builder(pair);
  const note = [pair.peer, pair.subject].flatMap((rates) => (rates ? [describeShape(rates.shape)] : [])).join(' | ');
  const load = `${Math.round((pair.subject ?? pair.peer)?.halfLoadQps ?? 0).toLocaleString('en')}/s`;
  return [
    row('answers', 'queries/s', (r) => r.qps, RATE_RATIO, `dnsperf ${note}`),
    row('CPU time of 1M answers', 's', (r) => r.cpuSecondsPerMillion),
    row('answers lost at full load', '', (r) => r.lost),
    row(`wrong answers of ${CHECKED}`, '', (r) => r.wrongAnswers, NONE),
    row('half load: p50', 'ms', (r) => r.halfLoad.server.p50, undefined, `at ${load}`),
    row('half load: p99', 'ms', (r) => r.halfLoad.server.p99),
    row('half load: p99.9', 'ms', (r) => r.halfLoad.server.p999),
    row('half load: p99.9 of the control', 'ms', (r) => r.halfLoad.control.p999, undefined, "the machine's own noise"),
    row(`half load: ${OTHERS}`, 'CPU', (r) => r.halfLoad.others),
    row(`answers: ${OTHERS}`, 'CPU', (r) => Math.max(...r.rounds.map((round) => round.others))),
  ];
}

/** @param ratio queries per second of zonelog for one of the peer, at least */
export function chainRows(title: string, ratio: number | undefined, pair: Pair<Rates>): Row[] {
  const row = builder(pair);
  const note = [pair.peer, pair.subject].flatMap((rates) => (rates ? [describeShape(rates.shape)] : [])).join(' | ');
  const load = `${Math.round((pair.subject ?? pair.peer)?.halfLoadQps ?? 0).toLocaleString('en')}/s`;
  const target: Target | undefined = ratio === undefined ? undefined : { kind: 'ratioAtLeast', value: ratio };
  return [
    row(title, 'queries/s', (r) => r.qps, target, `dnsperf ${note}`),
    row(`${title}: CPU time of 1M answers`, 's', (r) => r.cpuSecondsPerMillion),
    row(`${title}: lost at full load`, '', (r) => r.lost),
    row(`${title}: wrong answers of ${CHECKED}`, '', (r) => r.wrongAnswers, NONE),
    row(`${title}: half load, p50`, 'ms', (r) => r.halfLoad.server.p50, undefined, `at ${load}`),
    row(`${title}: half load, p99`, 'ms', (r) => r.halfLoad.server.p99, ratio === undefined ? undefined : NO_SLOWER),
    row(`${title}: half load, p99.9`, 'ms', (r) => r.halfLoad.server.p999),
    row(`${title}: p99.9 of the control`, 'ms', (r) => r.halfLoad.control.p999, undefined, "the machine's own noise"),
    row(`${title}: ${OTHERS}`, 'CPU', (r) => Math.max(...r.rounds.map((round) => round.others), r.halfLoad.others)),
  ];
}

export function memoryRows(pair: Pair<Rates>): Row[] {
  const row = builder(pair);
  return [
    row('RSS after sync', 'MiB', (r) => r.memoryBefore.rssMiB, MEMORY_RATIO),
    row('RSS after load', 'MiB', (r) => r.memoryAfter.rssMiB, MEMORY_RATIO),
    row('RSS at its peak', 'MiB', (r) => r.memoryAfter.peakMiB),
  ];
}

export function startRows(cold: Pair<readonly Start[]>, warm: Pair<readonly Start[]>): Row[] {
  const first = (starts: readonly Start[]) => median(starts.map((start) => start.firstAnswerSeconds));
  const synced = (starts: readonly Start[]) => median(starts.map((start) => start.syncedSeconds));
  return [
    builder(cold)('cold start: first right answer', 's', first),
    builder(cold)('cold start: synced', 's', synced),
    builder(warm)('kill -9, no API: first right answer', 's', first, WARM_SECONDS, 'from the log'),
    builder(warm)('kill -9, no API: all right', 's', synced),
  ];
}

export function eventRows(pair: Pair<EventLatencies>, changesPerSecond: number): Row[] {
  const row = builder(pair);
  const title = `change → answer at ${changesPerSecond}/s`;
  return [
    row(`${title}: p50`, 'ms', (r) => r.p50),
    row(`${title}: p99`, 'ms', (r) => r.p99, EVENT_MS),
    row(`${title}: never seen`, '', (r) => r.lost, NONE),
    row(`${title}: ${OTHERS}`, 'CPU', (r) => r.others),
  ];
}

export interface Large {
  readonly start: Start;
  readonly rssMiB: number;
  readonly disturbances?: Disturbances;
}

export function largeRows(pair: Pair<Large>, objects: number): Row[] {
  const row = builder(pair);
  return [
    row(`${objects.toLocaleString('en')} objects: listed and served`, 's', (r) => r.start.syncedSeconds, LARGE_SECONDS),
    row(`${objects.toLocaleString('en')} objects: RSS`, 'MiB', (r) => r.rssMiB),
  ];
}

export function disturbanceRows(pair: Pair<Large>): Row[] {
  const disturbances = { peer: pair.peer?.disturbances, subject: pair.subject?.disturbances };
  const row = builder(disturbances);
  const probed = (title: string, of: (r: Disturbances) => Probed | undefined, note?: string) => [
    row(`${title}: p99.9`, 'ms', (r) => of(r)?.server.p999, DISTURBED_MS, note),
    row(`${title}: slowest`, 'ms', (r) => of(r)?.server.max),
    row(`${title}: p99.9 of the control`, 'ms', (r) => of(r)?.control.p999),
    row(`${title}: lost`, '', (r) => of(r)?.server.lost),
    row(`${title}: ${OTHERS}`, 'CPU', (r) => of(r)?.others),
  ];
  const records = disturbances.subject?.transfers.result.records ?? disturbances.peer?.transfers.result.records ?? 0;
  return [
    ...probed('calm', (r) => r.calm),
    ...probed('relist', (r) => r.relist),
    row('relist: until the missed change is seen', 's', (r) => r.relist.result),
    ...probed('transfers', (r) => r.transfers, `AXFR of ${records.toLocaleString('en')} records, again and again`),
    row('transfers: records of one', '', (r) => r.transfers.result.records),
    row('transfers: time of one', 's', (r) => r.transfers.result.seconds),
    row('transfers: failed', '', (r) => r.transfers.result.failed),
    ...probed('snapshots', (r) => r.snapshots),
    row('snapshots: written', '', (r) => r.snapshots?.result),
  ];
}

function builder<T>({ peer, subject }: Pair<T>) {
  return (
    metric: string,
    unit: string,
    value: (result: T) => number | undefined,
    target?: Target,
    note?: string,
  ): Row => ({
    metric,
    unit,
    peer: peer === undefined ? undefined : value(peer),
    subject: subject === undefined ? undefined : value(subject),
    ...(target && { target }),
    ...(note !== undefined && { note }),
  });
}
