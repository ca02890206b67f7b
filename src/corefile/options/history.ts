import { isIPv4 } from 'node:net';
import { splitHostPort } from '../addresses.ts';
import type { BlockContext } from '../controller.ts';
import { Controller } from '../controller.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';

/** `history [ADDR] { token FILE; tls CERT KEY [CA] }`, once in a Corefile. */
export interface HistoryOptions {
  /** `HOST:PORT`; the host may be empty: all addresses. */
  readonly address: string;
  /** The file with the bearer token that every request must carry, relative to `root`. */
  readonly token: string | undefined;
  readonly tls: HistoryTls | undefined;
}

/** PEM files, relative to `root`. */
export interface HistoryTls {
  readonly cert: string;
  readonly key: string;
  /** Authorities: every client must show a certificate of theirs. */
  readonly ca: string | undefined;
}

export function parseHistory(stanzas: readonly Directive[], block: BlockContext): Outcome<HistoryOptions> {
  const c = new Controller('history', stanzas);
  let options: HistoryOptions = { address: 'localhost:9154', token: undefined, tls: undefined };
  while (c.nextOnly()) {
    let { address, token, tls } = options;
    const [asked] = c.args(0, 1);
    if (asked !== undefined) address = readAddress(c, asked);
    while (c.nextBlock()) {
      if (c.value === 'token') token = once(c, token, c.oneArg());
      else if (c.value === 'tls') tls = once(c, tls, readTls(c));
      else c.unknownProperty();
    }
    options = { address, token, tls };
    checkAccess(c, options, block);
  }
  return c.finish(options);
}

function readAddress(c: Controller, text: string): string {
  const split = splitHostPort(text);
  if (typeof split === 'string') c.err(split);
  return text;
}

function readTls(c: Controller): HistoryTls {
  const [cert = '', key = '', ca] = c.args(2, 3);
  return { cert, key, ca };
}

function once<T>(c: Controller, before: T | undefined, value: T): T {
  if (before !== undefined) c.err('given twice');
  return value;
}

/** Whoever can reach another machine's address must not thereby read what all clusters were. */
function checkAccess(c: Controller, { address, token, tls }: HistoryOptions, block: BlockContext): void {
  const split = splitHostPort(address);
  if (typeof split === 'string' || isLoopback(split.host)) return;
  if (token === undefined && tls?.ca === undefined) {
    c.stanzaErr(`'${address}' is no loopback address: 'token FILE' or 'tls CERT KEY CA' must say who may ask`);
  } else if (tls === undefined && !c.hasFailed) {
    block.warn(`plugin/history: the token goes to '${address}' unencrypted: 'tls CERT KEY' would hide it`);
  }
}

/** `localhost` and the addresses that never leave this machine. Of other names nobody can tell. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
