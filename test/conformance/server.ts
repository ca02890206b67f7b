/** The server under test: one process with a folder of its own, which may be given one Corefile after another. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a server has after SIGTERM, ms. */
const GRACE = 1500;
const LOG_TAIL = 1500;
/** How long a reload may take: longer than it waits for clusters that are not there, ms. */
const RELOAD_TIMEOUT = 60_000;
const LOOK_EVERY = 10;

export class ServerProcess {
  /** The Corefile and its files are here. */
  readonly folder = mkdtempSync(join(tmpdir(), 'conformance-'));
  /** That of `-dns.port`. */
  readonly port: number;
  #child: ChildProcess | undefined;
  /** Where the log of the Corefile in force begins. */
  #begin = 0;

  constructor(port: number) {
    this.port = port;
  }

  /** It may not answer yet. @param command without options */
  start([program = '', ...options]: readonly string[]): void {
    const own = ['-conf', join(this.folder, 'Corefile'), '-dns.port', String(this.port)];
    const log = openSync(join(this.folder, 'log'), 'w');
    const inherited = Object.entries(process.env).filter(([name]) => !/^(KUBECONFIG|KUBERNETES_|NODE_)/.test(name));
    this.#child = spawn(program, [...options, ...own], {
      cwd: this.folder,
      env: { ...Object.fromEntries(inherited), KIT_TTL: '23', KIT_ZONE: 'env.local' },
      stdio: ['ignore', log, log],
      // A process group of its own, so that what the server starts ends with it.
      detached: true,
    });
    closeSync(log);
  }

  get isStarted(): boolean {
    return this.#child !== undefined;
  }

  /** Goes over to the Corefile that is in its folder now. @returns why that failed */
  async reload(): Promise<string | undefined> {
    this.#begin = this.#logged().length;
    const deadline = performance.now() + RELOAD_TIMEOUT;
    this.signal('SIGUSR1');
    for (;;) {
      const said = this.#logged().slice(this.#begin);
      if (said.includes('Reloading complete')) return undefined;
      if (/Restart failed/.test(said)) return `the reload failed: ${said}`;
      if (this.exitCode !== undefined) return `the server exited with ${this.exitCode}: ${this.log}`;
      if (performance.now() > deadline) return `no reload within ${RELOAD_TIMEOUT} ms: ${this.log}`;
      await sleep(LOOK_EVERY);
    }
  }

  /** Did it not wait for its clusters any longer? Then what it answers may come right only later. */
  get isUnsynced(): boolean {
    return this.#logged().slice(this.#begin).includes('starting server with unsynced Kubernetes API');
  }

  /** The exit code, once it has ended; a signal counts as -1. */
  get exitCode(): number | undefined {
    const { exitCode, signalCode } = this.#child ?? {};
    return signalCode ? -1 : (exitCode ?? undefined);
  }

  /** Ends of itself within that time, ms? */
  async endsWithin(timeout: number): Promise<boolean> {
    if (this.#child === undefined || this.exitCode !== undefined) return true;
    const timer = new AbortController();
    const late = setTimeout(() => timer.abort(), timeout);
    try {
      await once(this.#child, 'exit', { signal: timer.signal });
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(late);
    }
  }

  /** The end of what it printed. */
  get log(): string {
    return this.#logged().slice(-LOG_TAIL);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async close(): Promise<void> {
    if (this.#child !== undefined && this.exitCode === undefined) {
      this.#killGroup('SIGTERM');
      if (!(await this.endsWithin(GRACE))) this.#killGroup('SIGKILL');
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** For the end of this process, where nothing can be awaited. */
  abandon(): void {
    this.#killGroup('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  #logged(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8');
  }

  #killGroup(signal: NodeJS.Signals): void {
    const { pid } = this.#child ?? {};
    if (pid === undefined || this.exitCode !== undefined) return;
    try {
      process.kill(-pid, signal);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}
