/** Child processes of the benchmark, none of which outlives it. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { treeOf } from './proc.ts';

/** For what stands for other machines (API server, secondaries): they shall not take the server's processor time. */
export const ELSEWHERE = 10;

const running = new Set<ChildProcess>();

process.once('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killAll();
    process.exit(1);
  });
}

export function start(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const child = spawn(command, args, options);
  child.on('error', (error) => process.stderr.write(`${command}: ${error.message}\n`));
  if (child.pid === undefined) return child;
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** A file of this folder as a child with an IPC channel, on the same Node.js. */
export function startModule(file: string, args: readonly string[], niceness = 0): ChildProcess {
  const path = new URL(file, import.meta.url).pathname;
  const flags = ['--disable-warning=ExperimentalWarning'];
  const stdio: SpawnOptions['stdio'] = ['ignore', 'inherit', 'inherit', 'ipc'];
  const child = start(process.execPath, [...flags, path, ...args], { stdio, serialization: 'advanced' });
  if (niceness > 0 && child.pid !== undefined) setPriority(child.pid, niceness);
  return child;
}

/** SIGTERM, and SIGKILL when that doesn't help within five seconds. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const isEnded = await Promise.race([ended.then(() => true), sleep(5_000, false, { ref: false })]);
  if (!isEnded) kill(child);
  await ended;
}

/** As a crash does it: with everything that the process had started. */
export function kill(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  for (const member of treeOf(child.pid).reverse()) {
    try {
      process.kill(member, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}

/** @returns all that the command printed; rejects when it fails or runs too long */
export async function output(command: string, args: readonly string[], seconds: number): Promise<string> {
  const child = start(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const timer = setTimeout(() => kill(child), seconds * 1000);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${text}`);
  return text;
}

function killAll(): void {
  for (const child of running) kill(child);
}
