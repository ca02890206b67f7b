/** Where the server listens. */
import type { Transport } from '../corefile/config.ts';
import type { Request } from './chain.ts';

export interface ListenPoint {
  readonly transport: Transport;
  /** An IP address; empty: all of the host, of both families. */
  readonly address: string;
  /** 0: any free one (for tests). */
  readonly port: number;
}

/** `dns://:53`, `dns://[::1]:53`: the `server` label of metrics. */
export function describePoint({ transport, address, port }: ListenPoint): string {
  return `${transport}://${bracketed(address)}:${port}`;
}

const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);
const SCHEMES: Readonly<Record<Request['transport'], Transport>> = {
  udp: 'dns',
  tcp: 'dns',
  tls: 'tls',
  https: 'https',
};

/** The `server` label of the listener that a request came to. */
export function serverOf({ transport, local }: Pick<Request, 'transport' | 'local'>): string {
  const address = WILDCARDS.has(local.address) ? '' : local.address;
  return describePoint({ transport: SCHEMES[transport], address, port: local.port });
}

/** The addresses that sockets are bound to. */
export function addressesOf({ address }: ListenPoint): readonly string[] {
  return address === '' ? ['0.0.0.0', '::'] : [address];
}

const NO_FAMILY: ReadonlySet<string> = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EPROTONOSUPPORT']);

/** Does the system's error only say that the host has no IPv6, where IPv4 will do? */
export function isFamilyMissing(point: ListenPoint, address: string, code: string): boolean {
  return point.address === '' && address === '::' && NO_FAMILY.has(code);
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EACCES: 'permission denied',
};

/** As the peer words it: `listen udp :53: bind: permission denied`. */
export function listenError(proto: 'udp' | 'tcp', { address, port }: ListenPoint, code: string): string {
  return `listen ${proto} ${bracketed(address)}:${port}: bind: ${REASONS[code] ?? code}`;
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
