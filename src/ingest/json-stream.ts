/**
 * The two shapes in which an API server sends many objects, taken apart as they arrive: a watch is one JSON text a line,
 * a list is one JSON object with its items inside. Neither is ever in memory as a whole.
 */
import { fail, ok, type Result } from '../errors.ts';

/** Octets that one object may have. etcd takes 1.5 million. */
export const MAX_OBJECT = 16 * 1024 * 1024;
/** Octets around the items of a list. */
const MAX_ENVELOPE = 1024 * 1024;

/** Splits a stream into lines. */
export class LineSplitter {
  readonly #limit: number;
  #rest: Uint8Array[] = [];
  #length = 0;

  constructor(limit = MAX_OBJECT) {
    this.#limit = limit;
  }

  /** Octets of a line that has not ended. */
  get pending(): number {
    return this.#length;
  }

  /** @returns the lines that end in this chunk, or the reason why the stream is of no use any more */
  push(chunk: Buffer): Result<string[], string> {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      lines.push(this.#take(chunk.subarray(start, end)));
      start = end + 1;
    }
    if (start < chunk.length) {
      this.#rest.push(chunk.subarray(start));
      this.#length += chunk.length - start;
    }
    if (this.#length > this.#limit) return fail(`a line is longer than ${this.#limit} octets`);
    return ok(lines);
  }

  #take(end: Buffer): string {
    if (this.#rest.length === 0) return end.toString('utf8');
    const line = Buffer.concat([...this.#rest, end]).toString('utf8');
    this.#rest = [];
    this.#length = 0;
    return line;
  }
}

/** Octets of a list up to which it is parsed as a whole, which is faster. A page is 1 or 2 million. */
const WHOLE_UP_TO = 8 * 1024 * 1024;

/** What stands around the items of a list. */
export interface ListEnvelope {
  readonly resourceVersion: string;
  /** Where the next page begins; empty when there is none. */
  readonly next: string;
}

const QUOTE = 34;
const COMMA = 44;
const BACKSLASH = 92;
const OPEN_ARRAY = 91;
const CLOSE_ARRAY = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

/** Depth of brackets around the items of `{"items": [ … ]}`. */
const AMONG_ITEMS = 2;

/** Takes the items out of a list as it arrives. */
export class ListParser {
  /** Everything but the items. */
  #envelope: Buffer[] = [];
  #envelopeLength = 0;
  /** What has arrived of the item in progress. */
  #item: Buffer[] = [];
  #itemLength = 0;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** The last string directly inside the list object, as far as it matters: a member's name, when a bracket follows. */
  #name = '';
  #isInItems = false;
  #problem: string | undefined;

  /** @returns the items that end in this chunk (undefined for one that was too large), or why the list is of no use */
  push(chunk: Buffer): Result<unknown[], string> {
    const objects: unknown[] = [];
    /** Where in this chunk the envelope, or the item in progress, goes on. */
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const octet = chunk[i];
      if (this.#isInString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (octet === BACKSLASH) this.#isEscaped = true;
        else if (octet === QUOTE) this.#isInString = false;
        else if (this.#depth === 1 && this.#name.length < 8) this.#name += String.fromCharCode(octet ?? 0);
        continue;
      }
      switch (octet) {
        case QUOTE:
          this.#isInString = true;
          if (this.#depth === 1) this.#name = '';
          if (this.#isAmongItems) this.#problem ??= 'an item is no object';
          break;
        case OPEN_OBJECT:
        case OPEN_ARRAY:
          if (this.#isAmongItems) {
            if (octet === OPEN_ARRAY) this.#problem ??= 'an item is no object';
            start = i;
          }
          this.#depth += 1;
          if (this.#depth === AMONG_ITEMS && octet === OPEN_ARRAY && this.#name === 'items') {
            this.#keepEnvelope(chunk.subarray(start, i + 1));
            this.#isInItems = true;
            start = i + 1;
          }
          break;
        case CLOSE_OBJECT:
        case CLOSE_ARRAY:
          if (this.#isAmongItems) {
            this.#isInItems = false;
            start = i;
          }
          this.#depth -= 1;
          if (this.#isAmongItems) {
            this.#keepItem(chunk.subarray(start, i + 1));
            objects.push(this.#takeItem());
          }
          if (this.#depth < 0) this.#problem ??= 'a bracket too many';
          break;
        case COMMA:
        case 32:
        case 10:
        case 13:
        case 9:
          break;
        default:
          if (this.#isAmongItems) this.#problem ??= 'an item is no object';
      }
    }
    if (!this.#isInItems) this.#keepEnvelope(chunk.subarray(start));
    else if (!this.#isAmongItems) this.#keepItem(chunk.subarray(start));
    return this.#problem === undefined ? ok(objects) : fail(this.#problem);
  }

  /** To be called when the body has ended. */
  end(): Result<ListEnvelope, string> {
    if (this.#problem !== undefined) return fail(this.#problem);
    if (this.#depth !== 0 || this.#envelopeLength === 0) return fail('the list ends before its end');
    const list = readList(Buffer.concat(this.#envelope));
    return list.ok ? ok(list.value.envelope) : list;
  }

  get #isAmongItems(): boolean {
    return this.#isInItems && this.#depth === AMONG_ITEMS;
  }

  #keepEnvelope(part: Buffer): void {
    this.#envelopeLength += part.length;
    if (this.#envelopeLength > MAX_ENVELOPE) this.#problem ??= `more than ${MAX_ENVELOPE} octets around the items`;
    else if (part.length > 0) this.#envelope.push(part);
  }

  #keepItem(part: Buffer): void {
    this.#itemLength += part.length;
    if (this.#itemLength > MAX_OBJECT) this.#item = [];
    else this.#item.push(part);
  }

  #takeItem(): unknown {
    const parts = this.#item;
    const length = this.#itemLength;
    this.#item = [];
    this.#itemLength = 0;
    if (length > MAX_OBJECT) return undefined;
    const only = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    const object = parse(only?.toString('utf8') ?? '');
    if (object === undefined) this.#problem ??= 'an item is not JSON';
    return object;
  }
}

/** Takes the items out of a list: at its end, or as it arrives where it is too large for that. */
export class ListReader {
  readonly #wholeUpTo: number;
  #parts: Buffer[] = [];
  #length = 0;
  #parser: ListParser | undefined;

  constructor(wholeUpTo = WHOLE_UP_TO) {
    this.#wholeUpTo = wholeUpTo;
  }

  /** @returns items so far, or why the list is of no use */
  push(chunk: Buffer): Result<unknown[], string> {
    if (this.#parser) return this.#parser.push(chunk);
    this.#parts.push(chunk);
    this.#length += chunk.length;
    if (this.#length <= this.#wholeUpTo) return ok([]);
    this.#parser = new ListParser();
    const objects: unknown[] = [];
    for (const part of this.#parts) {
      const pushed = this.#parser.push(part);
      if (!pushed.ok) return pushed;
      for (const object of pushed.value) objects.push(object);
    }
    this.#parts = [];
    return ok(objects);
  }

  /** To be called when the body has ended. @returns the remaining items */
  end(): Result<{ readonly objects: readonly unknown[]; readonly envelope: ListEnvelope }, string> {
    if (!this.#parser) return readList(Buffer.concat(this.#parts));
    const envelope = this.#parser.end();
    return envelope.ok ? ok({ objects: [], envelope: envelope.value }) : envelope;
  }
}

/** A whole list, or one whose items were taken out. */
function readList(
  octets: Buffer,
): Result<{ readonly objects: readonly unknown[]; readonly envelope: ListEnvelope }, string> {
  const list = parse(octets.toString('utf8'));
  if (!isRecord(list)) return fail('not a JSON object, or the list ends before its end');
  const { kind, metadata, items } = list;
  if (typeof kind === 'string' && !kind.endsWith('List')) return fail(`a ${kind.slice(0, 40)} in the place of a list`);
  if (items !== null && !Array.isArray(items)) return fail('a list without items');
  const objects: readonly unknown[] = items ?? [];
  if (!objects.every(isRecord)) return fail('an item is no object');
  const version = isRecord(metadata) ? metadata.resourceVersion : undefined;
  if (typeof version !== 'string' || version === '') return fail('a list without resourceVersion');
  const next = isRecord(metadata) && typeof metadata.continue === 'string' ? metadata.continue : '';
  return ok({ objects, envelope: { resourceVersion: version, next } });
}

/** Parsed JSON; undefined when it is none. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
