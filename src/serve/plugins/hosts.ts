/** `hosts`: addresses and their names out of a hosts file, and of lines in the Corefile. */
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { HostsOptions } from '../../corefile/config.ts';
import { type DomainName, isSubdomain } from '../../dns/name.ts';
import { Rcode, type Rdata, type ResourceRecord, RRType } from '../../dns/rrset.ts';
import { gaugeFamily } from '../../metrics.ts';
import type { HandlerTools, ServingBlock } from '../blocks.ts';
import { emptyReply, type Handler } from '../chain.ts';
import { systemTimer, type Timer } from '../timer.ts';
import { type FileText, readFileNow, watchFile } from '../watched-file.ts';
import { addHosts, emptyTable, type HostsTable, linesOf, lookUp } from './hosts-table.ts';

export function openHosts(block: ServingBlock, tools: HandlerTools, timer: Timer = systemTimer): Handler {
  const options = block.options.hosts as HostsOptions;
  const { logger, dropAnswers } = tools;
  const file = path.resolve(block.options.root ?? '', options.file);
  const read = readFileNow(file);
  if (!read.ok && !isOptional(options)) logger.warning(`File does not exist: ${file}`);
  const known = read.ok ? read.value : undefined;
  let table = emptyTable();
  for (const _ of build(table, known, options));
  let modified = known?.modified ?? 0;
  const close = watchFile(file, options.reloadMs, timer, known, async (now) => {
    const next = emptyTable();
    for (const _ of build(next, now.ok ? now.value : undefined, options)) await nextTurn();
    table = next;
    modified = now.ok ? now.value.modified : modified;
    // A name that the file has got may have been somebody else's so far.
    dropAnswers();
  });
  return {
    ...createHosts(options, () => table),
    metrics: () => [
      gaugeFamily(
        'coredns_hosts_entries',
        'Addresses and names in the hosts file and the Corefile.',
        ['hostsfile'],
        [[[file], sizeOf(table)]],
        'max',
      ),
      gaugeFamily(
        'coredns_hosts_reload_timestamp_seconds',
        'When the hosts file that is in force was changed.',
        [],
        [[[], modified]],
        'max',
      ),
    ],
    close,
  };
}

/** The default file of a stanza that has lines of its own need not be there. */
function isOptional(options: HostsOptions): boolean {
  return options.file === '/etc/hosts' && options.inline.length > 0;
}

/** The file's lines, then those of the Corefile. */
function* build(
  table: HostsTable,
  file: FileText | undefined,
  { zones, noReverse, inline }: HostsOptions,
): Generator<undefined, void, undefined> {
  const how = { zones, hasReverse: !noReverse };
  if (file !== undefined) yield* addHosts(table, linesOf(file.text), how);
  yield* addHosts(table, inline, how);
}

function sizeOf({ v4, v6, names }: HostsTable): number {
  let size = 0;
  for (const map of [v4, v6]) for (const list of map.values()) size += list.length;
  for (const list of names.values()) size += list.length;
  return size;
}

/** @param table as it is at this moment */
export function createHosts(options: HostsOptions, table: () => HostsTable): Handler {
  const { zones, ttl, fallthrough, fallthroughUnsupported } = options;
  return {
    name: 'hosts',
    isPure: true,
    handle(request, next) {
      const { name, type } = request.question;
      const { v4, v6, names } = table();
      if (type === RRType.PTR) {
        const targets = names.get(name) ?? [];
        if (targets.length === 0) return next(request);
        return reply(targets.map((target) => recordOf(name, ttl, { type: 'PTR', target })));
      }
      if (!zones.some((zone) => isSubdomain(name, zone))) return next(request);
      const isAddress = type === RRType.A || type === RRType.AAAA;
      const found = isAddress ? lookUp(type === RRType.A ? v4 : v6, name) : [];
      if (found.length > 0) {
        const kind = type === RRType.A ? 'A' : 'AAAA';
        return reply(found.map((address) => recordOf(name, ttl, { type: kind, address })));
      }
      const isKnown = lookUp(v4, name).length > 0 || lookUp(v6, name).length > 0;
      const isPassedOn = fallthrough?.some((zone) => isSubdomain(name, zone)) === true;
      if (isKnown) return isPassedOn && !isAddress && fallthroughUnsupported ? next(request) : reply([]);
      // There is no SOA here that NXDOMAIN could go with.
      return isPassedOn ? next(request) : emptyReply(Rcode.SERVFAIL);
    },
  };
}

function recordOf(
  owner: DomainName,
  ttl: number,
  rdata: Rdata & { readonly type: 'A' | 'AAAA' | 'PTR' },
): ResourceRecord {
  return { owner, type: RRType[rdata.type], ttl, rdata };
}

function reply(answer: readonly ResourceRecord[]) {
  return { ...emptyReply(Rcode.NOERROR), isAuthoritative: true, isLowerCase: true, answer };
}
