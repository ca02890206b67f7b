import type { DomainName } from '../../dns/name.ts';
import type { BlockContext } from '../controller.ts';
import { Controller, parseInteger } from '../controller.ts';
import { normalizeZones } from '../keys.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';

/** `hosts [FILE [ZONES…]] { … }` */
export interface HostsOptions {
  /** Relative to `root`. */
  readonly file: string;
  readonly zones: readonly DomainName[];
  /** Lines of a hosts file, written in the Corefile. */
  readonly inline: readonly string[];
  /** Seconds. */
  readonly ttl: number;
  readonly noReverse: boolean;
  /** 0: never. */
  readonly reloadMs: number;
  /** Zones whose missing names are passed on; the root for all, undefined for none. */
  readonly fallthrough: readonly DomainName[] | undefined;
  /** Are queries for types other than addresses passed on too? */
  readonly fallthroughUnsupported: boolean;
}

/** `hosts`, once. A line of the block that is no option is an entry, as long as no `fallthrough` stands before it. */
export function parseHosts(stanzas: readonly Directive[], block: BlockContext): Outcome<HostsOptions> {
  const c = new Controller('hosts', stanzas);
  const inline: string[] = [];
  let file = '/etc/hosts';
  let zones: readonly DomainName[] = [];
  let ttl = 3600;
  let noReverse = false;
  let reloadMs = 5000;
  let fallthrough: readonly DomainName[] | undefined;
  let fallthroughUnsupported = false;
  while (c.nextOnly()) {
    const [path, ...names] = c.remainingArgs();
    file = path ?? file;
    zones = normalizeZones(names, block.zones);
    while (c.nextBlock()) {
      switch (c.value) {
        case 'fallthrough':
          fallthrough = c.fallthrough();
          break;
        case 'fallthrough_unsupported':
          fallthroughUnsupported = c.bare();
          break;
        case 'no_reverse':
          noReverse = true;
          break;
        case 'ttl':
          ttl = readTtl(c);
          break;
        case 'reload':
          reloadMs = readReload(c);
          break;
        default:
          if (fallthrough) c.unknownProperty();
          else inline.push([c.value, ...c.remainingArgs()].join(' '));
      }
    }
    if (fallthroughUnsupported && fallthrough === undefined)
      c.stanzaErr('fallthrough_unsupported requires fallthrough');
  }
  return c.finish({ file, zones, inline, ttl, noReverse, reloadMs, fallthrough, fallthroughUnsupported });
}

function readTtl(c: Controller): number {
  const [text] = c.remainingArgs();
  if (text === undefined) c.err('ttl needs a time in second');
  const ttl = parseInteger(text ?? '');
  if (ttl === undefined) c.err('ttl needs a number of second');
  else if (ttl <= 0 || ttl > 65_535) c.err('ttl provided is invalid');
  return ttl ?? 0;
}

function readReload(c: Controller): number {
  const [text = '', ...more] = c.remainingArgs();
  if (text === '' || more.length > 0) c.err('reload needs a duration (zero seconds to disable)');
  const ms = c.duration(text, () => `invalid duration for reload '${text}'`);
  if (ms < 0) c.err(`invalid negative duration for reload '${text}'`);
  return ms;
}
