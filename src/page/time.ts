/** Moments and spans as people read them. Moments are in the time zone of the reader; their title is UTC. */

const two = (n: number) => String(n).padStart(2, '0');

/** `2026-11-21 02:45:07`, in local time. */
export function localText(time: string | number): string {
  const date = new Date(time);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `+01:00`: how far local time is ahead of UTC. */
export function offsetText(time: string | number): string {
  const minutes = -new Date(time).getTimezoneOffset();
  const size = Math.abs(minutes);
  return minutes === 0 ? 'UTC' : `UTC${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

const UNITS: readonly (readonly [milliseconds: number, name: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
];

/** `3 d 4 h`, `12 min`, `5.2 s`, `80 ms`: the two largest units. */
export function spanText(milliseconds: number): string {
  const size = Math.max(0, milliseconds);
  if (size < 1000) return `${Math.round(size)} ms`;
  if (size < 10_000) return `${(size / 1000).toFixed(1)} s`;
  const at = UNITS.findIndex(([unit]) => size >= unit);
  const [unit, name] = UNITS[at] ?? [1000, 's'];
  const whole = Math.floor(size / unit);
  const [smaller, smallerName] = UNITS[at + 1] ?? [0, ''];
  const rest = smaller === 0 ? 0 : Math.floor((size - whole * unit) / smaller);
  return rest === 0 || whole >= 10 ? `${whole} ${name}` : `${whole} ${name} ${rest} ${smallerName}`;
}

/** `12 min ago`. */
export function agoText(time: string | number, now: number): string {
  const span = now - new Date(time).getTime();
  return span < 1500 ? 'just now' : `${spanText(span)} ago`;
}

/**
 * A moment as people type it: RFC 3339, `-15m` and serials as they are; a local `2026-11-21 02:45` gets its zone.
 * @returns undefined for an empty text: now
 */
export function momentOf(text: string): string | undefined {
  const word = text.trim();
  if (word === '' || word === 'now') return undefined;
  if (/^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(word)) {
    const time = new Date(word.replace(' ', 'T'));
    if (!Number.isNaN(time.getTime())) return time.toISOString();
  }
  return word;
}

/** A moment of the URL as it is shown. */
export function momentText(at: string | undefined): string {
  if (at === undefined) return 'now';
  return /^\d{4}-/.test(at) && !Number.isNaN(Date.parse(at)) ? localText(at) : at;
}

export function countText(n: number): string {
  return n.toLocaleString('en-US').replaceAll(',', ' ');
}

/** `1.4 MB`. */
export function octetsText(octets: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let size = octets;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}
