/** The definitions of custom kinds, as their projects publish them. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../kit/wait.ts';
import type { Cluster } from './cluster.ts';

const KINDS = {
  ServiceImport: ['mcs', 'multicluster.x-k8s.io_serviceimports.yaml'],
  GatewayClass: ['gateway', 'gateway.networking.k8s.io_gatewayclasses.yaml'],
  Gateway: ['gateway', 'gateway.networking.k8s.io_gateways.yaml'],
  HTTPRoute: ['gateway', 'gateway.networking.k8s.io_httproutes.yaml'],
  TLSRoute: ['gateway', 'gateway.networking.k8s.io_tlsroutes.yaml'],
  GRPCRoute: ['gateway', 'gateway.networking.k8s.io_grpcroutes.yaml'],
  DNSEndpoint: ['external', 'dnsendpoints.externaldns.k8s.io.yaml'],
} as const;

export type CustomKind = keyof typeof KINDS;

/** Fetches the definitions where they are missing, installs those of these kinds, and waits until they are served. */
export async function installDefinitions(cluster: Cluster, kinds: readonly CustomKind[]): Promise<void> {
  const files = await definitionFiles(kinds);
  const named = files.flatMap((file) => ['--filename', file]);
  // Some are larger than the annotation in which a client-side apply would keep them.
  await cluster.kubectl(['apply', '--server-side', ...named]);
  await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=60s', ...named]);
  // Established, a kind may still not be found for a moment.
  await eventually(
    () => cluster.kubectl(['get', kinds.join(','), '--all-namespaces']),
    () => true,
    `${kinds} are served`,
  );
}

async function definitionFiles(kinds: readonly CustomKind[]): Promise<string[]> {
  const script = join(import.meta.dirname, 'fetch-definitions.sh');
  const { stdout } = await promisify(execFile)('sh', [script]);
  const [mcs = '', gateway = '', external = ''] = stdout.trim().split('\n');
  const folders = { mcs, gateway, external };
  return kinds.map((kind) => {
    const [module, file] = KINDS[kind];
    return join(folders[module], file);
  });
}
