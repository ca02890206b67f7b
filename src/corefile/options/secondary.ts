import type { DomainName } from '../../dns/name.ts';
import { parseName } from '../../dns/name.ts';
import type { BlockContext } from '../controller.ts';
import { Controller, parseInteger } from '../controller.ts';
import { normalizeZones } from '../keys.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';
import { readAddressPort, readSource, readTargets, type TransferTarget } from './transfer-targets.ts';

/** A server that zones come from. */
export interface PrimaryOptions {
  readonly address: string;
  readonly port: number;
  readonly isTls: boolean;
  /** `tls://IP%NAME`: what its certificate must be for. */
  readonly serverName: string | undefined;
  /** The TSIG key of what is sent to it and of its answers. */
  readonly key: DomainName | undefined;
}

/** Milliseconds, shortest and longest. */
export type TimeRange = readonly [least: number, most: number];

/** What is taken at most of each zone. */
export interface SecondaryLimits {
  readonly records: number;
  readonly octets: number;
  /** Milliseconds that a transfer may take, and that its next message may. */
  readonly timeMs: number;
  readonly idleMs: number;
  /** Of a catalog. */
  readonly members: number;
}

/** A stanza of `secondary`. */
export interface SecondaryOptions {
  readonly zones: readonly DomainName[];
  readonly primaries: readonly PrimaryOptions[];
  /** Who besides the primaries may say that there is a new version. */
  readonly notifiers: readonly TransferTarget[];
  /** The address to ask from. */
  readonly source: string | undefined;
  /** `tls CERT KEY CA`, `tls CERT KEY`, `tls CA` or `tls`; relative to `root`. */
  readonly tls: readonly string[];
  readonly tlsServerName: string | undefined;
  readonly isIxfrOff: boolean;
  /** Digests (RFC 8976): one that is there must be right, or one must be there; undefined: they are not looked at. */
  readonly zonemd: 'verify' | 'require' | undefined;
  readonly refresh: TimeRange;
  readonly retry: TimeRange;
  readonly expire: TimeRange;
  readonly limits: SecondaryLimits;
  /** Undefined: no catalog zone; else the names of the members that are taken, none for all. */
  readonly catalog: readonly DomainName[] | undefined;
  /** Members of these groups come from other primaries. */
  readonly groups: readonly { readonly name: string; readonly primaries: readonly PrimaryOptions[] }[];
  readonly fallthrough: readonly DomainName[] | undefined;
}

type Draft = { -readonly [Name in keyof SecondaryOptions]: SecondaryOptions[Name] };

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

export const SECONDARY_DEFAULTS = {
  refresh: [2 * SECOND, 28 * DAY],
  retry: [SECOND, 14 * DAY],
  expire: [3 * SECOND, 365 * DAY],
  limits: { records: 10_000_000, octets: 512 * 2 ** 20, timeMs: HOUR, idleMs: 30 * SECOND, members: 10_000 },
} as const;

/**
 * `secondary [ZONES…] { transfer from ADDR…; catalog [MEMBERS…]; fallthrough [ZONES…] }`, repeatable.
 *
 * zonelog also takes `tls://ADDR[%NAME]` for a primary, and `key NAME` at the end of a `transfer from` line. `tls` and
 * `tls_servername` are as in `forward`. `notify from` says who besides the primaries may tell of new versions; `source` is
 * the address to ask from; `ixfr off` asks for whole zones only. `refresh`, `retry` and `expire` bound what SOA records ask
 * for, `limit` what is taken; `zonemd verify|require` whether digests must be right, or there. `group NAME from ADDR…` says
 * where members of a catalog come from that are in that group.
 */
export function parseSecondary(stanzas: readonly Directive[], block: BlockContext): Outcome<SecondaryOptions[]> {
  const c = new Controller('secondary', stanzas);
  const all: SecondaryOptions[] = [];
  while (c.next()) {
    const draft: Draft = {
      ...SECONDARY_DEFAULTS,
      zones: normalizeZones(c.remainingArgs(), block.zones),
      primaries: [],
      notifiers: [],
      source: undefined,
      tls: [],
      tlsServerName: undefined,
      isIxfrOff: false,
      zonemd: undefined,
      catalog: undefined,
      groups: [],
      fallthrough: undefined,
    };
    while (c.nextBlock()) readProperty(c, draft);
    if (draft.primaries.length === 0) c.stanzaErr('secondary zones require a transfer from property');
    if (draft.groups.length > 0 && draft.catalog === undefined) c.stanzaErr('group is of a catalog');
    all.push(draft);
  }
  return c.finish(all);
}

function readProperty(c: Controller, draft: Draft): void {
  switch (c.value) {
    case 'transfer':
      draft.primaries = [...draft.primaries, ...readFrom(c, c.args(2))];
      break;
    case 'notify':
      draft.notifiers = [...draft.notifiers, ...readNotifiers(c)];
      break;
    case 'source':
      draft.source = readSource(c, draft.source);
      break;
    case 'tls':
      draft.tls = c.args(0, 3);
      break;
    case 'tls_servername':
      draft.tlsServerName = c.oneArg();
      break;
    case 'ixfr':
      if (c.oneArg() !== 'off') c.err("ixfr takes 'off'");
      draft.isIxfrOff = true;
      break;
    case 'zonemd': {
      const word = c.oneArg();
      if (word === 'verify' || word === 'require') draft.zonemd = word;
      else c.err("zonemd takes 'verify' or 'require'");
      break;
    }
    case 'refresh':
    case 'retry':
    case 'expire':
      draft[c.value] = readRange(c, draft[c.value]);
      break;
    case 'limit':
      draft.limits = readLimits(c, draft.limits);
      break;
    case 'catalog':
      draft.catalog = joinMembers(draft.catalog, readMembers(c));
      break;
    case 'group': {
      const [name = '', ...words] = c.args(3);
      draft.groups = [...draft.groups, { name, primaries: readFrom(c, words) }];
      break;
    }
    case 'fallthrough':
      draft.fallthrough = c.fallthrough();
      break;
    default:
      c.unknownProperty();
  }
}

/** `from ADDR… [key NAME]` */
function readFrom(c: Controller, [from = '', ...words]: readonly string[]): PrimaryOptions[] {
  if (from !== 'from') c.err(`unknown property '${from}'`);
  let key: DomainName | undefined;
  if (words.at(-1) === 'key') c.argErr();
  if (words.at(-2) === 'key') {
    const [, text = ''] = words.splice(-2);
    key = parseName(text);
    if (key === undefined) c.err(`invalid key name ${JSON.stringify(text)}`);
  }
  if (words.length === 0) c.argErr();
  return words.flatMap((word) => {
    const primary = readPrimary(word, key);
    if (word === '*') c.err("can't use '*' in transfer from");
    else if (primary === undefined) c.err(`must specify an IP address: \`${word}'`);
    return primary ?? [];
  });
}

function readPrimary(word: string, key: DomainName | undefined): PrimaryOptions | undefined {
  const [, scheme, rest = word] = /^(dns|tls):\/\/(.*)$/s.exec(word) ?? [];
  const isTls = scheme === 'tls';
  const [, host = '', name, port = ''] = (isTls && /^(.*?)%([^:]*)(:\d+)?$/s.exec(rest)) || [];
  const target = readAddressPort(name === undefined ? rest : host + port, isTls ? 853 : 53);
  return target && { address: target.host, port: target.port, isTls, serverName: name, key };
}

function readNotifiers(c: Controller): TransferTarget[] {
  if (!c.nextArg()) c.argErr();
  if (c.value !== 'from') c.err(`unknown property '${c.value}'`);
  const targets = readTargets(c);
  if (targets.some(({ kind }) => kind === 'service' || kind === 'pods')) c.err('notify from takes addresses');
  return targets;
}

/** `MIN [MAX]` */
function readRange(c: Controller, before: TimeRange): TimeRange {
  const name = c.value;
  const [leastText = '', mostText] = c.args(1, 2);
  const read = (text: string) => c.duration(text, (why) => `invalid time of ${name}: ${why}`);
  const least = read(leastText);
  const most = mostText === undefined ? Math.max(least, before[1]) : read(mostText);
  if (least <= 0 || most < least) c.err(`${name} takes a time above 0, and one that is not less`);
  return [least, most];
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

function readLimits(c: Controller, before: SecondaryLimits): SecondaryLimits {
  const words = c.args(2);
  let limits = before;
  for (let at = 0; at < words.length; at += 2) {
    const [word, value] = words.slice(at, at + 2);
    if (value === undefined) c.argErr();
    else if (word === 'records' || word === 'members') limits = { ...limits, [word]: readCount(c, value) };
    else if (word === 'size') limits = { ...limits, octets: readOctets(c, value) };
    else if (word === 'time') limits = { ...limits, timeMs: readTime(c, value) };
    else if (word === 'idle') limits = { ...limits, idleMs: readTime(c, value) };
    else c.err(`unknown property ${JSON.stringify(word)} of limit`);
  }
  return limits;
}

function readCount(c: Controller, text: string): number {
  const count = parseInteger(text);
  if (count === undefined || count <= 0) c.err(`invalid limit: ${JSON.stringify(text)}`);
  return count ?? 1;
}

/** A whole number above 0, with one of the units after it. */
function readOctets(c: Controller, text: string): number {
  const [, digits, unit = ''] = /^(\d{1,9})([kmg]?)$/.exec(text.toLowerCase()) ?? [];
  const octets = Number(digits) * (UNITS[unit] ?? Number.NaN);
  if (!(octets > 0)) c.err(`invalid limit: ${JSON.stringify(text)}`);
  return octets;
}

function readTime(c: Controller, text: string): number {
  const time = c.duration(text, (why) => `invalid limit: ${why}`);
  if (time <= 0) c.err(`invalid limit: ${JSON.stringify(text)}`);
  return time;
}

function readMembers(c: Controller): DomainName[] {
  return c.remainingArgs().flatMap((word) => {
    const zones = normalizeZones([word]);
    if (zones.length === 0) c.err(`invalid catalog member zone ${JSON.stringify(word)}`);
    return zones;
  });
}

/** Of two lines one that names none takes all. */
function joinMembers(before: readonly DomainName[] | undefined, more: readonly DomainName[]): readonly DomainName[] {
  if (before === undefined) return more;
  return before.length === 0 || more.length === 0 ? [] : [...before, ...more];
}
