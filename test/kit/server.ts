/** The server itself, `bin/zonelog`, as a child process with a folder of its own. It never outlives the test. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DnsClient } from './dns-client.ts';
import { freePorts } from './free-ports.ts';
import { eventually } from './wait.ts';

/** `ZONELOG_TEST_SERVER`: another build of it. */
const PROGRAM = process.env.ZONELOG_TEST_SERVER ?? join(import.meta.dirname, '../../bin/zonelog');

/** On Linux the kernel kills the child with its parent, however that ends. */
const hasSetpriv = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' }).status === 0;

/** May this process mount file systems that only its children see? */
export const hasPrivateMounts = spawnSync('unshare', ['-m', 'true'], { stdio: 'ignore' }).status === 0;

export interface ServerOptions {
  /** `{{dns}}`, `{{health}}`, `{{ready}}` and `{{metrics}}` are ports, `{{folder}}` is the server's folder. */
  readonly corefile: string;
  /** Default: `zonelog.db` in the server's folder. */
  readonly database?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** More of the command line. */
  readonly args?: readonly string[];
  /** Absolute paths and what the server alone finds there, below /run and in place of what there is. Needs `hasPrivateMounts`. */
  readonly files?: Readonly<Record<string, string>>;
  /** The database goes to a small file system of its own, of so many octets. Needs `hasPrivateMounts`. */
  readonly diskSize?: number;
  /** Files that it finds where a pod has those of its service account, by name. Needs `hasPrivateMounts`. */
  readonly serviceAccount?: Readonly<Record<string, string>>;
}

type PortName = 'dns' | 'health' | 'ready' | 'metrics';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface HttpReply {
  readonly status: number;
  readonly body: string;
}

/** Where a pod finds the files of its service account. */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** How long a start may take, milliseconds. */
const START_TIMEOUT = 60_000;
/** What may be asked for again every half a minute only, and on a busy machine, milliseconds. */
const LONG = 120_000;
/** Longer than a busy machine takes: who does not listen says so at once, milliseconds. */
const HTTP_TIMEOUT = 20_000;
const POLL_EVERY = 5;
/** Of processor time in /proc. */
const TICKS_PER_SECOND = 100;

const running = new Set<ChildProcess>();
const folders = new Set<string>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** One database and one set of ports; the process may be started and ended many times. */
export class TestServer {
  readonly folder = mkdtempSync(join(tmpdir(), 'zonelog-server-'));
  readonly dns: DnsClient;
  readonly database: string;
  /** What the last process printed. */
  stdout = '';
  stderr = '';
  readonly #options: ServerOptions;
  readonly #ports: Readonly<Record<PortName, number>>;
  #child: ChildProcess | undefined;
  #ended: Promise<Ended> = Promise.resolve({ code: 0, signal: null });
  #wake: (() => void)[] = [];

  private constructor(options: ServerOptions, [dns = 0, health = 0, ready = 0, metrics = 0]: readonly number[]) {
    folders.add(this.folder);
    this.#options = options;
    this.#ports = { dns, health, ready, metrics };
    this.dns = new DnsClient(dns, () => this.#state());
    this.database = options.database ?? join(this.folder, options.diskSize === undefined ? '' : 'disk', 'zonelog.db');
    this.writeCorefile(options.corefile);
  }

  /** Makes the folder and the ports; nothing runs yet. */
  static async prepare(options: ServerOptions): Promise<TestServer> {
    return new TestServer(options, await freePorts(4));
  }

  /** Starts a server and waits until it answers. */
  static async start(options: ServerOptions): Promise<TestServer> {
    const server = await TestServer.prepare(options);
    try {
      server.spawn();
      await server.answers();
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /** What a placeholder stands for. */
  port(name: PortName): number {
    return this.#ports[name];
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('the server does not run');
    return pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  writeCorefile(text: string): void {
    const rendered = text.replaceAll(/\{\{(\w+)\}\}/g, (_, word: string) => {
      const value = word === 'folder' ? this.folder : this.#ports[word as PortName];
      if (value === undefined) throw new SyntaxError(`no such placeholder: ${word}`);
      return String(value);
    });
    // Whole at once: a server that looks at it by itself would read half of it.
    const file = join(this.folder, 'Corefile');
    writeFileSync(`${file}.new`, rendered);
    renameSync(`${file}.new`, file);
  }

  /** The program and its arguments. */
  command(): string[] {
    return [PROGRAM, '-conf', join(this.folder, 'Corefile'), '-db', this.database, ...(this.#options.args ?? [])];
  }

  /** Starts the process and waits for nothing. */
  spawn(env: Readonly<Record<string, string>> = {}): void {
    if (this.isRunning) throw new Error('the server runs already');
    let command = this.command();
    const { files, serviceAccount = {} } = this.#options;
    const ofPod = Object.entries(serviceAccount).map(([name, text]) => [`${SERVICE_ACCOUNT}/${name}`, text]);
    if (files !== undefined || ofPod.length > 0)
      command = withPrivateFiles(this.folder, { ...files, ...Object.fromEntries(ofPod) }, command);
    if (this.#options.diskSize !== undefined) command = inPrivateMount(this.folder, this.#options.diskSize, command);
    if (hasSetpriv) command = ['setpriv', '--pdeathsig', 'KILL', '--', ...command];
    const [program = '', ...args] = command;
    const inherited = Object.entries(process.env).filter(
      ([key]) => !/^(KUBECONFIG|KUBERNETES_|NODE_|ZONELOG_)/.test(key),
    );
    const child = spawn(program, args, {
      cwd: this.folder,
      env: { ...Object.fromEntries(inherited), ...this.#options.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.stdout = '';
    this.stderr = '';
    running.add(child);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#notice();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#notice();
    });
    // 'close' comes after all that it printed.
    this.#ended = once(child, 'close').then(([code, signal]) => {
      running.delete(child);
      this.#notice();
      return { code, signal };
    });
  }

  /** When the process has ended: how. */
  get ended(): Promise<Ended> {
    return this.#ended;
  }

  /** Waits for the first reply to a question, whatever it says. @returns milliseconds since the call */
  async answers(name = 'first.answer.invalid', type = 'A'): Promise<number> {
    const began = performance.now();
    for (;;) {
      const reply = await this.dns.ask(name, type, { timeoutMs: 100 }).catch(() => undefined);
      if (reply) return performance.now() - began;
      this.#assertRunning();
      if (performance.now() - began > START_TIMEOUT) throw new Error(`no answer from the server:\n${this.said()}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_EVERY));
    }
  }

  /**
   * Waits until it has a zone whole: a start waits for its clusters for five seconds only, which are not enough on every
   * machine, and until they are listed the zone's serial is 0. @returns the serial
   */
  hasZone(zone: string): Promise<number> {
    return eventually(
      () => this.dns.serial(zone),
      (serial) => serial > 0,
      `the server has ${zone}`,
      // A kubeconfig is read by a thread of its own, which has much to load.
      LONG,
    ).catch((error: unknown) => {
      throw new Error(`${error instanceof Error ? error.message : error}\n${this.said()}`);
    });
  }

  /** Waits until the start is over: commands reach the server, and the past can be asked, only after the first answers. */
  started(): Promise<void> {
    return this.printed(/zonelog-\d+\.\d+\.\d+/);
  }

  /** Waits until `/ready` says so. */
  async isReady(): Promise<void> {
    await eventually(
      () => this.http('ready'),
      ({ status }) => status === 200,
      'ready',
      LONG,
    );
  }

  /** Waits until a name has these data, as `DnsClient.data` words them. */
  async becomes(name: string, type: string, wanted: string | RegExp): Promise<void> {
    await eventually(
      () => this.dns.data(name, type),
      (seen) => (typeof wanted === 'string' ? seen === wanted : wanted.test(seen)),
      `${name} ${type} is ${wanted}`,
      LONG,
    );
  }

  /** Waits until the server has printed something. */
  async printed(pattern: RegExp, timeoutMs = START_TIMEOUT): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!pattern.test(this.stdout + this.stderr)) {
      this.#assertRunning();
      if (performance.now() > deadline) throw new Error(`the server did not print ${pattern}:\n${this.said()}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        this.#wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Sends a signal, and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    if (this.isRunning) this.#child?.kill(signal);
    return this.#ended;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Asks one of the HTTP plugins. Status 0: nobody answers. */
  async http(plugin: 'health' | 'ready' | 'metrics', path = `/${plugin}`): Promise<HttpReply> {
    try {
      const url = `http://127.0.0.1:${this.#ports[plugin]}${path}`;
      const response = await fetch(url, { signal: AbortSignal.timeout(HTTP_TIMEOUT) });
      return { status: response.status, body: await response.text() };
    } catch {
      return { status: 0, body: '' };
    }
  }

  /**
   * The sum of a metric's samples whose labels contain all of these; 0 when there is none.
   * @throws when there are no metrics: that is no 0
   */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const { status, body } = await this.http('metrics');
    if (status !== 200) throw new Error(`no metrics (${status})${this.#state()}`);
    let sum = 0;
    for (const line of body.split('\n')) {
      const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)/.exec(line);
      if (match?.[1] !== name) continue;
      const all = Object.entries(labels).every(([label, value]) => match[2]?.includes(`${label}="${value}"`));
      if (all) sum += Number(match[3]);
    }
    return sum;
  }

  /** Waits until `metric` is that: threads tell late what happened, and one that is busy is left out of a scrape. */
  async metricIs(name: string, labels: Readonly<Record<string, string>>, wanted: number): Promise<void> {
    await eventually(
      () => this.metric(name, labels),
      (value) => value === wanted,
      `${name} is ${wanted}`,
    );
  }

  /** Resident memory of the process, octets. */
  memory(): number {
    const pages = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1];
    return Number(pages) * 1024;
  }

  /** What the process has had of the processors, milliseconds: however much else the machine does. Linux only. */
  processorTime(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    // The name of the program may have blanks; user and system time are the 14th and 15th field.
    const [user = 0, system = 0] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number);
    return (user + system) * (1000 / TICKS_PER_SECOND);
  }

  /** The folder of the database, as the server sees it. */
  diskPath(name: string): string {
    return join('/proc', String(this.pid), 'root', this.folder, 'disk', name);
  }

  /** All that the process has printed, for error messages. */
  said(): string {
    return `${this.stdout}${this.stderr}`.trimEnd().split('\n').slice(-30).join('\n');
  }

  /** Kills the process if need be, and removes the folder. */
  async close(): Promise<void> {
    await this.stop('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
    folders.delete(this.folder);
  }

  #state(): string {
    return this.isRunning ? '' : `; the server has ended:\n${this.said()}`;
  }

  #assertRunning(): void {
    if (this.isRunning) return;
    const { exitCode, signalCode } = this.#child ?? {};
    throw new Error(`the server ended (${signalCode ?? exitCode}):\n${this.said()}`);
  }

  #notice(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/**
 * A file system of its own in memory at `folder/disk`, which only this process sees and which goes with it. The shell is
 * replaced by the server, so that signals reach it directly.
 */
function inPrivateMount(folder: string, size: number, command: readonly string[]): string[] {
  const disk = join(folder, 'disk');
  const script = 'mkdir -p "$1" && mount -t tmpfs -o "size=$2" tmpfs "$1" && shift 2 && exec "$@"';
  return ['unshare', '-m', 'sh', '-c', script, 'sh', disk, String(size), ...command];
}

/** The server finds these files at their places, and an empty /run; nobody else does. */
function withPrivateFiles(
  folder: string,
  files: Readonly<Record<string, string>>,
  command: readonly string[],
): string[] {
  const pairs = Object.entries(files).flatMap(([target, text], i) => {
    const source = join(folder, `file-${i}`);
    writeFileSync(source, text);
    return [target, source];
  });
  const script = `mount -t tmpfs tmpfs /run
while [ "$1" != -- ]; do
  real=$(readlink -m "$1")
  [ -e "$real" ] || { mkdir -p "$(dirname "$real")" && touch "$real"; }
  mount --bind "$2" "$real" && shift 2 || exit 1
done
shift && exec "$@"`;
  return ['unshare', '-m', 'sh', '-c', script, 'sh', ...pairs, '--', ...command];
}
