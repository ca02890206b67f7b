/**
 * The thread of the demo clusters: two API servers with the objects of examples/demo/ and, from the message `begin` on,
 * a life of their own. Whatever happens to it, the server only sees API servers that are gone.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { FixtureApiServer } from './apiserver.ts';
import { type DemoCluster, type LifeStep, liveOn } from './life.ts';
import { applyManifests, parseManifests } from './manifests.ts';
import type { KubeObject } from './resources.ts';

/** What the thread is started with. */
export interface ClustersData {
  /** The folder that has cluster-a/ and cluster-b/. */
  readonly manifests: string;
  readonly ports: Readonly<Record<DemoCluster, number>>;
  /** Milliseconds between two steps. */
  readonly pace: number;
}

/** What the thread says: once that both API servers listen, then each step of life. */
export type ClustersMessage =
  | { readonly kind: 'listening' }
  | { readonly kind: 'step'; readonly cluster: DemoCluster; readonly text: string; readonly time: number };

/** What is said to the thread. */
export type ClustersCommand = 'begin';

const FOLDERS: Readonly<Record<DemoCluster, string>> = { east: 'cluster-a', west: 'cluster-b' };

/** The objects of a folder of manifests, in the order of the files' names. */
export function readManifests(folder: string): KubeObject[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  return files.sort().flatMap((name) => parseManifests(readFileSync(path.join(folder, name), 'utf8')).objects);
}

/** Makes the change of one step, signed by its field manager. */
export function applyStep(server: FixtureApiServer, step: LifeStep, time: number): void {
  const at = `${new Date(time).toISOString().slice(0, 19)}Z`;
  const objects = step.objects.map((object) => {
    const managedFields = [{ manager: step.manager, operation: 'Update', apiVersion: object.apiVersion, time: at }];
    return { ...object, metadata: { ...object.metadata, managedFields } };
  });
  applyManifests(server, objects);
}

async function run({ manifests, ports, pace }: ClustersData, say: (message: ClustersMessage) => void): Promise<void> {
  const open = async (cluster: DemoCluster) => {
    const server = new FixtureApiServer({
      objects: readManifests(path.join(manifests, FOLDERS[cluster])),
      port: ports[cluster],
      manager: 'kubectl',
      // Later than all versions of an earlier run: a client that remembers one of those is told that it is gone.
      resourceVersion: Date.now(),
    });
    await server.start();
    return server;
  };
  const servers = { east: await open('east'), west: await open('west') };
  say({ kind: 'listening' });
  const life = liveOn();
  const live = () => {
    const step = life.next().value;
    const time = Date.now();
    applyStep(servers[step.cluster], step, time);
    say({ kind: 'step', cluster: step.cluster, text: step.text, time });
  };
  parentPort?.once('message', (_command: ClustersCommand) => {
    live();
    setInterval(live, pace);
  });
}

if (parentPort) {
  const port = parentPort;
  await run(workerData as ClustersData, (message) => port.postMessage(message));
}
