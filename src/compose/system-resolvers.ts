/** The resolvers that this machine asks. */
import { readFileSync } from 'node:fs';
import type { ServerAddress } from '../ingest/resolver-exchange.ts';
import { readNameservers } from '../serve/upstream/resolv-conf.ts';

/** As /etc/resolv.conf has them at this moment; without any it is the machine itself (resolv.conf(5)). */
export function systemResolvers(): ServerAddress[] {
  const addresses = readNameservers(readResolvConf());
  return (addresses.length > 0 ? addresses : ['127.0.0.1']).map((address) => ({ address, port: 53 }));
}

function readResolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return '';
  }
}
