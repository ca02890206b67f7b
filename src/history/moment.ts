/** Moments as operators write them: RFC 3339, `-15m`, or the serial of a zone. */
import type { Serial } from '../dns/serial.ts';
import { toSerial } from '../dns/serial.ts';
import { ok } from '../errors.ts';
import { type Answered, problem } from './problem.ts';

export type Moment =
  | { readonly kind: 'now' }
  /** Unix milliseconds. */
  | { readonly kind: 'time'; readonly time: number }
  | { readonly kind: 'serial'; readonly serial: Serial };

// A blank before the offset is what becomes of a plus in a URL.
const RFC_3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:([Zz])|([+ -])(\d\d):?(\d\d))$/;
const BASIC = /^(\d{4})(\d\d)(\d\d)[Tt](\d\d)(\d\d)(?:(\d\d)(?:\.(\d{1,9}))?)?([Zz])$/;
const AGO = /^(?:now)?-((?:\d{1,10}(?:ms|[smhdw]))+)$/;

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** As far back as RFC 3339 can tell; a Date ends before what `-9999999999w` would be. */
const EARLIEST = -62_167_219_200_000;

/** What the forms are, for messages. */
export const MOMENT_FORMS = `RFC 3339 (2026-11-21T02:45:00Z), how long ago (-15m, -1h30m, -2d) or a serial`;

/**
 * Reads a moment. `now` and an empty text are the newest one.
 * @param now Unix milliseconds
 * @returns `badInput` for what is none of the forms, `future` for a time after `now`
 */
export function parseMoment(text: string | undefined, now: number): Answered<Moment> {
  const word = text?.trim() ?? '';
  if (word === '' || word === 'now') return ok({ kind: 'now' });
  const ago = AGO.exec(word)?.[1];
  if (ago !== undefined) {
    let ms = 0;
    for (const [, amount, unit = ''] of ago.matchAll(/(\d+)(ms|[smhdw])/g))
      ms += Number(amount) * (UNIT_MS[unit] as number);
    return ok({ kind: 'time', time: Math.max(EARLIEST, Math.floor(now - ms)) });
  }
  if (/^\d{1,10}$/.test(word) && Number(word) < 2 ** 32) return ok({ kind: 'serial', serial: toSerial(Number(word)) });
  const time = parseTime(word);
  if (time === undefined) {
    // Whose time it is must be said: a guess would be hours off for one of two readers.
    const isLocal = parseTime(`${word}Z`) !== undefined;
    if (isLocal)
      return problem(
        'badInput',
        `${quote(word)}: no moment without a time zone: ${word}Z is UTC, ${word}+01:00 an hour ahead`,
      );
    return problem('badInput', `${quote(word)}: no moment: ${MOMENT_FORMS}`);
  }
  if (time > now) return problem('future', `${quote(word)} is in the future: it is ${new Date(now).toISOString()}`);
  return ok({ kind: 'time', time });
}

/** Unix milliseconds, rounded down; undefined for what is no RFC 3339 time (its basic form is taken too). */
export function parseTime(text: string): number | undefined {
  const match = RFC_3339.exec(text) ?? BASIC.exec(text);
  if (match === null) return undefined;
  const [
    ,
    year,
    month,
    day,
    hour,
    minute,
    second = '0',
    fraction = '',
    ,
    sign,
    offsetHours = '0',
    offsetMinutes = '0',
  ] = match;
  const fields = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [y, mo, d, h, mi, s] = fields;
  // A leap second is the second before it.
  const date = new Date(Date.UTC(2000, mo - 1, 1, h, mi, Math.min(s, 59), Number(`${fraction}000`.slice(0, 3))));
  // Years before 100 would be taken for those of the twentieth century.
  date.setUTCFullYear(y, mo - 1, d);
  const time = date.getTime();
  const isReal = date.getUTCMonth() === mo - 1 && date.getUTCDate() === d && h < 24 && mi < 60 && s <= 60;
  if (!isReal || Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return undefined;
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000;
  return sign === '-' ? time + offset : time - offset;
}

/** Text from outside, as part of a message of one line. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
