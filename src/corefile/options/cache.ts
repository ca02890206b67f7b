import type { DomainName } from '../../dns/name.ts';
import { ROOT } from '../../dns/name.ts';
import type { BlockContext } from '../controller.ts';
import { Controller, parseInteger } from '../controller.ts';
import { normalizeZones } from '../keys.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';

/** Bounds of one of the two caches. */
export interface CacheLimits {
  /** Messages. */
  readonly capacity: number;
  /** Seconds. */
  readonly maxTtl: number;
  readonly minTtl: number;
  /** Zones whose answers are not kept; the root for all. */
  readonly disabled: readonly DomainName[];
}

/** `serve_stale [DURATION [immediate [TTL [RECHECK]]|verify [VERIFY_TIMEOUT [TTL [RECHECK]]]]]` */
export interface ServeStale {
  readonly upToMs: number;
  readonly verify: boolean;
  readonly verifyTimeoutMs: number;
  /** TTL of stale answers, seconds. */
  readonly ttl: number;
  /** After a failure nobody is asked again for so long. */
  readonly recheckMs: number;
}

/** `cache [TTL] [ZONES…] { … }` */
export interface CacheOptions {
  readonly zones: readonly DomainName[];
  readonly success: CacheLimits;
  readonly denial: CacheLimits;
  readonly servfailMs: number;
  readonly prefetch: { readonly amount: number; readonly durationMs: number; readonly percentage: number };
  /** Undefined: nothing stale is served. */
  readonly serveStale: ServeStale | undefined;
  readonly preferPositive: boolean;
  readonly keepTtl: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Mutable<Omit<CacheOptions, 'success' | 'denial'>> & Record<'success' | 'denial', Mutable<CacheLimits>>;

const CAPACITY = 9984;
const MIN_TTL = 5;
const MAX_TTL = 2 ** 32 - 1;
const MAX_RECHECK_MS = 300_000;

/** `cache`, once. */
export function parseCache(stanzas: readonly Directive[], block: BlockContext): Outcome<CacheOptions> {
  const c = new Controller('cache', stanzas);
  const o: Draft = {
    zones: [],
    success: { capacity: CAPACITY, maxTtl: 3600, minTtl: MIN_TTL, disabled: [] },
    denial: { capacity: CAPACITY, maxTtl: 1800, minTtl: MIN_TTL, disabled: [] },
    servfailMs: 5000,
    prefetch: { amount: 0, durationMs: 60_000, percentage: 10 },
    serveStale: undefined,
    preferPositive: false,
    keepTtl: false,
  };
  while (c.nextOnly()) {
    const args = c.remainingArgs();
    const ttl = parseInteger(args[0] ?? '');
    if (ttl !== undefined) {
      if (ttl <= 0) c.err(`ttl can not be zero or negative: ${ttl}`);
      o.success.maxTtl = ttl;
      o.denial.maxTtl = ttl;
      args.shift();
    }
    o.zones = normalizeZones(args, block.zones);
    while (c.nextBlock()) readOption(c, o);
    if (o.preferPositive && o.serveStale === undefined) c.stanzaErr('serve_stale_policy requires serve_stale');
  }
  return c.finish(o);
}

function readOption(c: Controller, o: Draft): void {
  switch (c.value) {
    case 'success':
      readLimits(c, o.success);
      break;
    case 'denial':
      readLimits(c, o.denial);
      break;
    case 'prefetch':
      readPrefetch(c, o);
      break;
    case 'serve_stale':
      readServeStale(c, o);
      break;
    case 'serve_stale_policy': {
      const policy = c.oneArg();
      if (policy !== 'prefer_positive') c.err(`invalid value for serve_stale_policy: ${policy}`);
      o.preferPositive = true;
      break;
    }
    case 'servfail':
      o.servfailMs = c.duration(c.oneArg());
      if (o.servfailMs < 0) c.err('invalid negative ttl for servfail');
      if (o.servfailMs > 300_000) c.err('caching SERVFAIL responses over 5 minutes is not permitted');
      break;
    case 'disable': {
      const [which, ...names] = c.args(1);
      if (which === 'success' || which === 'denial') o[which].disabled = normalizeZones(names, [ROOT]);
      else c.err('cache type for disable must be "success" or "denial"');
      break;
    }
    case 'keepttl':
      c.noArgs();
      o.keepTtl = true;
      break;
    default:
      c.argErr();
  }
}

/** `CAPACITY [TTL [MINTTL]]` */
function readLimits(c: Controller, limits: Mutable<CacheLimits>): void {
  const [capacity = '', ttl, minTtl] = c.args(1);
  limits.capacity = readInteger(c, capacity);
  if (ttl !== undefined) {
    limits.maxTtl = readInteger(c, ttl);
    if (limits.maxTtl <= 0) c.err(`cache TTL can not be zero or negative: ${limits.maxTtl}`);
  }
  if (minTtl !== undefined) {
    limits.minTtl = readInteger(c, minTtl);
    if (limits.minTtl < 0) c.err(`cache min TTL can not be negative: ${limits.minTtl}`);
  }
}

/** `AMOUNT [DURATION [PERCENTAGE%]]` */
function readPrefetch(c: Controller, o: Draft): void {
  const [amountText = '', durationText, percentageText] = c.args(1, 3);
  const amount = readInteger(c, amountText);
  if (amount < 0) c.err(`prefetch amount should be positive: ${amount}`);
  const durationMs = durationText === undefined ? 60_000 : c.duration(durationText);
  let percentage = 10;
  if (percentageText !== undefined) {
    const last = percentageText.slice(-1);
    if (last !== '%') c.err(`last character of percentage should be \`%\`, but is: '${last}'`);
    percentage = readInteger(c, percentageText.slice(0, -1));
    if (percentage < 10 || percentage > 90) c.err(`percentage should fall in range [10, 90]: ${percentage}`);
  }
  o.prefetch = { amount, durationMs, percentage };
}

function readServeStale(c: Controller, o: Draft): void {
  const [upTo, modeText, ...times] = c.args(0, 5);
  const upToMs = upTo === undefined ? 3_600_000 : c.duration(upTo);
  if (upToMs < 0) c.err('invalid negative duration for serve_stale');
  const mode = modeText?.toLowerCase() ?? 'immediate';
  if (mode !== 'immediate' && mode !== 'verify') c.err(`invalid value for serve_stale refresh mode: ${mode}`);
  const verify = mode === 'verify';
  if (!verify && times.length > 2) c.argErr();
  const [timeout = 0, ttlMs = 0, recheckMs = 0] = (verify ? times : ['0', ...times]).map((text) => c.duration(text));
  if (timeout < 0) c.err('invalid negative timeout for serve_stale verify');
  if (ttlMs < 0) c.err('invalid negative response TTL for serve_stale');
  if (ttlMs % 1000 !== 0) c.err('serve_stale response TTL must be a whole number of seconds');
  if (ttlMs / 1000 > MAX_TTL) c.err('serve_stale response TTL exceeds the DNS TTL range');
  if (recheckMs < 0) c.err('invalid negative failure recheck for serve_stale');
  if (recheckMs > MAX_RECHECK_MS) c.err('serve_stale failure recheck cannot exceed 5 minutes');
  o.serveStale = { upToMs, verify, verifyTimeoutMs: timeout, ttl: ttlMs / 1000, recheckMs };
}

function readInteger(c: Controller, text: string): number {
  const n = parseInteger(text);
  if (n === undefined) c.err(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  return n ?? 0;
}
