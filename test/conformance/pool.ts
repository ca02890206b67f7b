/** Worker processes, each with a network namespace of its own where the machine allows it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Case } from './case.ts';
import type { CaseResult } from './run.ts';
import type { Task } from './worker.ts';

/** A case takes seconds; one that takes longer hangs. */
const CASE_TIMEOUT = 200_000;

const WORKER = join(import.meta.dirname, 'worker.ts');

/** May this process make network namespaces and addresses? */
export function hasPrivateNetworks(): boolean {
  try {
    execFileSync('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export class Pool {
  readonly isPrivate: boolean;
  readonly #command: readonly string[];
  readonly #isShared: boolean;
  readonly #idle: ChildProcess[] = [];
  readonly #all = new Set<ChildProcess>();

  /**
   * @param command of the server under test
   * @param isShared may a server be used for several cases?
   */
  constructor(command: readonly string[], isPrivate: boolean, isShared: boolean) {
    this.#command = command;
    this.#isShared = isShared;
    this.isPrivate = isPrivate;
  }

  /** Runs a case in a worker; as many workers are started as cases are run at once. */
  async run(wanted: Case): Promise<CaseResult> {
    const worker = this.#idle.pop() ?? (await this.#start());
    const task: Task = { wanted, command: this.#command, isPrivate: this.isPrivate, isShared: this.#isShared };
    const settled = new AbortController();
    const { signal } = settled;
    const timer = setTimeout(() => worker.kill(), CASE_TIMEOUT);
    try {
      worker.send(task);
      const [result] = await Promise.race([
        once(worker, 'message', { signal }),
        once(worker, 'exit', { signal }).then(() => [{ results: [], questions: 1, failed: 'the worker ended' }]),
      ]);
      if (worker.connected) this.#idle.push(worker);
      return result as CaseResult;
    } finally {
      settled.abort();
      clearTimeout(timer);
    }
  }

  async #start(): Promise<ChildProcess> {
    const node = [process.execPath, WORKER];
    const [program = '', ...options] = this.isPrivate ? ['unshare', '-n', ...node] : node;
    const worker = spawn(program, options, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#all.add(worker);
    await once(worker, 'message');
    return worker;
  }

  close(): void {
    for (const worker of this.#all) if (worker.connected) worker.disconnect();
  }
}
