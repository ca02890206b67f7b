import type { DomainName } from '../../dns/name.ts';
import { parseName } from '../../dns/name.ts';
import { parseAddress } from '../addresses.ts';
import type { BlockContext } from '../controller.ts';
import { Controller, parseInteger } from '../controller.ts';
import { normalizeZones } from '../keys.ts';
import { rcodeNumber } from '../mnemonics.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';
import { readAddressPort } from './transfer-targets.ts';

/** A server to forward to, as far as it can be known without looking anything up. */
export type Upstream =
  | {
      readonly kind: 'address';
      readonly transport: 'dns' | 'tls';
      readonly address: string;
      readonly port: number;
      /** `tls://IP%NAME` */
      readonly serverName: string | undefined;
    }
  | { readonly kind: 'https'; readonly url: string }
  /** A file like resolv.conf, relative to `root`, or else the name of a host. */
  | { readonly kind: 'file' | 'name'; readonly text: string };

/** A stanza of `forward`. */
export interface ForwardOptions {
  /** Queries at or below it are forwarded. */
  readonly from: DomainName;
  readonly to: readonly Upstream[];
  readonly except: readonly DomainName[];
  readonly forceTcp: boolean;
  readonly preferUdp: boolean;
  readonly expireMs: number;
  readonly maxAgeMs: number | undefined;
  readonly maxIdleConns: number;
  readonly readTimeoutMs: number;
  readonly maxFails: number;
  readonly maxConnectAttempts: number | undefined;
  /** Files of `tls`, none to three; undefined without the option. */
  readonly tls: readonly string[] | undefined;
  readonly tlsServerName: string | undefined;
  readonly policy: 'random' | 'round_robin' | 'sequential';
  readonly healthCheck: { readonly intervalMs: number; readonly recursion: boolean; readonly domain: DomainName };
  /** 0: no limit. */
  readonly maxConcurrent: number;
  /** Response codes on which the next plugin is asked. */
  readonly next: readonly number[];
  readonly nextOnNodata: boolean;
  /** Response codes on which the next upstream is asked. */
  readonly failover: readonly number[];
  readonly failfastAllUnhealthy: boolean;
  readonly dohMethod: 'GET' | 'POST';
  readonly sourceAddress: string | undefined;
  /** Servers that look up the host names in `to`. */
  readonly resolver: readonly string[];
}

type Draft = { -readonly [K in keyof ForwardOptions]: ForwardOptions[K] };

const MAX_UPSTREAMS = 15;

/** `forward FROM TO… { … }`, repeatable. */
export function parseForward(stanzas: readonly Directive[], block: BlockContext): Outcome<ForwardOptions[]> {
  const c = new Controller('forward', stanzas);
  const all: ForwardOptions[] = [];
  while (c.next()) {
    const [fromText = '', ...texts] = c.args(2);
    const froms = normalizeZones([fromText]);
    if (froms.length === 0) c.err(`unable to normalize '${fromText}'`);
    if (froms.length > 1) {
      const used = `expands to multiple zones, using only '${froms[0]}'`;
      block.warn(`plugin/forward: Unsupported CIDR notation: '${fromText}' ${used}`);
    }
    if (texts.length > MAX_UPSTREAMS) c.err(`more than ${MAX_UPSTREAMS} TOs configured: ${texts.length}`);
    const to = texts.map((text) => readUpstream(c, text));
    const draft = defaults(froms[0] as DomainName, to);
    while (c.nextBlock()) readOption(c, draft);
    const { maxAgeMs, expireMs } = draft;
    if (maxAgeMs && maxAgeMs < expireMs)
      c.stanzaErr(`max_age (${maxAgeMs}ms) must not be less than expire (${expireMs}ms)`);
    all.push(draft);
  }
  return c.finish(all);
}

function defaults(from: DomainName, to: readonly Upstream[]): Draft {
  return {
    from,
    to,
    except: [],
    forceTcp: false,
    preferUdp: false,
    expireMs: 10_000,
    maxAgeMs: undefined,
    maxIdleConns: 0,
    readTimeoutMs: 2000,
    maxFails: 2,
    maxConnectAttempts: undefined,
    tls: undefined,
    tlsServerName: undefined,
    policy: 'random',
    healthCheck: { intervalMs: 500, recursion: true, domain: '.' as DomainName },
    maxConcurrent: 0,
    next: [],
    nextOnNodata: false,
    failover: [],
    failfastAllUnhealthy: false,
    dohMethod: 'POST',
    sourceAddress: undefined,
    resolver: [],
  };
}

function readUpstream(c: Controller, text: string): Upstream {
  if (text.startsWith('https://')) return { kind: 'https', url: text };
  const [, scheme, rest = text] = /^(dns|tls):\/\/(.*)$/s.exec(text) ?? [];
  const transport = scheme === 'tls' ? 'tls' : 'dns';
  const [, host = rest, serverName, port = ''] = /^(.*?)%([^:]*)(:\d+)?$/s.exec(rest) ?? [];
  const target = readAddressPort(transport === 'tls' ? host + port : rest, transport === 'tls' ? 853 : 53);
  if (target) {
    const name = transport === 'tls' ? serverName : undefined;
    return { kind: 'address', transport, address: target.host, port: target.port, serverName: name };
  }
  if (rest === '' || (scheme === undefined && /^\w+:\/\//.test(text))) c.err(`not an IP address or file: "${text}"`);
  return { kind: rest.includes('/') ? 'file' : 'name', text: scheme === 'tls' ? text : rest };
}

function readOption(c: Controller, o: Draft): void {
  const name = c.value;
  switch (name) {
    case 'except':
      o.except = [...o.except, ...normalizeZones(c.args(1))];
      break;
    case 'force_tcp':
      c.noArgs();
      o.forceTcp = true;
      break;
    case 'prefer_udp':
      c.noArgs();
      o.preferUdp = true;
      break;
    case 'expire':
      o.expireMs = readDuration(c, name);
      break;
    case 'max_age':
      o.maxAgeMs = readDuration(c, name);
      break;
    case 'max_idle_conns':
      o.maxIdleConns = readCount(c, name);
      break;
    case 'read_timeout':
      o.readTimeoutMs = readDuration(c, name);
      if (o.readTimeoutMs === 0) c.err('read_timeout must be positive: 0s');
      break;
    case 'max_fails':
      o.maxFails = readCount(c, name);
      break;
    case 'max_connect_attempts':
      o.maxConnectAttempts = readCount(c, name);
      break;
    case 'tls':
      o.tls = c.args(0, 3);
      break;
    case 'tls_servername':
      o.tlsServerName = c.oneArg();
      break;
    case 'policy': {
      const policy = c.oneArg();
      if (policy === 'random' || policy === 'round_robin' || policy === 'sequential') o.policy = policy;
      else c.err(`unknown policy '${policy}'`);
      break;
    }
    case 'health_check':
      o.healthCheck = readHealthCheck(c);
      break;
    case 'max_concurrent':
      o.maxConcurrent = readCount(c, name);
      break;
    case 'next':
      o.next = [...o.next, ...readRcodes(c)];
      break;
    case 'next_on_nodata':
      c.noArgs();
      o.nextOnNodata = true;
      break;
    case 'failover':
      o.failover = [...o.failover, ...readRcodes(c)];
      if (o.failover.includes(0)) c.err('NoError cannot be used in failover');
      break;
    case 'failfast_all_unhealthy_upstreams':
      c.noArgs();
      o.failfastAllUnhealthy = true;
      break;
    case 'doh_method': {
      const method = c.oneArg().toUpperCase();
      if (method === 'GET' || method === 'POST') o.dohMethod = method;
      else c.err(`unknown doh_method '${method}'`);
      break;
    }
    case 'source_address': {
      const text = c.oneArg();
      o.sourceAddress = parseAddress(text)?.text;
      if (o.sourceAddress === undefined) c.err(`invalid source_address: '${text}'`);
      break;
    }
    case 'resolver':
      o.resolver = c.args(1);
      break;
    default:
      c.unknownProperty();
  }
}

/** `DURATION [no_rec] [domain NAME]` */
function readHealthCheck(c: Controller): ForwardOptions['healthCheck'] {
  const [durationText = '', ...words] = c.args(1);
  const intervalMs = c.duration(durationText);
  if (intervalMs < 0) c.err(`health_check: can't be negative: ${durationText}`);
  let recursion = true;
  let domain = '.' as DomainName;
  while (words.length > 0 && !c.hasFailed) {
    const word = words.shift();
    if (word === 'no_rec') recursion = false;
    else if (word === 'domain') {
      const text = words.shift();
      const name = parseName(text ?? '');
      if (text === undefined) c.argErr();
      else if (name === undefined) c.err(`health_check: invalid domain name ${text}`);
      domain = name ?? domain;
    } else c.err(`health_check: unknown option ${word}`);
  }
  return { intervalMs, recursion, domain };
}

function readDuration(c: Controller, name: string): number {
  const text = c.oneArg();
  const ms = c.duration(text);
  if (ms < 0) c.err(`${name} can't be negative: ${text}`);
  return ms;
}

function readCount(c: Controller, name: string): number {
  const text = c.oneArg();
  const n = parseInteger(text);
  if (n === undefined) c.err(`${name} must be a whole number: '${text}'`);
  else if (n < 0) c.err(`${name} can't be negative: ${n}`);
  return n ?? 0;
}

function readRcodes(c: Controller): number[] {
  const codes: number[] = [];
  for (const word of c.args(1)) {
    const code = rcodeNumber(word.toUpperCase());
    if (code === undefined) c.err(`'${word}' is not a valid rcode`);
    else codes.push(code);
  }
  return codes;
}
