/** The load generator: dnsperf of DNS-OARC (Debian: apt-get install dnsperf). */
import { spawnSync } from 'node:child_process';
import { output } from './processes.ts';

/** As many clients with as many outstanding questions, on so many threads. */
export interface LoadShape {
  readonly clients: number;
  readonly outstanding: number;
  readonly threads: number;
}

export interface LoadResult {
  readonly qps: number;
  readonly completed: number;
  readonly lost: number;
  readonly averageMs: number;
  /** Answers by RCODE: 'NOERROR' → 19000. */
  readonly rcodes: Readonly<Record<string, number>>;
}

export const HOW_TO_GET =
  'dnsperf is missing. Debian and Ubuntu: apt-get install dnsperf; others: https://www.dns-oarc.net/tools/dnsperf';

/** What is tried to find the most that a server can do; none overflows a socket's default receive buffer. */
export const SHAPES: readonly LoadShape[] = [
  { clients: 8, outstanding: 100, threads: 1 },
  { clients: 16, outstanding: 100, threads: 1 },
  { clients: 8, outstanding: 150, threads: 2 },
];

export function isInstalled(): boolean {
  return spawnSync('dnsperf', ['-h']).error === undefined;
}

/** @param limit questions per second, if not as many as can be answered */
export async function runLoad(
  port: number,
  questionFile: string,
  shape: LoadShape,
  seconds: number,
  limit?: number,
): Promise<LoadResult> {
  const flags: Record<string, string | number> = {
    '-s': '127.0.0.1',
    '-p': port,
    '-d': questionFile,
    '-c': shape.clients,
    '-q': shape.outstanding,
    '-T': shape.threads,
    '-l': seconds,
    '-t': 1,
    ...(limit === undefined ? {} : { '-Q': Math.round(limit) }),
  };
  const args = Object.entries(flags).flatMap(([flag, value]) => [flag, String(value)]);
  return parse(await output('dnsperf', args, seconds + 15));
}

export function describeShape({ clients, outstanding, threads }: LoadShape): string {
  return `-c ${clients} -q ${outstanding} -T ${threads}`;
}

function parse(text: string): LoadResult {
  const number = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? Number.NaN);
  const rcodes = [...(/Response codes:\s+(.*)/.exec(text)?.[1] ?? '').matchAll(/(\w+) (\d+)/g)];
  return {
    qps: number(/Queries per second:\s+([\d.]+)/),
    completed: number(/Queries completed:\s+(\d+)/),
    lost: number(/Queries lost:\s+(\d+)/),
    averageMs: number(/Average Latency \(s\):\s+([\d.]+)/) * 1000,
    rcodes: Object.fromEntries(rcodes.map(([, rcode, count]) => [rcode, Number(count)])),
  };
}
