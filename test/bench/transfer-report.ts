/** The table of `npm run bench:transfer`. */
import { CHANGES_PER_SECOND, type Following, NOTIFY } from './following.ts';
import type { Pulled } from './pull-process.ts';
import { median } from './statistics.ts';

/** What was taken of one server. */
export interface Taking {
  /** Records, about. */
  readonly size: number;
  readonly label: string;
  readonly rounds: readonly (Pulled & { readonly grownMiB: number; readonly cpuSeconds: number })[];
  /** Of the first version that anybody took after the start. */
  readonly cold?: Taking['rounds'];
  /** Of versions that nobody had taken before, each one change after one that somebody had. */
  readonly fresh?: Taking['rounds'];
  readonly ixfrMilliseconds?: readonly number[];
}

const MEMORY_MIB = 64;
const KNOT_RATIO = 1.5;
const IXFR_MS = 5;
const FOLLOWING_MS = 1000;

export function transferTable(results: readonly Taking[], following: Following | undefined): string {
  const lines = [row('records', 'server', 'ms', 'CPU ms', 'records/s', 'MiB sent', 'messages', 'RSS growth, MiB')];
  const verdicts: string[] = [];
  for (const size of new Set(results.map((result) => result.size))) {
    const here = results.filter((result) => result.size === size);
    for (const { label, rounds, fresh, cold } of here) {
      lines.push(takingRow(label, rounds));
      if (cold !== undefined) lines.push(takingRow('  cold', cold));
      if (fresh !== undefined) lines.push(takingRow('  first', fresh));
    }
    verdicts.push(...verdictsOf(size, here));
  }
  if (following !== undefined) {
    const { asDocumented, byDefault } = following;
    for (const [how, { p50, p99, lost }] of [
      ['as documented', asDocumented],
      ['with its defaults', byDefault],
    ] as const) {
      const what = `change → NOTIFY (${NOTIFY}) → Knot, ${how}, at ${CHANGES_PER_SECOND}/s: p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`;
      verdicts.push(verdict(`${what}, ${lost} never seen (≤ ${FOLLOWING_MS} ms)`, p99 <= FOLLOWING_MS && lost === 0));
    }
  }
  return [...lines, '', ...verdicts].join('\n');
}

function takingRow(label: string, rounds: Taking['rounds']): string {
  const { records = 0, octets = 0, messages = 0 } = rounds[0] ?? {};
  const time = timeOf(rounds);
  return row(
    records.toLocaleString('en'),
    label,
    time.toFixed(time < 100 ? 1 : 0),
    (mean(rounds.map(({ cpuSeconds }) => cpuSeconds)) * 1000).toFixed(0),
    Math.round((records / time) * 1000).toLocaleString('en'),
    (octets / 2 ** 20).toFixed(1),
    String(messages),
    grownOf(rounds).toFixed(1),
  );
}

/** The kernel counts in steps of ten milliseconds: one transfer of a small zone is none or one. */
function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function grownOf(rounds: Taking['rounds']): number {
  return Math.max(...rounds.map(({ grownMiB }) => grownMiB));
}

function verdictsOf(size: number, here: readonly Taking[]): string[] {
  const [ours] = here;
  if (ours === undefined) return [];
  const named = (label: string) => here.find((result) => result.label.toLowerCase() === label);
  const records = size.toLocaleString('en');
  const first = ours.fresh ?? ours.rounds;
  const grown = Math.max(grownOf(ours.rounds), grownOf(first), grownOf(ours.cold ?? []));
  const list = [verdict(`${records}: RSS grows by ${grown.toFixed(1)} MiB (≤ ${MEMORY_MIB})`, grown <= MEMORY_MIB)];
  const knot = named('knot');
  if (knot !== undefined) {
    for (const [what, rounds] of [
      ['', ours.rounds],
      [' for a first transfer', first],
    ] as const) {
      const ratio = timeOf(rounds) / timeOf(knot.rounds);
      list.push(verdict(`${records}: ${ratio.toFixed(2)} × Knot's time${what} (≤ ${KNOT_RATIO})`, ratio <= KNOT_RATIO));
    }
  }
  const coreDns = named('coredns');
  if (coreDns !== undefined) {
    // Its zone is another one: it has no forward records below services without ports, and others in their place.
    for (const [what, rounds] of [
      ['', ours.rounds],
      [' for a first transfer', first],
    ] as const) {
      const ratio = rateOf(rounds) / rateOf(coreDns.rounds);
      list.push(verdict(`${records}: ${ratio.toFixed(2)} × CoreDNS's records/s${what} (≥ 1)`, ratio >= 1));
    }
  }
  const ixfr = median(ours.ixfrMilliseconds ?? []);
  list.push(verdict(`${records}: IXFR of 10 changes in ${ixfr.toFixed(2)} ms (≤ ${IXFR_MS})`, ixfr <= IXFR_MS));
  return list;
}

function timeOf(rounds: Taking['rounds']): number {
  return median(rounds.map(({ milliseconds }) => milliseconds));
}

function rateOf(rounds: Taking['rounds']): number {
  return (rounds[0]?.records ?? 0) / timeOf(rounds);
}

function verdict(text: string, isMet: boolean): string {
  return `${isMet ? 'met   ' : 'missed'}  ${text}`;
}

function row(...cells: readonly string[]): string {
  const widths = [10, 8, 9, 8, 12, 9, 9, 16];
  return cells.map((cell, i) => (i === 1 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
}
