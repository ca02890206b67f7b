import type { DomainName } from '../../dns/name.ts';
import type { BlockContext } from '../controller.ts';
import { Controller, parseInteger } from '../controller.ts';
import { normalizeZones } from '../keys.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';

/** `cookie { secret HEX…; secrets FILE; rotate DUR; require }`: zonelog's own. */
export interface CookieOptions {
  /** Of 16 octets each, as hexadecimal digits; the first one makes cookies, all are accepted. */
  readonly secrets: readonly string[];
  /** With more of them, relative to `root`; read again when it changes. */
  readonly secretFile: string | undefined;
  /** How long a secret of the server's own is used, where none is given. */
  readonly rotateMs: number;
  /** A client that knows cookies gets an answer by UDP only for a good one. */
  readonly isRequired: boolean;
}

/** The kinds of responses that are limited apart. */
export type ResponseKind = 'responses' | 'nodata' | 'nxdomains' | 'referrals' | 'errors';

/** `rrl [ZONES…] { … }`, with the options of the plugin of that name for CoreDNS, once. */
export interface RrlOptions {
  readonly zones: readonly DomainName[];
  /** Seconds. */
  readonly window: number;
  /** Bits of a client's address that make its account. */
  readonly ipv4Prefix: number;
  readonly ipv6Prefix: number;
  /** In a second; 0: no limit. */
  readonly perSecond: Readonly<Record<ResponseKind, number>>;
  readonly requestsPerSecond: number;
  /** Every nth response over the limit is sent, truncated; 0: none. */
  readonly slipRatio: number;
  readonly maxTableSize: number;
  readonly isReportOnly: boolean;
}

const DEFAULT_ROTATE_MS = 86_400_000;

export function parseCookie(stanzas: readonly Directive[]): Outcome<CookieOptions> {
  const c = new Controller('cookie', stanzas);
  const secrets: string[] = [];
  let secretFile: string | undefined;
  let rotateMs = DEFAULT_ROTATE_MS;
  let isRequired = false;
  while (c.nextOnly()) {
    c.noArgs();
    while (c.nextBlock()) {
      if (c.value === 'secret') secrets.push(...c.args(1).map((text) => readSecret(c, text)));
      else if (c.value === 'secrets') secretFile = c.oneArg();
      else if (c.value === 'rotate') {
        rotateMs = c.duration(c.oneArg());
        // A cookie is good for an hour: it must not see more than one change (RFC 9018 §5).
        if (rotateMs < 3_600_000) c.err('rotate must be at least 1h');
      } else if (c.value === 'require') {
        c.noArgs();
        isRequired = true;
      } else c.unknownProperty();
    }
  }
  return c.finish({ secrets, secretFile, rotateMs, isRequired });
}

function readSecret(c: Controller, text: string): string {
  if (!/^[0-9a-f]{32}$/i.test(text)) c.err('a secret has 32 hexadecimal digits');
  return text.toLowerCase();
}

export function parseRrl(stanzas: readonly Directive[], block: BlockContext): Outcome<RrlOptions> {
  const c = new Controller('rrl', stanzas);
  let zones: readonly DomainName[] = [];
  const numbers = {
    window: 15,
    'ipv4-prefix-length': 24,
    'ipv6-prefix-length': 56,
    'slip-ratio': 0,
    'max-table-size': 100_000,
  };
  const allowances = new Map<string, number>();
  let isReportOnly = false;
  while (c.nextOnly()) {
    zones = normalizeZones(c.remainingArgs(), block.zones);
    while (c.nextBlock()) {
      const name = c.value;
      if (isAllowance(name)) allowances.set(name, readAllowance(c));
      else if (name === 'report-only') {
        c.noArgs();
        isReportOnly = true;
      } else if (Object.hasOwn(RANGES, name)) {
        const key = name as keyof typeof numbers;
        numbers[key] = readInRange(c, key);
      } else c.unknownProperty();
    }
  }
  const responses = allowances.get('responses-per-second') ?? 0;
  return c.finish({
    zones,
    window: numbers.window,
    ipv4Prefix: numbers['ipv4-prefix-length'],
    ipv6Prefix: numbers['ipv6-prefix-length'],
    perSecond: {
      responses,
      nodata: allowances.get('nodata-per-second') ?? responses,
      nxdomains: allowances.get('nxdomains-per-second') ?? responses,
      referrals: allowances.get('referrals-per-second') ?? responses,
      errors: allowances.get('errors-per-second') ?? responses,
    },
    requestsPerSecond: allowances.get('requests-per-second') ?? 0,
    slipRatio: numbers['slip-ratio'],
    maxTableSize: numbers['max-table-size'],
    isReportOnly,
  });
}

const RANGES = {
  window: [1, 3600],
  'ipv4-prefix-length': [1, 32],
  'ipv6-prefix-length': [1, 128],
  'slip-ratio': [0, 10],
  'max-table-size': [1, 10_000_000],
} as const;

function isAllowance(name: string): boolean {
  return /^(?:responses|nodata|nxdomains|referrals|errors|requests)-per-second$/.test(name);
}

function readInRange(c: Controller, name: keyof typeof RANGES): number {
  const text = c.oneArg();
  const n = parseInteger(text);
  const [least, most] = RANGES[name];
  if (n === undefined) c.err(`${name} invalid value: '${text}'`);
  else if (n < least || n > most) c.err(`${name} must be between ${least} and ${most}`);
  return n ?? least;
}

/** A number that need not be whole. */
function readAllowance(c: Controller): number {
  const name = c.value;
  const text = c.oneArg();
  if (!/^-?\d{1,9}(?:\.\d{1,6})?$/.test(text)) c.err(`${name} invalid value: '${text}'`);
  const n = Number(text);
  if (n < 0) c.err(`${name} cannot be negative`);
  return n;
}
