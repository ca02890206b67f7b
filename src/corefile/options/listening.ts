import { Controller, parseInteger } from '../controller.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';

/** `bind IP|IFACE… { except IP|IFACE… }`, all stanzas together. Which is an interface, only the host can say. */
export interface BindOptions {
  readonly addresses: readonly string[];
  readonly except: readonly string[];
}

/** `timeouts { read DUR; write DUR; idle DUR; maxtcpqueries N }`; undefined: the server's default. */
export interface TimeoutsOptions {
  readonly readMs: number | undefined;
  readonly writeMs: number | undefined;
  readonly idleMs: number | undefined;
  /** Queries on one TCP connection; −1: no limit. */
  readonly maxTcpQueries: number | undefined;
}

export function parseBind(stanzas: readonly Directive[]): Outcome<BindOptions> {
  const c = new Controller('bind', stanzas);
  const addresses: string[] = [];
  const except: string[] = [];
  while (c.next()) {
    const words = c.remainingArgs();
    if (words.length === 0) c.err('at least one address or interface name is expected');
    addresses.push(...words);
    while (c.nextBlock()) {
      if (c.value === 'except') {
        const names = c.remainingArgs();
        if (names.length === 0) c.err('at least one address or interface must be given to except subdirective');
        except.push(...names);
      } else c.err(`invalid option ${JSON.stringify(c.value)}`);
    }
  }
  return c.finish({ addresses: [...new Set(addresses)], except });
}

export function parseTimeouts(stanzas: readonly Directive[]): Outcome<TimeoutsOptions> {
  const c = new Controller('timeouts', stanzas);
  const options: { -readonly [K in keyof TimeoutsOptions]: TimeoutsOptions[K] } = {
    readMs: undefined,
    writeMs: undefined,
    idleMs: undefined,
    maxTcpQueries: undefined,
  };
  while (c.next()) {
    c.noArgs();
    let count = 0;
    for (; c.nextBlock(); count++) {
      const name = c.value;
      const text = c.oneArg();
      if (name === 'read') options.readMs = readTimeout(c, text);
      else if (name === 'write') options.writeMs = readTimeout(c, text);
      else if (name === 'idle') options.idleMs = readTimeout(c, text);
      else if (name === 'maxtcpqueries') options.maxTcpQueries = readMaxQueries(c, text);
      else c.err(`unknown option: '${name}'`);
    }
    if (count === 0) c.err('timeouts block with no timeouts specified');
  }
  return c.finish(options);
}

/** A bare number is in seconds. */
function readTimeout(c: Controller, text: string): number {
  const written = parseInteger(text) === undefined ? text : `${text}s`;
  const ms = c.duration(written, () => `failed to parse duration '${text}'`);
  if (ms < 1000 || ms > 86_400_000) c.err(`timeout provided '${text}' needs to be between 1 second and 24 hours`);
  return ms;
}

function readMaxQueries(c: Controller, text: string): number {
  const n = parseInteger(text);
  if (n === undefined || n < -1 || n === 0) c.err(`maxtcpqueries must be a positive number or -1: '${text}'`);
  return n ?? -1;
}

/** `multisocket [N]`: sockets for each port; undefined: as many as there are processors. */
export function parseMultisocket(stanzas: readonly Directive[]): Outcome<{ readonly sockets: number | undefined }> {
  const c = new Controller('multisocket', stanzas);
  let sockets: number | undefined;
  while (c.nextOnly()) {
    const [text] = c.args(0, 1);
    if (text !== undefined) {
      const n = parseInteger(text);
      if (n === undefined) c.err(`invalid num sockets: ${JSON.stringify(text)}`);
      else if (n < 1) c.err(`num sockets can not be zero or negative: ${n}`);
      else if (n > 1024) c.err(`num sockets exceeds maximum (1024): ${n}`);
      sockets = n;
    }
    c.noBlock();
  }
  return c.finish({ sockets });
}

/** `bufsize [N]`: the largest EDNS size that is honoured. */
export function parseBufsize(stanzas: readonly Directive[]): Outcome<number> {
  const c = new Controller('bufsize', stanzas);
  let size = 1232;
  while (c.next()) {
    const [text] = c.args(0, 1);
    if (text !== undefined) {
      const n = parseInteger(text);
      if (n === undefined || n < 512 || n > 4096) c.argErr();
      size = n ?? size;
    }
    c.noOptions();
  }
  return c.finish(size);
}

/** `nsid [DATA…]`; undefined: the name of the host. */
export function parseNsid(stanzas: readonly Directive[]): Outcome<{ readonly data: string | undefined }> {
  const c = new Controller('nsid', stanzas);
  let data: string | undefined;
  while (c.nextOnly()) {
    const words = c.remainingArgs();
    if (words.length > 0) data = words.join(' ');
    c.noBlock();
  }
  return c.finish({ data });
}
