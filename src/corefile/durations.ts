const UNITS: ReadonlyMap<string, number> = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3],
  ['μs', 1e-3],
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

/** Days and weeks too: of 24 hours each. */
const LONG_UNITS: ReadonlyMap<string, number> = new Map([...UNITS, ['d', 86_400_000], ['w', 604_800_000]]);

/** 2⁶³ ns: what Go can count. */
const MAX_MS = 2 ** 63 / 1e6;

/**
 * Reads a duration in Go's notation (`1h30m`, `-1.5s`, `300ms`, `0`), in milliseconds.
 * @returns the reason, when it is none.
 */
export function parseGoDuration(text: string): number | string {
  return parseDuration(text, UNITS);
}

/** As `parseGoDuration`, with days and weeks: `30d`, `1w12h`. */
export function parseLongDuration(text: string): number | string {
  return parseDuration(text, LONG_UNITS);
}

function parseDuration(text: string, units: ReadonlyMap<string, number>): number | string {
  const sign = text.startsWith('-') ? -1 : 1;
  const body = text.replace(/^[+-]/, '');
  if (body === '0') return 0;
  const invalid = `time: invalid duration ${JSON.stringify(text)}`;
  if (body === '') return invalid;

  let total = 0;
  let rest = body;
  while (rest !== '') {
    const number = /^(\d+\.?\d*|\.\d+)/.exec(rest)?.[0];
    if (number === undefined) return invalid;
    rest = rest.slice(number.length);
    const unit = /^[^\d.]*/.exec(rest)?.[0] ?? '';
    if (unit === '') return `time: missing unit in duration ${JSON.stringify(text)}`;
    rest = rest.slice(unit.length);
    const scale = units.get(unit);
    if (scale === undefined) return `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`;
    total += Number(number) * scale;
    if (!(total < MAX_MS)) return invalid;
  }
  return sign * total;
}
