/** What the kernel knows of processes: memory and CPU time, with all their descendants. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Of Linux's user interface, whatever the kernel's own clock is. */
const TICKS_PER_SECOND = 100;

export interface Memory {
  readonly rssMiB: number;
  /** The most it ever was. */
  readonly peakMiB: number;
}

export function memoryOf(pid: number): Memory {
  let rss = 0;
  let peak = 0;
  for (const member of treeOf(pid)) {
    const status = read(`/proc/${member}/status`);
    rss += Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    peak += Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }
  return { rssMiB: rss / 1024, peakMiB: peak / 1024 };
}

/** Lets the peak begin anew. @returns resident memory at this moment, MiB */
export function resetPeakOf(pid: number): number {
  for (const member of treeOf(pid)) {
    try {
      writeFileSync(`/proc/${member}/clear_refs`, '5');
    } catch {
      // It has ended by itself.
    }
  }
  return memoryOf(pid).rssMiB;
}

/** User and system time of a process, its descendants, and those of them that have ended. */
export function cpuSecondsOf(pid: number): number {
  let ticks = 0;
  for (const member of treeOf(pid)) {
    const fields = fieldsOf(member);
    for (const at of [11, 12, 13, 14]) ticks += Number(fields[at] ?? 0);
  }
  return ticks / TICKS_PER_SECOND;
}

/** CPU time of the whole machine: all that wasn't idle. */
export function machineCpuSeconds(): number {
  const fields = (read('/proc/stat').split('\n', 1)[0] ?? '').split(/\s+/).slice(1).map(Number);
  const [user = 0, nice = 0, system = 0, _idle, _iowait, irq = 0, softirq = 0, steal = 0] = fields;
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

/**
 * A meter for everything on the machine that isn't part of the benchmark: what it used meanwhile, as a part of one
 * processor. Numbers from a busy machine mean little.
 */
export function watchOthers(): () => number {
  const others = () => machineCpuSeconds() - cpuSecondsOf(process.pid);
  const before = others();
  const started = performance.now();
  return () => {
    const used = (others() - before) / ((performance.now() - started) / 1000);
    // The clock of /proc has ticks of 10 ms.
    return Math.max(0, Math.round(used * 100) / 100);
  };
}

/** The process and all its living descendants. */
export function treeOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const parent = Number(fieldsOf(Number(entry))[1] ?? 0);
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const tree = [pid];
  for (const member of tree) tree.push(...(children.get(member) ?? []));
  return tree;
}

/** /proc/PID/stat after the command, whose name may have spaces: state is field 0, the parent 1. */
function fieldsOf(pid: number): string[] {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Empty when the process has ended. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
