/** What a case runs against: fixture API servers, their kubeconfigs, and the server under test. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FixtureApiServer } from '../../src/demo/apiserver.ts';
import { applyManifests, parseManifests } from '../../src/demo/manifests.ts';
import { freePorts } from '../kit/free-ports.ts';
import { type Case, readFixture } from './case.ts';
import type { ServerProcess } from './server.ts';

/** An API server that can hold its requests. */
class Cluster {
  readonly api: FixtureApiServer;
  #held: PromiseWithResolvers<void> | undefined;

  constructor(fixture: string) {
    const intercept = async () => {
      await this.#held?.promise;
      return false;
    };
    this.api = new FixtureApiServer({ ...parseManifests(readFixture(fixture)), hooks: { intercept } });
  }

  async control(op: string): Promise<void> {
    switch (op) {
      case 'drop':
        return this.api.dropConnections();
      case 'compact':
        return this.api.compact();
      case 'pause':
        this.#held = Promise.withResolvers();
        return;
      case 'resume':
        this.#held?.resolve();
        this.#held = undefined;
        return;
      case 'stop':
        return this.api.stop();
      case 'start':
        await this.api.start();
        return;
      default:
        throw new Error(`unknown control ${op}`);
    }
  }

  async close(): Promise<void> {
    this.#held?.resolve();
    await this.api.stop();
  }
}

export class Rig {
  readonly server: ServerProcess;
  /** For kubeconfigs: those of another case are of other clusters. */
  readonly #folder = mkdtempSync(join(tmpdir(), 'conformance-case-'));
  readonly #case: Case;
  readonly #clusters = new Map<string, Cluster>();
  readonly #ports = new Map<string, number>();

  private constructor(wanted: Case, server: ServerProcess) {
    this.#case = wanted;
    this.server = server;
  }

  /**
   * Starts everything; the server may not answer yet.
   * @param server started or not; one that runs goes over to the case's Corefile
   * @param command of the server, without options
   * @returns why it does not, in place of the rig
   */
  static async start(wanted: Case, server: ServerProcess, command: readonly string[]): Promise<Rig | string> {
    const rig = new Rig(wanted, server);
    try {
      for (const [name, fixture] of Object.entries(wanted.clusters ?? {})) {
        const cluster = new Cluster(fixture);
        rig.#clusters.set(name, cluster);
        await cluster.api.start();
      }
      await rig.#reservePorts();
      for (const [file, text] of Object.entries(wanted.files ?? {})) rig.write(file, text);
      rig.write('Corefile', wanted.corefile);
      if (!server.isStarted) server.start(command);
      else {
        const why = await server.reload();
        if (why !== undefined) {
          await rig.close();
          return why;
        }
      }
      return rig;
    } catch (error) {
      await rig.close();
      throw error;
    }
  }

  port(name: string): number {
    const port = this.#ports.get(name);
    if (port === undefined) throw new Error(`the case has no port ${name}`);
    return port;
  }

  async control(cluster: string, op: string): Promise<void> {
    await this.#cluster(cluster).control(op);
  }

  apply(cluster: string, objects: readonly Record<string, unknown>[]): void {
    const { api } = this.#cluster(cluster);
    for (const object of objects) {
      const [parsed] = parseManifests(JSON.stringify(object)).objects;
      if (parsed === undefined) continue;
      const { apiVersion, kind, metadata, $patch, ...rest } = parsed;
      const isThere = api.get(apiVersion, kind, metadata.namespace, metadata.name) !== undefined;
      // A patch to what is not there makes it.
      applyManifests(api, [$patch === true && !isThere ? { apiVersion, kind, metadata, ...rest } : parsed]);
    }
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.server.folder, file), this.#render(text));
  }

  /** All but the server. */
  async close(): Promise<void> {
    await Promise.all([...this.#clusters.values()].map((cluster) => cluster.close()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #cluster(name: string): Cluster {
    const cluster = this.#clusters.get(name);
    if (cluster === undefined) throw new Error(`the case has no cluster ${name}`);
    return cluster;
  }

  async #reservePorts(): Promise<void> {
    const text = [this.#case.corefile, ...Object.values(this.#case.files ?? {})].join('\n');
    const names = new Set([...text.matchAll(/\{\{port:([a-z0-9]+)\}\}/g)].map(([, name]) => name ?? ''));
    names.delete('dns');
    const free = await freePorts(names.size);
    for (const name of names) this.#ports.set(name, free.shift() ?? 0);
    this.#ports.set('dns', this.server.port);
  }

  #render(text: string): string {
    return text.replaceAll(/\{\{([a-z]+)(?::([a-z0-9]+))?\}\}/g, (_, kind: string, name = '') => {
      switch (kind) {
        case 'api':
          return this.#cluster(name).api.url;
        case 'apiport':
          return new URL(this.#cluster(name).api.url).port;
        case 'kubeconfig':
          return this.#kubeconfig(name);
        case 'port':
          return String(this.port(name === '' ? 'dns' : name));
        case 'tmp':
          return this.server.folder;
        default:
          throw new Error(`unknown placeholder ${kind}`);
      }
    });
  }

  /** A kubeconfig with a context for each cluster. */
  #kubeconfig(current: string): string {
    const names = [...this.#clusters.keys()];
    const path = join(this.#folder, `kubeconfig-${current}`);
    const clusterOf = (name: string) => ({
      name,
      cluster: { server: this.#cluster(name).api.url, 'insecure-skip-tls-verify': true },
    });
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': current,
      clusters: names.map(clusterOf),
      users: [{ name: 'u', user: {} }],
      contexts: names.map((name) => ({ name, context: { cluster: name, user: 'u' } })),
    };
    writeFileSync(path, JSON.stringify(config));
    return path;
  }
}
