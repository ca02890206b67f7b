/**
 * A process that runs cases, one after another, in the network namespace that it was started in. It is told by messages
 * and ends, with all it started, when its parent does.
 */
import { execFileSync } from 'node:child_process';
import { freePorts } from '../kit/free-ports.ts';
import { type Case, isChange } from './case.ts';
import { type CaseResult, runCase } from './run.ts';
import { ServerProcess } from './server.ts';

export interface Task {
  readonly wanted: Case;
  readonly command: readonly string[];
  /** Has this process a network of its own, so that it may change the addresses? */
  readonly isPrivate: boolean;
  /** May a server be given the Corefile of one case after that of another? */
  readonly isShared: boolean;
}

/** The server of the case that runs now, and the one that goes from case to case. */
let own: ServerProcess | undefined;
let shared: ServerProcess | undefined;

function end(): void {
  own?.abandon();
  shared?.abandon();
  process.exit();
}

/**
 * May the case have a server that had other Corefiles before? Not where the start itself is in question, nor where the
 * server is watched while it follows changes.
 */
function mayShare({ group, start, steps, addrs = [] }: Case): boolean {
  const isStill = start === undefined && addrs.length === 0 && !steps.some(isChange);
  return isStill && group !== 'server' && group !== 'live';
}

async function run({ wanted, command, isPrivate, isShared }: Task): Promise<CaseResult> {
  const addresses = isPrivate ? (wanted.addrs ?? []) : [];
  if (isPrivate) execFileSync('ip', ['link', 'set', 'lo', 'up']);
  for (const address of addresses) execFileSync('ip', ['addr', 'add', address, 'dev', 'lo']);
  try {
    return isShared && mayShare(wanted) ? await runShared(wanted, command) : await runAlone(wanted, command);
  } catch (error) {
    return { results: [], questions: 1, failed: error instanceof Error ? `${error.stack}` : String(error) };
  } finally {
    for (const address of addresses) execFileSync('ip', ['addr', 'del', address, 'dev', 'lo']);
  }
}

async function runAlone(wanted: Case, command: readonly string[]): Promise<CaseResult> {
  const [port = 0] = await freePorts(1);
  own = new ServerProcess(port);
  try {
    return await runCase(wanted, own, command);
  } finally {
    await own.close();
    own = undefined;
  }
}

async function runShared(wanted: Case, command: readonly string[]): Promise<CaseResult> {
  const [port = 0] = shared === undefined ? await freePorts(1) : [];
  shared ??= new ServerProcess(port);
  let isFine = false;
  try {
    const result = await runCase(wanted, shared, command);
    isFine = result.failed === undefined && result.results.every(({ faults }) => faults.length === 0);
    return result;
  } finally {
    // What made one case fail is kept from the others.
    if (!isFine) {
      await shared.close();
      shared = undefined;
    }
  }
}

process.on('disconnect', end);
process.on('SIGTERM', end);
process.on('message', (task: Task) => {
  run(task).then((result) => process.send?.(result));
});
process.send?.('ready');
