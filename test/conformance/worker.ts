/**
 * A process that runs cases, one after another, in the network namespace that it was started in. It is told by messages
 * and ends, with all it started, when its parent does.
 */
import { execFileSync } from 'node:child_process';
import type { Case } from './case.ts';
import type { Rig } from './rig.ts';
import { type CaseResult, runCase } from './run.ts';

export interface Task {
  readonly wanted: Case;
  readonly command: readonly string[];
  /** Has this process a network of its own, so that it may change the addresses? */
  readonly isPrivate: boolean;
}

let rig: Rig | undefined;

function end(): void {
  rig?.abandon();
  process.exit();
}

async function run({ wanted, command, isPrivate }: Task): Promise<CaseResult> {
  const addresses = isPrivate ? (wanted.addrs ?? []) : [];
  if (isPrivate) execFileSync('ip', ['link', 'set', 'lo', 'up']);
  for (const address of addresses) execFileSync('ip', ['addr', 'add', address, 'dev', 'lo']);
  try {
    return await runCase(wanted, command, (started) => {
      rig = started;
    });
  } catch (error) {
    return { results: [], questions: 1, failed: error instanceof Error ? `${error.stack}` : String(error) };
  } finally {
    for (const address of addresses) execFileSync('ip', ['addr', 'del', address, 'dev', 'lo']);
  }
}

process.on('disconnect', end);
process.on('SIGTERM', end);
process.on('message', (task: Task) => {
  run(task).then((result) => process.send?.(result));
});
process.send?.('ready');
