/** What a case runs against: fixture API servers, a folder of its own, and the server under test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FixtureApiServer } from '../../src/demo/apiserver.ts';
import { applyManifests, parseManifests } from '../../src/demo/manifests.ts';
import { freePorts } from '../kit/free-ports.ts';
import { type Case, readFixture } from './case.ts';

/** How long a server has after SIGTERM, ms. */
const GRACE = 1500;
const LOG_TAIL = 1500;

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
  readonly folder = mkdtempSync(join(tmpdir(), 'conformance-'));
  readonly #case: Case;
  readonly #clusters = new Map<string, Cluster>();
  readonly #ports = new Map<string, number>();
  #server: ChildProcess | undefined;

  private constructor(wanted: Case) {
    this.#case = wanted;
  }

  /** Starts everything; the server may not answer yet. @param command of the server, without options */
  static async start(wanted: Case, command: readonly string[]): Promise<Rig> {
    const rig = new Rig(wanted);
    try {
      for (const [name, fixture] of Object.entries(wanted.clusters ?? {})) {
        const cluster = new Cluster(fixture);
        rig.#clusters.set(name, cluster);
        await cluster.api.start();
      }
      await rig.#reservePorts();
      for (const [file, text] of Object.entries(wanted.files ?? {})) rig.write(file, text);
      rig.write('Corefile', wanted.corefile);
      rig.#spawn(command);
      return rig;
    } catch (error) {
      await rig.close();
      throw error;
    }
  }

  #spawn([program = '', ...options]: readonly string[]): void {
    const own = ['-conf', join(this.folder, 'Corefile'), '-dns.port', String(this.port('dns'))];
    const log = openSync(join(this.folder, 'log'), 'w');
    const inherited = Object.entries(process.env).filter(([name]) => !/^(KUBECONFIG|KUBERNETES_|NODE_)/.test(name));
    this.#server = spawn(program, [...options, ...own], {
      cwd: this.folder,
      env: { ...Object.fromEntries(inherited), KIT_TTL: '23', KIT_ZONE: 'env.local' },
      stdio: ['ignore', log, log],
      // A process group of its own, so that what the server starts ends with it.
      detached: true,
    });
    closeSync(log);
  }

  /** The exit code, once the server has ended; a signal counts as -1. */
  get exitCode(): number | undefined {
    const { exitCode, signalCode } = this.#server ?? {};
    return signalCode ? -1 : (exitCode ?? undefined);
  }

  /** Ends of itself within that time, ms? */
  async endsWithin(timeout: number): Promise<boolean> {
    if (this.#server === undefined || this.exitCode !== undefined) return true;
    const timer = new AbortController();
    const late = setTimeout(() => timer.abort(), timeout);
    try {
      await once(this.#server, 'exit', { signal: timer.signal });
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(late);
    }
  }

  /** The end of what the server printed. */
  get log(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8').slice(-LOG_TAIL);
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
    writeFileSync(join(this.folder, file), this.#render(text));
  }

  signal(signal: NodeJS.Signals): void {
    this.#server?.kill(signal);
  }

  async close(): Promise<void> {
    if (this.#server !== undefined && this.exitCode === undefined) {
      this.#killGroup('SIGTERM');
      if (!(await this.endsWithin(GRACE))) this.#killGroup('SIGKILL');
    }
    await Promise.all([...this.#clusters.values()].map((cluster) => cluster.close()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** For the end of this process, where nothing can be awaited. */
  abandon(): void {
    this.#killGroup('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  #killGroup(signal: NodeJS.Signals): void {
    const { pid } = this.#server ?? {};
    if (pid === undefined || this.exitCode !== undefined) return;
    try {
      process.kill(-pid, signal);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }

  #cluster(name: string): Cluster {
    const cluster = this.#clusters.get(name);
    if (cluster === undefined) throw new Error(`the case has no cluster ${name}`);
    return cluster;
  }

  async #reservePorts(): Promise<void> {
    const text = [this.#case.corefile, ...Object.values(this.#case.files ?? {})].join('\n');
    const names = new Set(['dns', ...[...text.matchAll(/\{\{port:([a-z0-9]+)\}\}/g)].map(([, name]) => name ?? '')]);
    const free = await freePorts(names.size);
    for (const name of names) this.#ports.set(name, free.shift() ?? 0);
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
          return this.folder;
        default:
          throw new Error(`unknown placeholder ${kind}`);
      }
    });
  }

  /** A kubeconfig with a context for each cluster. */
  #kubeconfig(current: string): string {
    const names = [...this.#clusters.keys()];
    const path = join(this.folder, `kubeconfig-${current}`);
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
