import { Controller, parseInteger } from '../controller.ts';
import { parseLongDuration } from '../durations.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';

/** `eventlog [FILE] { retain DURATION; snapshot N; max_size SIZE }`, once in a Corefile. */
export interface EventlogOptions {
  /** Of the log; undefined: where the log is when nobody says. */
  readonly file: string | undefined;
  /** How long events are kept; undefined: for ever. */
  readonly retain: Measure | undefined;
  /** Octets that the database may have; undefined: any number. */
  readonly maxSize: Measure | undefined;
  /** Events between two snapshots; undefined: as many as the server thinks. */
  readonly snapshotEvery: number | undefined;
}

/** A number with the text that it was given as, for messages. */
export interface Measure {
  /** Milliseconds, or octets. */
  readonly value: number;
  readonly text: string;
}

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };
const BINARY_UNITS: Readonly<Record<string, number>> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** A smaller limit would always be exceeded by the state alone. */
const LEAST_SIZE = 1e6;
const MOST_SNAPSHOT = 100_000_000;

export function parseEventlog(stanzas: readonly Directive[]): Outcome<EventlogOptions> {
  const c = new Controller('eventlog', stanzas);
  let options: EventlogOptions = { file: undefined, retain: undefined, maxSize: undefined, snapshotEvery: undefined };
  while (c.nextOnly()) {
    const [file] = c.args(0, 1);
    let { retain, maxSize, snapshotEvery } = options;
    while (c.nextBlock()) {
      if (c.value === 'retain') retain = once(c, retain, readRetain(c));
      else if (c.value === 'max_size') maxSize = once(c, maxSize, readSize(c));
      else if (c.value === 'snapshot') snapshotEvery = once(c, snapshotEvery, readSnapshot(c));
      else c.unknownProperty();
    }
    options = { file, retain, maxSize, snapshotEvery };
  }
  return c.finish(options);
}

function readRetain(c: Controller): Measure {
  const text = c.oneArg();
  const value = parseLongDuration(text);
  if (typeof value === 'string') c.err(`invalid retain: ${value}`);
  else if (!(value > 0)) c.err('retain must be more than 0');
  return { value: typeof value === 'string' ? 0 : value, text };
}

function readSize(c: Controller): Measure {
  const text = c.oneArg();
  const value = parseSize(text);
  if (value === undefined) c.err(`invalid max_size: ${JSON.stringify(text)}`);
  else if (value < LEAST_SIZE) c.err('max_size must be 1MB at least');
  return { value: value ?? 0, text };
}

/** Octets: `512MB`, `2GB` (powers of 1000), `2GiB` (of 1024), or digits alone. */
function parseSize(text: string): number | undefined {
  const [, digits, unit = '', binary] = /^(\d{1,6}(?:\.\d{1,3})?|\d{1,15})(?:([kmgt])(i?)b?)?$/i.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const units = binary ? BINARY_UNITS : SIZE_UNITS;
  return Math.floor(Number(digits) * (units[unit.toLowerCase()] ?? 1));
}

function readSnapshot(c: Controller): number {
  const text = c.oneArg();
  const value = parseInteger(text);
  if (value === undefined || value < 100 || value > MOST_SNAPSHOT)
    c.err(`snapshot takes a number of events from 100 to ${MOST_SNAPSHOT}: ${JSON.stringify(text)}`);
  return value ?? 0;
}

function once<T>(c: Controller, before: T | undefined, value: T): T {
  if (before !== undefined) c.err('given twice');
  return value;
}
