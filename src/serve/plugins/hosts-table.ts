/** The text of a hosts file as a table: addresses by name, names by address. */
import { canonicalAddress, unmapAddress } from '../../dns/address.ts';
import { type DomainName, isSubdomain, parentOf, parseName } from '../../dns/name.ts';
import { reverseName } from './reverse-name.ts';

export interface HostsTable {
  readonly v4: Map<DomainName, string[]>;
  readonly v6: Map<DomainName, string[]>;
  /** By the name of the PTR record. */
  readonly names: Map<DomainName, DomainName[]>;
}

export function emptyTable(): HostsTable {
  return { v4: new Map(), v6: new Map(), names: new Map() };
}

/** Lines that are read in one go. */
const PIECE = 1000;

/**
 * Adds the lines of a hosts file: `ADDRESS NAME…`, `#` begins a comment; what can't be read is passed over. A step is
 * some lines, so that a list of a million names can be read without holding anybody up.
 */
export function* addHosts(
  table: HostsTable,
  lines: Iterable<string>,
  { zones, hasReverse }: { readonly zones: readonly DomainName[]; readonly hasReverse: boolean },
): Generator<undefined, void, undefined> {
  let count = 0;
  for (const line of lines) {
    count += 1;
    if (count % PIECE === 0) yield;
    const [word = '', ...words] = line.replace(/#.*/s, '').trim().split(/\s+/);
    const read = canonicalAddress(word.split('%', 1)[0] as string);
    if (read === undefined) continue;
    // `::ffff:192.0.2.1` is an IPv4 address, as the peer has it.
    const address = unmapAddress(read);
    const forward = address.includes(':') ? table.v6 : table.v4;
    for (const text of words) {
      const name = parseName(text);
      if (name === undefined || !zones.some((zone) => isSubdomain(name, zone))) continue;
      append(forward, name, address);
      // A wildcard is no host's name.
      if (hasReverse && !name.startsWith('*.')) append(table.names, reverseName(address), name);
    }
  }
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else if (!list.includes(value)) list.push(value);
}

/** The lines of a text, one by one: splitting a long one at once would take long. */
export function* linesOf(text: string): Generator<string, void, undefined> {
  for (let at = 0; at < text.length; ) {
    const found = text.indexOf('\n', at);
    const end = found < 0 ? text.length : found;
    yield text.slice(at, end);
    at = end + 1;
  }
}

/** What the name has, or the wildcard for one label in its place. */
export function lookUp(map: ReadonlyMap<DomainName, readonly string[]>, name: DomainName): readonly string[] {
  const own = map.get(name);
  if (own !== undefined) return own;
  const parent = parentOf(name);
  return (parent !== undefined && map.get(`*.${parent === '.' ? '' : parent}` as DomainName)) || [];
}
