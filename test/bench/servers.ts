/** The servers under test, as commands. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { choosePorts } from '../../src/demo/ports.ts';
import { cpuSecondsOf, type Memory, memoryOf, resetPeakOf } from './proc.ts';
import { kill, start, stop } from './processes.ts';

/** How a server is started: `{conf}`, `{port}`, `{db}` are filled in. */
export interface Contestant {
  readonly label: string;
  readonly command: string;
  /** It has an event log, so a start without the API, and snapshots. */
  readonly hasLog: boolean;
}

export interface Server {
  readonly contestant: Contestant;
  readonly port: number;
  /** Of the event log, where it has one. */
  readonly database: string;
  /** `performance.now` of the last start. */
  readonly startedAt: number;
  memory(): Memory;
  /** The peak is counted anew from here. @returns the memory at this moment, MiB */
  resetPeak(): number;
  cpuSeconds(): number;
  isRunning(): boolean;
  /** The end of what it printed. */
  said(): string;
  /** kill -9 */
  crash(): Promise<void>;
  restart(): void;
  /** Stops it and deletes its files. */
  end(): Promise<void>;
}

const servers = new Set<Server>();

/** For when a measurement failed half-way. */
export async function endServers(): Promise<void> {
  for (const server of servers) await server.end();
}

/** @param corefileFor the text for a port */
export async function startServer(contestant: Contestant, corefileFor: (port: number) => string): Promise<Server> {
  const folder = mkdtempSync(path.join(tmpdir(), 'zonelog-bench-'));
  const port = await freePort();
  const conf = path.join(folder, 'Corefile');
  const database = path.join(folder, 'zonelog.db');
  const log = path.join(folder, 'log');
  writeFileSync(conf, corefileFor(port));
  const fill = { conf, port: String(port), db: database };
  const words = contestant.command.split(' ').map((word) => fillIn(word, fill));
  let child: ChildProcess;
  let startedAt = 0;

  const run = () => {
    const output = openSync(log, 'a');
    startedAt = performance.now();
    child = start(words[0] as string, words.slice(1), { cwd: folder, stdio: ['ignore', output, output] });
    closeSync(output);
    child.once('exit', (code, signal) => {
      if (signal === null && code !== 0)
        process.stderr.write(`${contestant.label} ended with ${code}:\n${tail(log)}\n`);
    });
  };
  const pid = () => {
    if (child.pid === undefined || child.exitCode !== null) throw new Error(`${contestant.label} is not running`);
    return child.pid;
  };
  run();
  const server: Server = {
    contestant,
    port,
    database,
    get startedAt() {
      return startedAt;
    },
    memory: () => memoryOf(pid()),
    resetPeak: () => resetPeakOf(pid()),
    cpuSeconds: () => cpuSecondsOf(pid()),
    isRunning: () => child.exitCode === null && child.signalCode === null,
    said: () => tail(log),
    async crash() {
      const ended = once(child, 'exit');
      kill(child);
      await ended;
    },
    restart: run,
    async end() {
      await stop(child);
      rmSync(folder, { recursive: true, force: true });
      servers.delete(server);
    },
  };
  servers.add(server);
  return server;
}

/** `kubernetes` alone, and `transfer`. */
export function zoneCorefile(apiUrl: string): (port: number) => string {
  return (port) => `.:${port} {
    bind 127.0.0.1
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        endpoint ${apiUrl}
    }
    transfer cluster.local {
        to *
    }
}
`;
}

function fillIn(word: string, values: Readonly<Record<string, string>>): string {
  return word.replace(/\{(\w+)\}/g, (_all, name: string) => values[name] ?? '');
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').slice(-2000);
}

let nextPort = 20_053;

/** Below the ports that the system gives to clients, or one of them might take it before the server does. */
async function freePort(): Promise<number> {
  const { port } = await choosePorts({ port: nextPort });
  // The ones after it are for HTTP.
  nextPort = port + 10;
  return port;
}
