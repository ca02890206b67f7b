/** The servers in a file like /etc/resolv.conf. */
import { isIP } from 'node:net';

/** Addresses after `nameserver`, in the order of the file; what is no address is left out. */
export function readNameservers(text: string): string[] {
  const servers: string[] = [];
  for (const line of text.split('\n')) {
    const [word, address = ''] = line.trim().split(/\s+/);
    if (word === 'nameserver' && isIP(address) !== 0 && !address.includes('%')) servers.push(address);
  }
  return servers;
}
