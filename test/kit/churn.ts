/** A cluster that changes all the time, and what its zone must be after each change, worked out apart from the server. */
import type { KubeObject } from '../../src/demo/resources.ts';
import { FaultyApiServer } from './apiserver.ts';

export const CHURN_ZONE = 'cluster.local.';
const NAMESPACE = 'apps';
const TTL = 5;

/** Numbers 0 ≤ n < 1 that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Services with a cluster IP, and headless ones with endpoints that come and go. */
export class Churn {
  readonly api = new FaultyApiServer({ manager: 'churn' });
  readonly #random: () => number;
  /** Cluster IP by service. */
  readonly #plain = new Map<string, string>();
  /** Addresses by headless service; what has none has no records. */
  readonly #headless = new Map<string, string[]>();
  #addresses = 0;

  /** @param size services of either sort to begin with */
  constructor(seed: number, size: number) {
    this.#random = seededRandom(seed);
    this.api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
    for (let i = 0; i < size; i++) {
      this.#putPlain(`plain-${i}`);
      this.#putHeadless(`headless-${i}`, [this.#nextAddress(1), this.#nextAddress(1)]);
    }
  }

  /** One change of the cluster that changes the zone too. */
  step(): void {
    const pick = (names: Iterable<string>) => {
      const all = [...names];
      return all[Math.floor(this.#random() * all.length)];
    };
    const chance = this.#random();
    const plain = pick(this.#plain.keys());
    const headless = pick(this.#headless.keys());
    if (chance < 0.3 || plain === undefined || headless === undefined) this.#putPlain(`plain-${this.#addresses}`);
    else if (chance < 0.5) this.#deletePlain(plain);
    else if (chance < 0.7) this.#putPlain(plain);
    else {
      const addresses = this.#headless.get(headless) ?? [];
      const isLess = addresses.length > 0 && this.#random() < 0.5;
      this.#putHeadless(headless, isLess ? addresses.slice(1) : [...addresses, this.#nextAddress(1)]);
    }
  }

  /** The records below `svc`, in presentation format, sorted. */
  expected(): string[] {
    const lines: string[] = [];
    const add = (owner: string, type: string, data: string) => lines.push(`${owner}\t${TTL}\tIN\t${type}\t${data}`);
    const fullName = (name: string) => `${name}.${NAMESPACE}.svc.${CHURN_ZONE}`;
    for (const [name, address] of this.#plain) {
      const owner = fullName(name);
      for (const at of [owner, `_http._tcp.${owner}`]) {
        add(at, 'A', address);
        add(at, 'SRV', `0 100 80 ${owner}`);
      }
    }
    for (const [name, addresses] of this.#headless) {
      const owner = fullName(name);
      const weight = Math.max(1, Math.floor(100 / addresses.length));
      for (const address of addresses) {
        const endpoint = `${address.replaceAll('.', '-')}.${owner}`;
        for (const at of [owner, `_http._tcp.${owner}`]) {
          add(at, 'A', address);
          add(at, 'SRV', `0 ${weight} 8080 ${endpoint}`);
        }
        add(endpoint, 'A', address);
        add(endpoint, 'SRV', `0 100 8080 ${endpoint}`);
      }
    }
    return lines.sort();
  }

  #nextAddress(second: number): string {
    const n = ++this.#addresses;
    return `10.${second}.${n >> 8}.${n & 255}`;
  }

  #putPlain(name: string): void {
    const clusterIP = this.#nextAddress(96);
    this.#plain.set(name, clusterIP);
    this.api.apply(service(name, clusterIP, 80));
  }

  #deletePlain(name: string): void {
    this.#plain.delete(name);
    this.api.delete('v1', 'Service', NAMESPACE, name);
  }

  #putHeadless(name: string, addresses: string[]): void {
    if (!this.#headless.has(name)) this.api.apply(service(name, 'None', 8080));
    this.#headless.set(name, addresses);
    this.api.apply(endpointSlice(name, addresses));
  }
}

function service(name: string, clusterIP: string, port: number): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: NAMESPACE },
    spec: { type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP], ports: [{ name: 'http', port, protocol: 'TCP' }] },
  };
}

function endpointSlice(of: string, addresses: readonly string[]): KubeObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${of}-1`, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  };
}
