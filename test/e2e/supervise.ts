/** Child processes that never outlive the test: not when it fails, is interrupted, or is killed outright. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';

/** On Linux the kernel kills the child with its parent; elsewhere only an orderly exit of the parent does. */
const hasSetpriv = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' }).status === 0;
const running = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class Supervised {
  readonly name: string;
  readonly logFile: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #isRunning = true;

  /** Starts a program; what it prints is appended to the log file. */
  constructor(name: string, program: string, args: readonly string[], logFile: string) {
    this.name = name;
    this.logFile = logFile;
    const log = openSync(logFile, 'a');
    const stdio = ['ignore', log, log] as const;
    this.#child = hasSetpriv
      ? spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], { stdio: [...stdio] })
      : spawn(program, args, { stdio: [...stdio] });
    closeSync(log);
    running.add(this.#child);
    // A cluster that a test forgot must not keep the test process from ending, and so from killing it.
    this.#child.unref();
    this.#exited = new Promise((resolve) => {
      const end = () => {
        this.#isRunning = false;
        running.delete(this.#child);
        resolve();
      };
      this.#child.once('exit', end);
      this.#child.once('error', end);
    });
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** SIGSTOP and SIGCONT make a process that has its sockets open and says nothing. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** As SIGSTOP; waits until it stands still: a process of many threads goes on for a moment. */
  async pause(): Promise<void> {
    this.signal('SIGSTOP');
    const isStill = () =>
      readdirSync(`/proc/${this.pid}/task`).every((thread) =>
        / T \d/.test(readFileSync(`/proc/${this.pid}/task/${thread}/stat`, 'utf8')),
      );
    await waitUntil(this, async () => isStill());
  }

  /** Kills, and waits until the process is gone. A polite signal becomes SIGKILL after a while. */
  async stop(signal: NodeJS.Signals = 'SIGKILL', patienceMs = 20_000): Promise<void> {
    if (!this.#isRunning) return;
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), patienceMs);
    await this.#exited;
    clearTimeout(timer);
  }

  /** The end of what it printed, for error messages. */
  lastWords(lines = 15): string {
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  }
}

/** Polls until `isReady`; fails when the process ends before, or when the time is over. */
export async function waitUntil(
  process: Supervised,
  isReady: () => Promise<boolean>,
  { timeoutMs = 240_000, signal }: { timeoutMs?: number; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    if (await isReady().catch(() => false)) return;
    if (!process.isRunning) throw new Error(`${process.name} ended:\n${process.lastWords()}`);
    if (Date.now() > deadline) {
      throw new Error(`${process.name} isn't ready after ${timeoutMs / 1000} s:\n${process.lastWords()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
