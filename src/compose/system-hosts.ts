/** The hosts file of this machine, which goes before its resolvers, and the names that stand for the machine itself. */
import { readFileSync, statSync } from 'node:fs';
import { parseName, ROOT } from '../dns/name.ts';
import { addHosts, emptyTable, type HostsTable, linesOf } from '../serve/plugins/hosts-table.ts';

const FILE = '/etc/hosts';
/** Octets: a longer file is left unread. */
const MAX_SIZE = 4 * 1024 * 1024;
/** RFC 6761 §6.3 */
const LOCALHOST = /^(?:.*\.)?localhost$/;
const LOOPBACK = ['127.0.0.1', '::1'];

/** @returns a function that gives the addresses of a host, as the file has them at that moment; undefined: it has none */
export function createSystemHosts(file = FILE): (host: string) => readonly string[] | undefined {
  let table = emptyTable();
  let readAt = '';
  const refresh = (): void => {
    const { mtimeMs, size } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: 0, size: 0 };
    const now = `${mtimeMs} ${size}`;
    if (now === readAt) return;
    readAt = now;
    table = size > 0 && size <= MAX_SIZE ? readHosts(file) : emptyTable();
  };
  return (host) => {
    refresh();
    const name = parseName(host.toLowerCase());
    if (name === undefined) return undefined;
    const found = [...(table.v4.get(name) ?? []), ...(table.v6.get(name) ?? [])];
    if (found.length > 0) return found;
    return LOCALHOST.test(name.slice(0, -1)) ? LOOPBACK : undefined;
  };
}

function readHosts(file: string): HostsTable {
  const table = emptyTable();
  try {
    for (const _ of addHosts(table, linesOf(readFileSync(file, 'utf8')), { zones: [ROOT], hasReverse: false }));
  } catch {
    // Gone since, or not for us: as if it were empty.
  }
  return table;
}
