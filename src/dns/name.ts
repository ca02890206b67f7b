/**
 * Domain names.
 *
 * A `DomainName` is absolute, lower-case presentation text with a final dot. Labels may hold any byte (RFC 2181 §11):
 * a dot or backslash inside a label is written `\.` or `\\`, every byte outside printable ASCII as `\DDD`
 * (RFC 1035 §5.1). So equal names have equal text, and names can be keys of a Map.
 * The spelling of a query is kept apart, as bytes, for the echo.
 */

declare const brand: unique symbol;
export type DomainName = string & { readonly [brand]: 'DomainName' };

/** The root of the tree. */
export const ROOT = '.' as DomainName;

/** Octets that a label, and a whole name on the wire, may have (RFC 1035 §2.3.4). */
export const MAX_LABEL = 63;
export const MAX_NAME = 255;

const PLAIN = /^(?:[A-Za-z0-9_*-]{1,63}\.)+$/;

/**
 * Reads presentation text (with or without the final dot, any letter case, with RFC 1035 escapes). Characters beyond
 * ASCII are their octets in UTF-8.
 * @returns undefined when it is no legal name: an empty or too long label, a name over 255 octets, a broken escape.
 */
export function parseName(text: string): DomainName | undefined {
  if (text === '.') return ROOT;
  if (text === '') return undefined;
  const candidate = text.endsWith('.') ? text : `${text}.`;
  if (candidate.length < MAX_NAME && PLAIN.test(candidate)) return candidate.toLowerCase() as DomainName;
  const labels = parseLabels(Buffer.from(text, 'utf8').toString('latin1'));
  return labels && nameFromLabels(labels);
}

/** Splits presentation text, one character a byte, into labels of raw bytes; undefined when it is no legal name. */
function parseLabels(text: string): string[] | undefined {
  const labels: string[] = [];
  let label = '';
  let open = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if (c === '\\') {
      const digits = /^\d{3}/.exec(text.slice(i + 1, i + 4))?.[0];
      if (digits !== undefined) {
        const byte = Number(digits);
        if (byte > 255) return undefined;
        label += String.fromCharCode(byte);
        i += 3;
      } else {
        const next = text[i + 1];
        if (next === undefined) return undefined;
        label += next;
        i += 1;
      }
      open = true;
    } else if (c === '.') {
      if (label === '') return undefined;
      labels.push(label);
      label = '';
      open = false;
    } else {
      label += c;
      open = true;
    }
  }
  if (open) labels.push(label);
  return labels;
}

/**
 * Makes a name of raw labels (one character a byte), leftmost first.
 * @returns undefined when a label is empty or longer than 63 octets, or the name longer than 255.
 */
export function nameFromLabels(labels: readonly string[]): DomainName | undefined {
  if (labels.length === 0) return ROOT;
  let octets = 1;
  let text = '';
  for (const label of labels) {
    if (label.length === 0 || label.length > MAX_LABEL) return undefined;
    octets += label.length + 1;
    text += `${escapeLabel(label)}.`;
  }
  return octets > MAX_NAME ? undefined : (text as DomainName);
}

const PLAIN_LABEL = /^[a-z0-9_*-]*$/;

/** One raw label as canonical (lower-case, escaped) presentation text, without a dot. */
export function escapeLabel(label: string): string {
  if (PLAIN_LABEL.test(label)) return label;
  let out = '';
  for (let i = 0; i < label.length; i++) {
    let code = label.charCodeAt(i);
    if (code >= 65 && code <= 90) code += 32;
    if (code === 46 || code === 92) out += `\\${String.fromCharCode(code)}`;
    else if (code > 32 && code < 127 && !'"();@$'.includes(String.fromCharCode(code))) out += String.fromCharCode(code);
    else out += `\\${String(code).padStart(3, '0')}`;
  }
  return out;
}

/** Labels in canonical presentation text (still escaped), leftmost first; none for the root. */
export function labelsOf(name: DomainName): string[] {
  if (name === ROOT) return [];
  if (!name.includes('\\')) return name.slice(0, -1).split('.');
  const labels: string[] = [];
  let start = 0;
  for (let i = 0; i < name.length; i++) {
    if (name[i] === '\\') i += 1;
    else if (name[i] === '.') {
      labels.push(name.slice(start, i));
      start = i + 1;
    }
  }
  return labels;
}

/** Raw bytes (one character a byte) of a label in canonical presentation text. */
export function unescapeLabel(label: string): string {
  if (!label.includes('\\')) return label;
  return label.replace(/\\(\d{3}|.)/gs, (_, e: string) => (e.length === 3 ? String.fromCharCode(Number(e)) : e));
}

/** Is `child` equal to `parent` or below it? */
export function isSubdomain(child: DomainName, parent: DomainName): boolean {
  if (parent === ROOT) return true;
  if (!child.endsWith(parent)) return false;
  const at = child.length - parent.length;
  if (at === 0) return true;
  if (child[at - 1] !== '.') return false;
  let slashes = 0;
  for (let i = at - 2; i >= 0 && child[i] === '\\'; i--) slashes += 1;
  return slashes % 2 === 0;
}

/**
 * The labels of `name` above nothing and below `apex`, leftmost first.
 * @returns undefined when `name` is not at or below `apex`.
 */
export function labelsBelow(name: DomainName, apex: DomainName): string[] | undefined {
  if (!isSubdomain(name, apex)) return undefined;
  if (apex === ROOT) return labelsOf(name);
  const rest = name.slice(0, name.length - apex.length);
  return rest === '' ? [] : labelsOf(rest as DomainName);
}

/** `label` + `.` + `name`: no check of lengths; for labels that are known to be legal. */
export function childOf(label: string, name: DomainName): DomainName {
  return (name === ROOT ? `${label}.` : `${label}.${name}`) as DomainName;
}

/** The name without its leftmost label; undefined for the root. */
export function parentOf(name: DomainName): DomainName | undefined {
  if (name === ROOT) return undefined;
  const first = labelsOf(name)[0] as string;
  const rest = name.slice(first.length + 1);
  return (rest === '' ? '.' : rest) as DomainName;
}

/** Canonical order (RFC 4034 §6.1): label by label from the right, bytes as unsigned. Negative, zero or positive. */
export function compareNames(a: DomainName, b: DomainName): number {
  if (a === b) return 0;
  if (!a.includes('\\') && !b.includes('\\')) return comparePlainNames(a, b);
  const x = labelsOf(a);
  const y = labelsOf(b);
  for (let i = x.length - 1, j = y.length - 1; i >= 0 && j >= 0; i--, j--) {
    const order = compareLabels(x[i] as string, y[j] as string);
    if (order !== 0) return order;
  }
  return x.length - y.length;
}

/** As `compareNames`, of two different names without escapes: nothing is made, as zones are sorted by it. */
function comparePlainNames(a: string, b: string): number {
  if (a === ROOT) return -1;
  if (b === ROOT) return 1;
  // Before the final dot; from here to the left both are the same, and the label in hand ends here.
  let i = a.length - 2;
  let j = b.length - 2;
  let endA = i;
  let endB = j;
  while (i >= 0 && j >= 0 && a.charCodeAt(i) === b.charCodeAt(j)) {
    if (a.charCodeAt(i) === DOT) {
      endA = i - 1;
      endB = j - 1;
    }
    i -= 1;
    j -= 1;
  }
  // One is at or below the other.
  if (i < 0 && (j < 0 || b.charCodeAt(j) === DOT)) return -1;
  if (j < 0 && a.charCodeAt(i) === DOT) return 1;
  const startA = a.lastIndexOf('.', endA) + 1;
  const startB = b.lastIndexOf('.', endB) + 1;
  for (let at = 0; ; at++) {
    if (startA + at > endA) return -1;
    if (startB + at > endB) return 1;
    const order = a.charCodeAt(startA + at) - b.charCodeAt(startB + at);
    if (order !== 0) return order;
  }
}

const DOT = 46;

/** Canonical order of two labels in presentation text. */
export function compareLabels(a: string, b: string): number {
  if (a === b) return 0;
  const x = unescapeLabel(a);
  const y = unescapeLabel(b);
  return x < y ? -1 : x > y ? 1 : 0;
}
