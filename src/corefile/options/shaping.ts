import type { Network } from '../addresses.ts';
import { parseNetwork } from '../addresses.ts';
import { Controller, parseInteger } from '../controller.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';

const FLAGS = ['aa', 'ra', 'rd'] as const;

/** A line of `header`: which flags of the query or the reply are set or cleared. */
export interface HeaderRule {
  readonly on: 'query' | 'response';
  readonly action: 'set' | 'clear';
  readonly flags: readonly (typeof FLAGS)[number][];
}

/** `dns64 [PREFIX] { translate_all; prefix PREFIX; allow_ipv4 }` */
export interface Dns64Options {
  readonly prefix: Network;
  /** Are AAAA records made where there are real ones? */
  readonly translateAll: boolean;
  readonly allowIpv4: boolean;
}

/** `erratic { drop [N]; truncate [N]; delay [N [DUR]]; large }`: each Nth query; 0: none. */
export interface ErraticOptions {
  readonly drop: number;
  readonly truncate: number;
  readonly delay: number;
  readonly delayMs: number;
  readonly large: boolean;
}

/** `view NAME { expr E }` */
export interface ViewOptions {
  readonly name: string;
  /** All must hold. */
  readonly expressions: readonly string[];
}

/** `header { [query|response] set|clear FLAG… }`, all stanzas together. */
export function parseHeader(stanzas: readonly Directive[]): Outcome<HeaderRule[]> {
  const c = new Controller('header', stanzas);
  const rules: HeaderRule[] = [];
  while (c.next()) {
    c.noArgs();
    const before = rules.length;
    while (c.nextBlock()) {
      const words = [c.value, ...c.remainingArgs()].map((word) => word.toLowerCase());
      const on = words[0] === 'set' || words[0] === 'clear' ? 'response' : words.shift();
      const action = words.shift();
      if (on !== 'query' && on !== 'response') c.err(`invalid selector=${on} should be query or response`);
      else if (action !== 'set' && action !== 'clear')
        c.err(
          action === undefined ? 'no flag action provided' : `unknown flag action=${action}, should be set or clear`,
        );
      else rules.push({ on, action, flags: readFlags(c, words) });
    }
    if (rules.length === before) c.argErr();
  }
  return c.finish(rules);
}

function readFlags(c: Controller, words: readonly string[]): (typeof FLAGS)[number][] {
  if (words.length === 0) c.err('invalid length for flags, at least one should be provided');
  return words.flatMap((word) => {
    const flag = FLAGS.find((f) => f === word);
    if (!flag) c.err(`unknown/unsupported flag=${word}`);
    return flag ?? [];
  });
}

/** `local { localhost_prefix on|off }` */
export function parseLocal(stanzas: readonly Directive[]): Outcome<{ readonly localhostPrefix: boolean }> {
  const c = new Controller('local', stanzas);
  let localhostPrefix = true;
  while (c.next()) {
    c.noArgs();
    while (c.nextBlock()) {
      if (c.value !== 'localhost_prefix') c.unknownProperty();
      const word = c.oneArg();
      if (word !== 'on' && word !== 'off') c.err(`localhost_prefix must be on or off: '${word}'`);
      localhostPrefix = word === 'on';
    }
  }
  return c.finish({ localhostPrefix });
}

const PREFIX_LENGTHS = [32, 40, 48, 56, 64, 96];
const WELL_KNOWN_PREFIX = parseNetwork('64:ff9b::/96') as Network;

export function parseDns64(stanzas: readonly Directive[]): Outcome<Dns64Options> {
  const c = new Controller('dns64', stanzas);
  let prefix = WELL_KNOWN_PREFIX;
  let translateAll = false;
  let allowIpv4 = false;
  while (c.next()) {
    const [text] = c.args(0, 1);
    if (text !== undefined) prefix = readPrefix(c, text);
    while (c.nextBlock()) {
      if (c.value === 'prefix') prefix = readPrefix(c, c.oneArg());
      else if (c.value === 'translate_all') translateAll = c.bare();
      else if (c.value === 'allow_ipv4') allowIpv4 = c.bare();
      else c.unknownProperty();
    }
  }
  return c.finish({ prefix, translateAll, allowIpv4 });
}

function readPrefix(c: Controller, text: string): Network {
  const network = parseNetwork(text);
  if (network?.bytes.length !== 16) c.err(`invalid prefix ${JSON.stringify(text)}`);
  else if (!PREFIX_LENGTHS.includes(network.prefix)) c.err(`invalid prefix length ${network.prefix}`);
  return network ?? WELL_KNOWN_PREFIX;
}

export function parseErratic(stanzas: readonly Directive[]): Outcome<ErraticOptions> {
  const c = new Controller('erratic', stanzas);
  let drop: number | undefined;
  let truncate = 0;
  let delay = 0;
  let delayMs = 100;
  let large = false;
  while (c.nextOnly()) {
    while (c.nextBlock()) {
      if (c.value === 'drop') drop = readAmount(c, c.args(0, 1)[0]);
      else if (c.value === 'truncate') truncate = readAmount(c, c.args(0, 1)[0]);
      else if (c.value === 'delay') {
        const [amount, duration] = c.args(0, 2);
        delay = readAmount(c, amount);
        if (duration !== undefined) delayMs = c.duration(duration);
      } else if (c.value === 'large') {
        c.noArgs();
        large = true;
      } else c.unknownProperty();
    }
  }
  return c.finish({ drop: drop ?? (delay > 0 || truncate > 0 ? 0 : 2), truncate, delay, delayMs, large });
}

function readAmount(c: Controller, text: string | undefined): number {
  if (text === undefined) return 2;
  const n = parseInteger(text);
  if (n === undefined || n < 0) c.err(`illegal amount value given ${JSON.stringify(text)}`);
  return n ?? 0;
}

export function parseView(stanzas: readonly Directive[]): Outcome<ViewOptions> {
  const c = new Controller('view', stanzas);
  let name = '';
  const expressions: string[] = [];
  while (c.nextOnly()) {
    name = c.oneArg();
    while (c.nextBlock()) {
      if (c.value === 'expr') expressions.push(c.args(1).join(' '));
      else c.unknownProperty();
    }
  }
  return c.finish({ name, expressions });
}
