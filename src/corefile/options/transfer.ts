import type { DomainName } from '../../dns/name.ts';
import { isSubdomain, labelsOf, parseName } from '../../dns/name.ts';
import { ZONE_HASHES, type ZoneHash } from '../../dns/zone-digest.ts';
import type { BlockContext } from '../controller.ts';
import { Controller } from '../controller.ts';
import { normalizeZones } from '../keys.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';
import { readSource, readTargets, type TransferTarget } from './transfer-targets.ts';

/** When targets are told of a new version: once none has followed for `delayMs`, and after `maxMs` at the latest. */
export interface NotifyTiming {
  readonly delayMs: number;
  readonly maxMs: number;
}

/** Transfers that may run at a time in each serving thread. */
export interface TransferLimits {
  readonly all: number;
  /** To one address. */
  readonly perClient: number;
}

/** How much of each zone's changes is kept for incremental transfers, at least. */
export interface JournalSize {
  readonly changes?: number;
  readonly octets?: number;
  readonly ageMs?: number;
}

/** A zone that lists the zones of the stanza (RFC 9432). */
export interface CatalogOptions {
  readonly apex: DomainName;
  /** The `group` property of every member. */
  readonly group: string | undefined;
  /** Members that go over to another catalog (`coo`), whichever stanza they are of. */
  readonly leaving?: readonly { readonly zone: DomainName; readonly newCatalog: DomainName }[];
}

/** A digest in each version of the zones of the stanza (RFC 8976). */
export interface ZonemdOptions {
  readonly hash: ZoneHash;
  /** Records of a zone that has one at most. */
  readonly most: number;
}

/** A stanza of `transfer`. */
export interface TransferOptions {
  readonly zones: readonly DomainName[];
  readonly to: readonly TransferTarget[];
  /** The address that NOTIFY is sent from. */
  readonly source: string | undefined;
  readonly notify?: NotifyTiming | 'off';
  /** `required`: transfers are refused but over TLS (RFC 9103). */
  readonly tls?: 'required';
  /** How several changes are sent: as one, or each by itself; absent: as one if they are few. */
  readonly ixfr?: 'condensed' | 'steps';
  readonly limits?: TransferLimits;
  readonly journal?: JournalSize;
  readonly catalog?: CatalogOptions;
  readonly zonemd?: ZonemdOptions;
}

export const DEFAULT_NOTIFY: NotifyTiming = { delayMs: 200, maxMs: 1000 };
export const DEFAULT_ZONEMD: ZonemdOptions = { hash: 'sha384', most: 250_000 };

/**
 * `transfer [ZONES…] { to ADDR…|*; source IP }`, repeatable.
 *
 * zonelog also takes prefixes (`to 10.0.0.0/8`) and, at the end of a `to` line, `key NAME`: a TSIG key for all targets
 * of that line, and `cert NAME|sha256/PIN`: the certificate that they show. `to key NAME` alone is anyone who has the
 * key. `to service NAMESPACE NAME [PORT]` and `to pods NAMESPACE SELECTOR [PORT]` are the endpoints of a
 * Service, and pods, of the block's first cluster. `limit ALL [PER_CLIENT]` bounds the transfers at a time. `tls required` refuses transfers but over TLS. `ixfr condensed|steps` is how several changes are sent. `notify DELAY [MAX]` (0.2 s, 1 s) or `notify off` says when
 * the targets are told of a new version; `journal [changes N] [size OCTETS] [age DURATION]` how much of the changes is
 * kept, for all zones: the most that any stanza asks for. `catalog ZONE [GROUP]` makes a catalog of the stanza's zones,
 * `coo MEMBER CATALOG` says in it that a zone goes over to another catalog. `zonemd [sha384|sha512] [RECORDS]` gives the
 * zones a digest, those with more records not.
 */
export function parseTransfer(stanzas: readonly Directive[], block: BlockContext): Outcome<TransferOptions[]> {
  const c = new Controller('transfer', stanzas);
  const all: TransferOptions[] = [];
  while (c.next()) {
    const zones = normalizeZones(c.remainingArgs(), block.zones);
    const to: TransferTarget[] = [];
    let source: string | undefined;
    let notify: TransferOptions['notify'];
    let journal: JournalSize | undefined;
    let catalog: CatalogOptions | undefined;
    let tls: TransferOptions['tls'];
    let ixfr: TransferOptions['ixfr'];
    let limits: TransferLimits | undefined;
    let zonemd: ZonemdOptions | undefined;
    const leaving: NonNullable<CatalogOptions['leaving']>[number][] = [];
    while (c.nextBlock()) {
      if (c.value === 'to') to.push(...readTargets(c));
      else if (c.value === 'source') source = readSource(c, source);
      else if (c.value === 'notify') notify = readNotify(c);
      else if (c.value === 'tls') tls = readTls(c);
      else if (c.value === 'ixfr') ixfr = readIxfr(c);
      else if (c.value === 'limit') limits = readLimits(c);
      else if (c.value === 'journal') journal = { ...journal, ...readJournal(c) };
      else if (c.value === 'catalog') catalog = readCatalog(c, catalog);
      else if (c.value === 'zonemd') zonemd = readZonemd(c);
      else if (c.value === 'coo') leaving.push(...readLeaving(c));
      else c.err(`unknown property ${JSON.stringify(c.value)}`);
    }
    if (leaving.length > 0 && catalog === undefined) c.stanzaErr('coo is of a catalog');
    if (to.length === 0) c.stanzaErr("'to' is required");
    all.push({
      // The catalog goes to whom its zones go.
      zones: catalog === undefined ? zones : [...zones, catalog.apex],
      to,
      source,
      ...(notify && { notify }),
      ...(tls && { tls }),
      ...(ixfr && { ixfr }),
      ...(limits && { limits }),
      ...(journal && { journal }),
      ...(zonemd && { zonemd }),
      ...(catalog && { catalog: leaving.length > 0 ? { ...catalog, leaving } : catalog }),
    });
  }
  return c.finish(all);
}

/**
 * The stanza that a name falls under: that with the longest zone, by labels, which the name is in; of equals the first.
 * @returns undefined when the name is in no zone of any stanza
 */
export function findStanza(stanzas: readonly TransferOptions[], name: DomainName): TransferOptions | undefined {
  let found: TransferOptions | undefined;
  let longest = -1;
  for (const stanza of stanzas) {
    for (const zone of stanza.zones) {
      if (!isSubdomain(name, zone)) continue;
      const labels = labelsOf(zone).length;
      if (labels > longest) {
        found = stanza;
        longest = labels;
      }
    }
  }
  return found;
}

function readTls(c: Controller): TransferOptions['tls'] {
  if (c.oneArg() !== 'required') c.err("tls takes 'required'");
  return 'required';
}

function readIxfr(c: Controller): TransferOptions['ixfr'] {
  const word = c.oneArg();
  if (word === 'condensed' || word === 'steps') return word;
  c.err("ixfr takes 'condensed' or 'steps'");
  return undefined;
}

function readLimits(c: Controller): TransferLimits {
  const [all = 0, perClient = all] = c.args(1, 2).map((word) => (/^\d{1,5}$/.test(word) ? Number(word) : 0));
  if (all < 1 || perClient < 1) c.err('limit takes one or two numbers of transfers, from 1 to 99999');
  return { all, perClient };
}

function readZonemd(c: Controller): ZonemdOptions {
  const words = c.args(0, 2);
  const [first, ...rest] = words;
  const hash = ZONE_HASHES.find((known) => known === first);
  const [records, more] = hash === undefined ? words : rest;
  const most = records === undefined ? DEFAULT_ZONEMD.most : Number(/^\d{1,9}$/.exec(records)?.[0] ?? 0);
  if (most < 1 || more !== undefined)
    c.err(`zonemd takes ${ZONE_HASHES.map((known) => `'${known}'`).join(' or ')}, and a number of records`);
  return { hash: hash ?? DEFAULT_ZONEMD.hash, most };
}

function readNotify(c: Controller): NotifyTiming | 'off' {
  const [delay = '', max] = c.args(1, 2);
  if (delay === 'off' && max === undefined) return 'off';
  const delayMs = c.duration(delay, (why) => `invalid delay of notify: ${why}`);
  const maxMs =
    max === undefined
      ? Math.max(delayMs, DEFAULT_NOTIFY.maxMs)
      : c.duration(max, (why) => `invalid maximum wait of notify: ${why}`);
  if (delayMs < 0 || maxMs < delayMs || maxMs > MAX_WAIT_MS) {
    c.err('notify takes a delay from 0s to 1h, and a maximum wait that is not less');
  }
  return { delayMs, maxMs };
}

function readCatalog(c: Controller, previous: CatalogOptions | undefined): CatalogOptions | undefined {
  const [text = '', group] = c.args(1, 2);
  const apex = parseName(text);
  if (previous !== undefined) c.err('catalog already specified');
  if (apex === undefined) c.err(`invalid catalog zone ${JSON.stringify(text)}`);
  if (group !== undefined && Buffer.byteLength(group) > 255) c.err('the group of a catalog has 255 octets at most');
  return apex && { apex, group };
}

function readLeaving(c: Controller): NonNullable<CatalogOptions['leaving']> {
  const [member = '', catalog = ''] = c.args(2, 2);
  const [zone, newCatalog] = [parseName(member), parseName(catalog)];
  if (zone === undefined) c.err(`invalid zone ${JSON.stringify(member)}`);
  if (newCatalog === undefined) c.err(`invalid catalog zone ${JSON.stringify(catalog)}`);
  return zone === undefined || newCatalog === undefined ? [] : [{ zone, newCatalog }];
}

/** What a timer still takes, and more than anyone wants. */
const MAX_WAIT_MS = 3_600_000;

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

function readJournal(c: Controller): JournalSize {
  const words = c.args(2);
  let size: JournalSize = {};
  for (let at = 0; at < words.length; at += 2) {
    const [word, value] = words.slice(at, at + 2);
    if (value === undefined) c.argErr();
    else if (word === 'changes') size = { ...size, changes: readSize(c, value, '') };
    else if (word === 'size') size = { ...size, octets: readSize(c, value, 'kmg') };
    else if (word === 'age') size = { ...size, ageMs: c.duration(value, (why) => `invalid age of journal: ${why}`) };
    else c.err(`unknown property ${JSON.stringify(word)} of journal`);
  }
  return size;
}

/** A whole number above 0, with one of the units after it. */
function readSize(c: Controller, text: string, units: string): number {
  const [, digits, unit = ''] = /^(\d{1,9})([a-z]?)$/.exec(text.toLowerCase()) ?? [];
  const factor = unit === '' || units.includes(unit) ? UNITS[unit] : undefined;
  const value = Number(digits) * (factor ?? Number.NaN);
  if (!(value > 0)) c.err(`invalid size of journal: ${JSON.stringify(text)}`);
  return value;
}
