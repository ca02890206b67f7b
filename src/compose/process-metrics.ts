/** What the process and its threads use, under the names that every program has for it (`process_…`). */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { gaugeFamily, type MetricFamily, type MetricsSnapshot } from '../metrics.ts';

/** @param clock Unix seconds */
export function processMetrics(clock: () => number): MetricsSnapshot {
  const { user, system } = process.cpuUsage();
  const limit = Number(/^Max open files\s+(\d+)/m.exec(readOrEmpty('/proc/self/limits'))?.[1]);
  const open = countOrNone('/proc/self/fd');
  const gauge = (name: string, help: string, value: number | undefined) =>
    value === undefined || Number.isNaN(value) ? [] : [gaugeFamily(name, help, [], [[[], value]])];
  return [
    counter('process_cpu_seconds_total', 'Processor time, user and system.', (user + system) / 1e6),
    ...gauge('process_resident_memory_bytes', 'Resident memory.', process.memoryUsage.rss()),
    ...gauge('process_start_time_seconds', 'When the process was started, Unix time.', clock() - process.uptime()),
    ...gauge('process_open_fds', 'Open file descriptors.', open),
    ...gauge('process_max_fds', 'File descriptors that may be open.', limit),
  ];
}

/** Octets of the database's files. */
export function databaseMetrics(file: string): MetricsSnapshot {
  const samples = ['', '-wal'].flatMap((suffix) => {
    const size = sizeOrNone(file + suffix);
    return size === undefined ? [] : [[[suffix === '' ? 'database' : 'wal'], size] as const];
  });
  return [gaugeFamily('zonelog_log_bytes', 'Size of the files of the event log and the journal.', ['file'], samples)];
}

/** All of these begin so: they are shown on request only (`runtime_metrics`). */
export const THREAD_PREFIX = 'zonelog_thread_';

/**
 * What the thread that calls it uses. How busy it was is since the last call.
 * @param thread its name
 */
export function createThreadMetrics(thread: string): () => MetricsSnapshot {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    const { heapUsed, heapTotal, external } = process.memoryUsage();
    const gauge = (name: string, help: string, value: number) =>
      gaugeFamily(`${THREAD_PREFIX}${name}`, help, ['thread'], [[[thread], value]]);
    return [
      gauge('heap_used_bytes', 'Heap in use.', heapUsed),
      gauge('heap_bytes', 'Heap, used or not.', heapTotal),
      gauge('external_bytes', 'Memory of objects outside of the heap.', external),
      gauge(
        'event_loop_busy_ratio',
        'Part of the time since the last scrape in which the thread did something.',
        utilization,
      ),
    ];
  };
}

function counter(name: string, help: string, value: number): MetricFamily {
  return { ...gaugeFamily(name, help, [], [[[], value]]), type: 'counter' };
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // Not a system with /proc.
    return '';
  }
}

function countOrNone(folder: string): number | undefined {
  try {
    return readdirSync(folder).length;
  } catch {
    return undefined;
  }
}

function sizeOrNone(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.size;
}
