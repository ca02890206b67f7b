/**
 * The demo, `zonelog demo`: two built-in clusters that change every few seconds, served by the
 * ordinary server from examples/demo/Corefile, and a handful of commands to try. The log is kept between runs.
 */

import { Resolver } from 'node:dns/promises';
import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { OperatorError } from '../errors.ts';
import type { ClustersCommand, ClustersData, ClustersMessage } from './clusters-thread.ts';
import { choosePorts } from './ports.ts';

/** What the ordinary server is started with. */
export interface DemoServer {
  /** Text of the Corefile. */
  readonly corefile: string;
  /** The file that it came from. */
  readonly file: string;
  /** Path of the SQLite file; its folder exists. */
  readonly database: string;
}

export interface DemoOptions {
  /** The folder of package.json, with examples/demo below it. */
  readonly root: string;
  /** Starts the server; fulfilled when it answers queries. */
  readonly startServer: (server: DemoServer) => Promise<void>;
  /** Writes one line for the person at the terminal. */
  readonly print: (line: string) => void;
  /** Milliseconds between two changes in the clusters (default: 5000). */
  readonly pace?: number;
}

const DEFAULT_PACE = 5000;
/** How long the zone, and then a change in it, is waited for before the commands are printed without it. */
const PATIENCE_MS = 5000;
const LOOK_EVERY_MS = 100;

/** Ports as examples/demo/Corefile has them. */
const PORTS = { dns: 5300, health: 8380, ready: 8381, metrics: 9353, history: 9354, east: 8801, west: 8802 } as const;

/**
 * Starts the clusters and the server, then prints what to try. Fulfilled when that is printed; the clusters live on.
 * @throws OperatorError when no port is free, or nowhere to keep the log
 */
export async function runDemo({ root, startServer, print, pace = DEFAULT_PACE }: DemoOptions): Promise<void> {
  const ports = await choosePorts(PORTS);
  const example = path.join(root, 'examples', 'demo');
  const database = path.join(stateFolder(root, String(ports.dns)), 'zonelog.db');
  const clusters = await startClusters({
    manifests: example,
    ports: { east: ports.east, west: ports.west },
    pace,
  });
  clusters.on('error', (error) =>
    print(`the demo clusters have died (${error.message}); answers come from the log now`),
  );
  const file = path.join(example, 'Corefile');
  await startServer({ corefile: withPorts(readFileSync(file, 'utf8'), ports), file, database });
  const resolver = new Resolver({ timeout: 500, tries: 2 });
  resolver.setServers([`127.0.0.1:${ports.dns}`]);
  // A start waits for its clusters for a few seconds only: on a slow machine it answers before it has listed them.
  const before = await awaitSerial(resolver, () => true);
  const steps: string[] = [];
  let tell = (line: string): void => {
    steps.push(line);
  };
  clusters.on('message', (message: ClustersMessage) => {
    if (message.kind === 'step') tell(`${clockTime(message.time)}  ${message.cluster}  ${message.text}`);
  });
  const begin: ClustersCommand = 'begin';
  clusters.postMessage(begin);
  await awaitSerial(resolver, (serial) => serial !== before);
  for (const line of describe(root, ports, database, before)) print(line);
  tell = print;
  for (const line of steps) print(line);
}

type Ports = Readonly<Record<keyof typeof PORTS, number>>;

/** The Corefile with the ports that are free. */
function withPorts(corefile: string, ports: Ports): string {
  const chosen = new Map(Object.entries(PORTS).map(([use, port]) => [String(port), ports[use as keyof Ports]]));
  return corefile.replace(/:(\d{4,5})\b/g, (text, port: string) => `:${chosen.get(port) ?? text.slice(1)}`);
}

/**
 * One folder for each DNS port, so that two demos don't share a log: in the project, else, where that can't be written to,
 * among the temporary files. `$STATE_DIRECTORY` is another place.
 */
function stateFolder(root: string, name: string): string {
  const wanted = process.env.STATE_DIRECTORY?.split(':')[0];
  const usual = [path.join(root, '.zonelog-demo'), path.join(os.tmpdir(), 'zonelog-demo')];
  for (const parent of wanted ? [wanted] : usual) {
    const folder = path.join(parent, name);
    try {
      mkdirSync(folder, { recursive: true });
      accessSync(folder, constants.W_OK);
      return folder;
    } catch {
      // Not writable: the next one.
    }
  }
  throw new OperatorError(`the demo has nowhere to keep its log: ${wanted || usual.join(', ')} can't be written to`);
}

/** The thread of the clusters, once both of them listen. */
function startClusters(data: ClustersData): Promise<Worker> {
  // The build renames imports, but not this file name.
  const file = import.meta.url.endsWith('.ts') ? './clusters-thread.ts' : './clusters-thread.js';
  const worker = new Worker(new URL(file, import.meta.url), { workerData: data });
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', () => {
      worker.off('error', reject);
      resolve(worker);
    });
  });
}

/** The zone's serial; undefined when there is no answer. */
async function readSerial(resolver: Resolver): Promise<number | undefined> {
  try {
    return (await resolver.resolveSoa('east.local')).serial;
  } catch {
    return undefined;
  }
}

/** Waits until the zone has such a serial, for a while. */
async function awaitSerial(resolver: Resolver, isWanted: (serial: number) => boolean): Promise<number | undefined> {
  for (let waited = 0; waited < PATIENCE_MS; waited += LOOK_EVERY_MS) {
    const serial = await readSerial(resolver);
    if (serial !== undefined && isWanted(serial)) return serial;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return undefined;
}

function describe(root: string, ports: Ports, database: string, serial: number | undefined): string[] {
  const dig = `dig @127.0.0.1 -p ${ports.dns}`;
  const zonelog = path.relative(process.cwd(), path.join(root, 'bin', 'zonelog'));
  const file = path.relative(process.cwd(), database);
  const lines: [string, string][] = [
    [`${dig} checkout.shop.svc.east.local`, 'a service of the east cluster'],
    [`${dig} checkout.shop.svc.shared.local`, "east's, or west's while east has no ready endpoint"],
    [`${dig} kafka.data.svc.east.local SRV`, 'a StatefulSet: each pod has a name'],
    [`${dig} -x 10.96.12.7`, 'an address back to its name'],
    [`${dig} shared.local AXFR`, 'the merged zone of both clusters, whole'],
    [`${dig} east.local IXFR=${serial ?? 1}`, 'what changed since the demo began'],
    [`${dig} +short why.kafka.data.svc.east.local TXT`, 'why it is answered as it is'],
    [`${dig} kafka.data.svc.at-${serial ?? 1}.east.local`, 'what was answered when the demo began'],
    [`${zonelog} history kafka.data.svc.east.local -db ${file}`, 'every address it had, and who changed it'],
    [
      `http://127.0.0.1:${ports.history}/`,
      'the same and more in a browser: what was, when and why, and what changes now',
    ],
    [`curl -s http://127.0.0.1:${ports.metrics}/metrics`, "CoreDNS's metrics, and zonelog's"],
  ];
  return [
    '',
    `The demo: two clusters, east and west, that change every few seconds. DNS is on 127.0.0.1, port ${ports.dns}.`,
    'Try in another terminal:',
    ...lines.flatMap(([command, about]) => ['', `  # ${about}`, `  ${command}`]),
    ...(hasCommand('dig') ? [] : ['', 'dig is not installed here; in Debian it is in the package bind9-dnsutils.']),
    '',
    'Ctrl-C ends it. What happens meanwhile:',
    '',
  ];
}

function hasCommand(name: string): boolean {
  return (process.env.PATH ?? '').split(path.delimiter).some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function clockTime(milliseconds: number): string {
  return new Date(milliseconds).toTimeString().slice(0, 8);
}
