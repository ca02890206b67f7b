/** A secondary: one of the real servers, as a child process with a folder of its own. It never outlives the test. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DnsClient, NoReply, TransferRefused, type TransferredZone } from '../kit/dns-client.ts';

/** Where the primary is, and where the secondary is to listen. */
export interface Place {
  readonly folder: string;
  readonly primary: number;
  readonly port: number;
}

/** How one kind of server is configured and run. */
export interface PeerKind {
  readonly name: string;
  readonly program: string;
  /** Files of the folder. `secret` takes the place of the key's own. */
  files(place: Place): Readonly<Record<string, string>>;
  /** Commands that make its database, once. */
  prepare?(place: Place): void;
  /** Puts the configuration's secret where else it is kept. */
  setSecret?(place: Place, secret: string): void;
  command(place: Place): readonly string[];
}

/** The key's secret in docs/secondaries.md, and one that is not it. */
export const SECRET = 'WrJnxKp2lZ3p9bWQqX1yOeUvR0sT4nC7aHdMfGk5jLo=';
export const WRONG_SECRET = 'AAAAxKp2lZ3p9bWQqX1yOeUvR0sT4nC7aHdMfGk5jLo=';

/** Debian keeps servers where not everybody looks. */
const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;

export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`], { env: { PATH }, stdio: 'ignore' }).status === 0;
}

/** Runs a command to its end. */
export function run(command: readonly string[], cwd: string): void {
  const [program = '', ...args] = command;
  const done = spawnSync(program, args, { cwd, env: { PATH }, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${command.join(' ')}: ${done.error?.message ?? done.stderr}${done.stdout}`);
}

const hasSetpriv = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' }).status === 0;
/** How long a server may take to listen, or to end in order, milliseconds: one that is killed may lose what it has to write. */
const PATIENCE = 60_000;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class Peer {
  readonly dns: DnsClient;
  readonly #kind: PeerKind;
  readonly #place: Place;
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #said = '';

  constructor(kind: PeerKind, primary: number, port: number) {
    this.#kind = kind;
    this.#place = { folder: mkdtempSync(path.join(tmpdir(), `zonelog-${kind.name}-`)), primary, port };
    this.dns = new DnsClient(port);
    this.configure(SECRET);
    kind.prepare?.(this.#place);
  }

  /** `nsd`, say. */
  get name(): string {
    return this.#kind.name;
  }

  get folder(): string {
    return this.#place.folder;
  }

  /** Writes its configuration, with this secret. */
  configure(secret: string): void {
    for (const [name, text] of Object.entries(this.#kind.files(this.#place))) {
      writeFileSync(path.join(this.#place.folder, name), text.replaceAll(SECRET, secret), { mode: 0o600 });
    }
  }

  /** Puts a file into its folder. */
  write(name: string, text: string): void {
    writeFileSync(path.join(this.#place.folder, name), text, { mode: 0o600 });
  }

  /** As `configure`, also for what is kept elsewhere. */
  setSecret(secret: string): void {
    this.configure(secret);
    this.#kind.setSecret?.(this.#place, secret);
  }

  /** Starts it and waits until it answers. */
  async start(): Promise<void> {
    const command = this.#kind.command(this.#place);
    const [program = '', ...args] = hasSetpriv ? ['setpriv', '--pdeathsig', 'KILL', '--', ...command] : command;
    const child = spawn(program, args, {
      cwd: this.#place.folder,
      env: { PATH },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        // What we ask of it ourselves says nothing.
        const lines = text.replaceAll(/^.*AXFR-out.*\n/gm, '');
        this.#said = `${this.#said}${lines}`.slice(-20_000);
      });
    }
    this.#ended = once(child, 'close').then(() => running.delete(child));
    const deadline = performance.now() + PATIENCE;
    for (;;) {
      const reply = await this.dns.ask('cluster.local.', 'SOA', { timeoutMs: 200 }).catch(() => undefined);
      if (reply !== undefined) return;
      if (child.exitCode !== null || performance.now() > deadline) throw new Error(`no answer:\n${this.said()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const late = setTimeout(() => this.#child?.kill('SIGKILL'), PATIENCE);
    this.#child?.kill(signal);
    await this.#ended;
    clearTimeout(late);
  }

  /** Its copy of a zone; undefined: it has none. */
  async zone(apex: string): Promise<TransferredZone | undefined> {
    try {
      return await this.dns.axfr(apex);
    } catch (error) {
      if (error instanceof TransferRefused || error instanceof NoReply) return undefined;
      throw error;
    }
  }

  /** Is it in what it printed, or in the end of it? */
  hasSaid(pattern: RegExp): boolean {
    return pattern.test(this.#said);
  }

  /** What it printed up to this, and this; undefined: it has not said it. */
  saidUntil(text: string): string | undefined {
    const place = this.#said.indexOf(text);
    return place < 0 ? undefined : this.#said.slice(0, place + text.length);
  }

  /** The end of what it printed. */
  said(): string {
    return this.#said.split('\n').slice(-40).join('\n');
  }

  async close(): Promise<void> {
    await this.stop('SIGKILL');
    rmSync(this.#place.folder, { recursive: true, force: true });
  }
}
