import { splitHostPort } from '../addresses.ts';
import { Controller } from '../controller.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';

/** `health [ADDR] { lameduck DUR }` */
export interface HealthOptions {
  /** `HOST:PORT`; the host may be empty. */
  readonly address: string;
  readonly lameduckMs: number;
}

/** `ready [ADDR] { monitor until-ready|continuously }` */
export interface ReadyOptions {
  readonly address: string;
  readonly monitor: 'until-ready' | 'continuously';
}

/** `prometheus [ADDR] { runtime_metrics; tls FILE }` */
export interface PrometheusOptions {
  readonly address: string;
  readonly runtimeMetrics: boolean;
  /** A web configuration of Prometheus' exporters; absent: plain HTTP. */
  readonly webConfig?: string;
}

/** `reload [INTERVAL [JITTER]]` */
export interface ReloadOptions {
  /** 0: switched off. */
  readonly intervalMs: number;
  readonly jitterMs: number;
}

export function parseHealth(stanzas: readonly Directive[]): Outcome<HealthOptions> {
  const c = new Controller('health', stanzas);
  let address = ':8080';
  let lameduckMs = 0;
  while (c.next()) {
    address = readListenAddress(c, address);
    while (c.nextBlock()) {
      if (c.value === 'lameduck') {
        const text = c.oneArg();
        lameduckMs = c.duration(text, (why) => `unable to parse lameduck duration value: '${text}' : ${why}`);
      } else c.argErr();
    }
  }
  return c.finish({ address, lameduckMs });
}

export function parseReady(stanzas: readonly Directive[]): Outcome<ReadyOptions> {
  const c = new Controller('ready', stanzas);
  let address = ':8181';
  let monitor: ReadyOptions['monitor'] = 'until-ready';
  while (c.nextOnly()) {
    address = readListenAddress(c, address);
    while (c.nextBlock()) {
      if (c.value === 'monitor') {
        const text = c.oneArg();
        if (text === 'until-ready' || text === 'continuously') monitor = text;
        else c.err(`monitor must be until-ready or continuously: '${text}'`);
      } else c.argErr();
    }
  }
  return c.finish({ address, monitor });
}

export function parsePrometheus(stanzas: readonly Directive[]): Outcome<PrometheusOptions> {
  const c = new Controller('prometheus', stanzas);
  let address = 'localhost:9153';
  let runtimeMetrics = false;
  let webConfig: string | undefined;
  while (c.nextOnly()) {
    address = readListenAddress(c, address);
    while (c.nextBlock()) {
      if (c.value === 'runtime_metrics') runtimeMetrics = c.bare();
      else if (c.value === 'tls') {
        if (webConfig !== undefined) c.err('tls block already specified');
        webConfig = c.oneArg();
      } else c.err(`unknown option: ${c.value}`);
    }
  }
  return c.finish({ address, runtimeMetrics, ...(webConfig !== undefined && { webConfig }) });
}

export function parseReload(stanzas: readonly Directive[]): Outcome<ReloadOptions> {
  const c = new Controller('reload', stanzas.slice(0, 1));
  let intervalMs = 30_000;
  let jitterMs = 15_000;
  while (c.nextOnly()) {
    const [interval, jitter] = c.args(0, 2);
    if (interval !== undefined) intervalMs = c.duration(interval);
    if (intervalMs !== 0 && intervalMs < 2000) c.err('interval value must be greater or equal to 2s');
    if (jitter !== undefined) jitterMs = c.duration(jitter);
    if (jitterMs !== 0 && jitterMs < 1000) c.err('jitter value must be 0 or greater or equal to 1s');
    c.noOptions();
  }
  return c.finish({ intervalMs, jitterMs: Math.min(jitterMs, intervalMs / 2) });
}

/** `root PATH`, the last one: the directory that files of other directives are relative to. */
export function parseRoot(stanzas: readonly Directive[]): Outcome<string> {
  const c = new Controller('root', stanzas);
  let path = '';
  while (c.next()) {
    path = c.oneArg();
    c.noBlock();
  }
  return c.finish(path);
}

/** `debug`: it is there or not. */
export function parseDebug(stanzas: readonly Directive[]): Outcome<true> {
  return parseBare('debug', stanzas);
}

/** A directive without arguments and options. */
export function parseBare(name: string, stanzas: readonly Directive[]): Outcome<true> {
  const c = new Controller(name, stanzas);
  while (c.next()) {
    c.noArgs();
    c.noBlock();
  }
  return c.finish(true);
}

function readListenAddress(c: Controller, fallback: string): string {
  const [address] = c.args(0, 1);
  if (address === undefined) return fallback;
  const split = splitHostPort(address);
  if (typeof split === 'string') c.err(split);
  return address;
}
