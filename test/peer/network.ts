/** A network of its own for a test: addresses that exist nowhere else, with port 53 free on each. Linux only. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** Debian keeps servers where not everybody looks. */
const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;

/** Without root, a user namespace gives the rights. */
const isRoot = process.getuid?.() === 0;
const UNSHARE = isRoot ? ['unshare', '--net'] : ['unshare', '--user', '--map-root-user', '--net'];
const ENTER = isRoot ? ['nsenter', '--net'] : ['nsenter', '--user', '--net', '--preserve-credentials'];

export const hasNetworks =
  spawnSync(UNSHARE[0] as string, [...UNSHARE.slice(1), 'ip', 'link', 'set', 'lo', 'up'], { env: { PATH } }).status ===
  0;

export class Network {
  readonly #holder: ChildProcess;
  readonly #children = new Set<ChildProcess>();

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
    process.on('exit', () => this.#kill());
  }

  /** With these addresses, and 127.0.0.1. */
  static async open(addresses: readonly string[]): Promise<Network> {
    const setUp = ['ip link set lo up', ...addresses.map((address) => `ip address add ${address}/32 dev lo`)];
    // It stays for as long as its standard input does, which is ours.
    const script = `${setUp.join(' && ')} && echo up && exec cat`;
    const [program = '', ...args] = [...UNSHARE, 'sh', '-c', script];
    const holder = spawn(program, args, { env: { PATH }, stdio: ['pipe', 'pipe', 'inherit'] });
    const [said] = (await Promise.race([once(holder.stdout, 'data'), once(holder, 'close')])) as [unknown];
    if (String(said) !== 'up\n') throw new Error('no network of its own');
    return new Network(holder);
  }

  /** Starts a program in it, which ends with the test. */
  start(command: readonly string[], cwd: string): Started {
    const [program = '', ...args] = this.#inside(command);
    const child = spawn(program, args, { cwd, env: { PATH, HOME: cwd }, stdio: 'pipe' });
    this.#children.add(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        said = `${said}${text}`.slice(-10_000);
      });
    const ended = once(child, 'close').then(() => this.#children.delete(child));
    return {
      say: (line) => child.stdin.write(`${line}\n`),
      said: () => said,
      signal: (signal) => child.kill(signal),
      async stop() {
        child.kill('SIGKILL');
        await ended;
      },
    };
  }

  /** Runs a program to its end. @returns what it printed */
  async run(command: readonly string[], cwd: string): Promise<string> {
    const [program = '', ...args] = this.#inside(command);
    const child = spawn(program, args, { cwd, env: { PATH }, stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    await once(child, 'close');
    return output;
  }

  close(): void {
    this.#kill();
  }

  /** `nsenter` becomes the program: signals reach it, and it dies with the test. */
  #inside(command: readonly string[]): string[] {
    const [program = '', ...args] = [...ENTER, '--target', String(this.#holder.pid)];
    return [program, ...args, '--', 'setpriv', '--pdeathsig', 'KILL', '--', ...command];
  }

  #kill(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    this.#holder.kill('SIGKILL');
  }
}

export interface Started {
  /** A line for its standard input. */
  say(line: string): void;
  /** The end of what it printed. */
  said(): string;
  signal(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}
