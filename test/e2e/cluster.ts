/**
 * A real control plane for one test: etcd, kube-apiserver and, where wanted, kube-controller-manager, on free ports of
 * 127.0.0.1, with everything in a folder of its own. There are no nodes: pods are objects whose status the test writes.
 */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../kit/free-ports.ts';
import type { Binaries } from './binaries.ts';
import { type Credentials, createCredentials, kubeconfig } from './credentials.ts';
import { runKubectl } from './kubectl.ts';
import { Supervised, waitUntil } from './supervise.ts';

export interface ClusterOptions {
  readonly name: string;
  readonly binaries: Binaries;
  /** Where its files go; a temporary folder, removed at the end, when absent. */
  readonly dir?: string;
  /** Stops the cluster when it fires. */
  readonly signal?: AbortSignal;
  /** Run kube-controller-manager, so that services get their EndpointSlices. */
  readonly hasControllers?: boolean;
  readonly serviceCidrs?: string;
  readonly apiserverFlags?: readonly string[];
}

interface Ports {
  readonly etcd: number;
  readonly etcdPeer: number;
  readonly api: number;
}

/** As far as a test needs them: services get endpoints, namespaces get emptied, accounts exist. */
const CONTROLLERS = [
  'endpointslice-controller',
  'endpoints-controller',
  'namespace-controller',
  'serviceaccount-controller',
  'garbage-collector-controller',
];

const ATTEMPTS = 3;
/** Of silence, milliseconds: an API server that has just been started has much else to do. */
const REQUEST_TIMEOUT = 30_000;

/** Starts a cluster and waits until it is ready. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  for (let attempt = 1; ; attempt++) {
    const dir = options.dir ?? (await mkdtemp(join(tmpdir(), `zonelog-e2e-${options.name}-`)));
    await mkdir(dir, { recursive: true });
    const cluster = new Cluster(options, dir, await choosePorts(), await createCredentials(dir, options.name));
    try {
      await cluster.start();
      return cluster;
    } catch (error) {
      await cluster.stop();
      // Somebody else may have taken a port between the look and the use.
      if (attempt === ATTEMPTS || !/address already in use/.test(String(error))) throw error;
    }
  }
}

export class Cluster {
  readonly name: string;
  readonly dir: string;
  readonly url: string;
  readonly credentials: Credentials;
  /** The path of a kubeconfig with the admin's client certificate. */
  readonly kubeconfig: string;
  readonly #options: ClusterOptions;
  readonly #ports: Ports;
  readonly #agent: Agent;
  readonly #onAbort = () => void this.stop();
  #etcd: Supervised | undefined;
  #api: Supervised | undefined;
  #controllers: Supervised | undefined;

  constructor(options: ClusterOptions, dir: string, ports: Ports, credentials: Credentials) {
    this.#options = options;
    this.#ports = ports;
    this.name = options.name;
    this.dir = dir;
    this.credentials = credentials;
    this.url = `https://127.0.0.1:${ports.api}`;
    this.kubeconfig = join(dir, 'kubeconfig');
    this.#agent = new Agent({ ca: credentials.ca, keepAlive: false });
  }

  async start(): Promise<void> {
    const { caFile, adminCertificate, adminKey } = this.credentials;
    const user = { 'client-certificate': adminCertificate, 'client-key': adminKey };
    await writeFile(this.kubeconfig, kubeconfig(this.name, this.url, caFile, user), { mode: 0o600 });
    this.#options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    await this.#startEtcd();
    await this.startApi();
    if (this.#options.hasControllers) this.#startControllers();
  }

  /** Ends all processes; the folder goes too if it was a temporary one. */
  async stop(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    await Promise.all([this.#controllers?.stop(), this.#api?.stop(), this.#etcd?.stop()]);
    if (this.#options.dir === undefined) await rm(this.dir, { recursive: true, force: true });
  }

  /** Waits until the API server answers, and has made what it makes by itself: its first namespace, and its own service. */
  async startApi(): Promise<void> {
    if (this.#api?.isRunning) throw new Error(`the API server of ${this.name} runs already`);
    const api = new Supervised('kube-apiserver', this.#options.binaries.apiserver, this.#apiFlags(), this.#log('api'));
    this.#api = api;
    const { signal } = this.#options;
    await waitUntil(api, async () => (await this.get('/readyz')).status === 200, { signal });
    const own = '/api/v1/namespaces/default/services/kubernetes';
    await waitUntil(api, async () => (await this.get(own)).status === 200, { signal });
  }

  /** SIGKILL breaks all connections at once; SIGTERM ends them in order. */
  async stopApi(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    await this.#api?.stop(signal);
  }

  /** The API server keeps its connections and says nothing more. */
  async pauseApi(): Promise<void> {
    await this.#api?.pause();
  }

  resumeApi(): void {
    this.#api?.signal('SIGCONT');
  }

  /**
   * Etcd forgets all history up to now. The API server has a memory of its own: a watch gets 410 Gone for an old
   * resourceVersion only when the API server is started anew as well.
   */
  async compactEtcd(): Promise<void> {
    const { header } = await this.#etcdCall('kv/range', { key: Buffer.from('/').toString('base64') });
    await this.#etcdCall('kv/compaction', { revision: header.revision, physical: true });
  }

  /** A copy of etcd's data as of now, for `restoreEtcd`: what a crash at this moment would leave. */
  async backupEtcd(): Promise<string> {
    const backup = join(this.dir, `backup-${Date.now()}`);
    this.#etcd?.signal('SIGSTOP');
    await cp(this.#dataDir, backup, { recursive: true });
    this.#etcd?.signal('SIGCONT');
    return backup;
  }

  /** Puts a backup in place and starts the API server anew: older objects, and resourceVersions that went backwards. */
  async restoreEtcd(backup: string): Promise<void> {
    await this.stopApi();
    await this.#etcd?.stop();
    await rm(this.#dataDir, { recursive: true });
    await cp(backup, this.#dataDir, { recursive: true });
    await this.#startEtcd();
    await this.startApi();
  }

  async kubectl(args: readonly string[], stdin?: string): Promise<string> {
    const { kubectl: program } = this.#options.binaries;
    return runKubectl({ program, kubeconfig: this.kubeconfig, dir: this.dir }, args, stdin);
  }

  async applyYaml(text: string): Promise<string> {
    return this.kubectl(['apply', '-f', '-'], text);
  }

  async applyObjects(items: readonly object[]): Promise<string> {
    return this.applyYaml(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  }

  /**
   * Does a kubelet's part: a pod's IP, phase and conditions. The controllers take a pod for an endpoint only when its
   * spec.nodeName is the name of a Node that exists.
   */
  async patchPodStatus(namespace: string, name: string, status: object): Promise<void> {
    const patch = ['--subresource', 'status', '--type', 'merge', '--patch', JSON.stringify({ status })];
    await this.kubectl(['patch', 'pod', name, '--namespace', namespace, ...patch]);
  }

  /** The path of a kubeconfig that has the rights of a service account and no more. */
  async serviceAccountKubeconfig(namespace: string, name: string): Promise<string> {
    const token = (await this.kubectl(['create', 'token', name, '--namespace', namespace])).trim();
    const path = join(this.dir, `kubeconfig-${namespace}-${name}`);
    await writeFile(path, kubeconfig(this.name, this.url, this.credentials.caFile, { token }), { mode: 0o600 });
    return path;
  }

  /** A plain request with the admin's token. */
  get(path: string): Promise<{ status: number; text: string }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
    const headers = { authorization: `Bearer ${this.credentials.token}` };
    const options = { headers, agent: this.#agent, timeout: REQUEST_TIMEOUT };
    const pending = request(this.url + path, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    pending.on('timeout', () => pending.destroy(new Error('timeout')));
    pending.on('error', reject);
    pending.end();
    return promise;
  }

  get #dataDir(): string {
    return join(this.dir, 'etcd');
  }

  #log(name: string): string {
    return join(this.dir, `${name}.log`);
  }

  async #startEtcd(): Promise<void> {
    const [client, peer] = [`http://127.0.0.1:${this.#ports.etcd}`, `http://127.0.0.1:${this.#ports.etcdPeer}`];
    const etcd = new Supervised(
      'etcd',
      this.#options.binaries.etcd,
      [
        ...['--name', this.name, '--data-dir', this.#dataDir, '--log-level', 'warn', '--unsafe-no-fsync'],
        ...['--listen-client-urls', client, '--advertise-client-urls', client],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ...['--initial-cluster', `${this.name}=${peer}`],
      ],
      this.#log('etcd'),
    );
    this.#etcd = etcd;
    const isHealthy = async () => (await fetch(`${client}/health`)).ok;
    await waitUntil(etcd, isHealthy, { signal: this.#options.signal });
  }

  #startControllers(): void {
    const { serviceAccountKey, caFile } = this.credentials;
    const flags = [
      ...['--kubeconfig', this.kubeconfig, '--leader-elect=false', '--secure-port=0'],
      `--controllers=${CONTROLLERS.join(',')}`,
      ...['--service-account-private-key-file', serviceAccountKey, '--root-ca-file', caFile],
    ];
    const { controllerManager } = this.#options.binaries;
    this.#controllers = new Supervised('kube-controller-manager', controllerManager, flags, this.#log('controllers'));
  }

  #apiFlags(): string[] {
    const { caFile, serverCertificate, serverKey, serviceAccountKey, tokenFile } = this.credentials;
    return [
      ...['--etcd-servers', `http://127.0.0.1:${this.#ports.etcd}`, '--etcd-prefix', '/registry'],
      ...['--bind-address', '127.0.0.1', '--advertise-address', '127.0.0.1', '--secure-port', `${this.#ports.api}`],
      ...['--tls-cert-file', serverCertificate, '--tls-private-key-file', serverKey],
      ...['--client-ca-file', caFile, '--token-auth-file', tokenFile, '--authorization-mode', 'RBAC'],
      ...['--service-account-issuer', 'https://kubernetes.default.svc'],
      ...['--service-account-key-file', serviceAccountKey, '--service-account-signing-key-file', serviceAccountKey],
      ...['--service-cluster-ip-range', this.#options.serviceCidrs ?? '10.96.0.0/16,fd00:10:96::/108'],
      // Pods need no service account then, which only a controller would make.
      ...['--disable-admission-plugins', 'ServiceAccount', '--endpoint-reconciler-type', 'none'],
      ...(this.#options.apiserverFlags ?? []),
    ];
  }

  async #etcdCall(method: string, body: object): Promise<{ header: { revision: string } }> {
    const url = `http://127.0.0.1:${this.#ports.etcd}/v3/${method}`;
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`etcd ${method}: ${response.status} ${await response.text()}`);
    return (await response.json()) as { header: { revision: string } };
  }
}

async function choosePorts(): Promise<Ports> {
  const [etcd = 0, etcdPeer = 0, api = 0] = await freePorts(3);
  return { etcd, etcdPeer, api };
}
