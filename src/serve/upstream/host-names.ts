/** Addresses of servers that are given by name. */
import { promises as dns } from 'node:dns';

/** Gives IP addresses, IPv4 first; rejects when there are none. */
export type FindAddresses = (name: string) => Promise<readonly string[]>;

const TIMEOUT_MS = 2000;
const TRIES = 2;

/** @param servers to ask, as `IP` or `IP:PORT`; none: what the system asks */
export function createFindAddresses(servers: readonly string[]): FindAddresses {
  if (servers.length === 0) {
    return async (name) => {
      const found = await dns.lookup(name, { all: true, order: 'ipv4first' });
      return found.map(({ address }) => address);
    };
  }
  const resolver = new dns.Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  resolver.setServers(servers);
  return async (name) => {
    const results = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const addresses = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    if (addresses.length > 0) return addresses;
    throw results.find((result) => result.status === 'rejected')?.reason ?? new Error(`${name} has no address`);
  };
}
