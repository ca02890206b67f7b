/**
 * A slice of a log as lines of JSON, in this order:
 *
 *   {"zonelog": "slice", "version": 1}            what it is
 *   {"base": {…}, "head": {…}}                    the state that it begins with, if it is not the log's own beginning
 *   {"part": {…}}  …                              the objects of that state
 *   {"whole": "…"}                                the SHA-256 of all lines so far: the base is whole
 *   {"batch": 7, "time": "…", "hash": "…", …}     a batch, and then each of its events:
 *   {"event": "ServiceUpserted", "key": "…", …}   with all facts as "body", or how they differ from those before
 *   {"end": {…}}                                  without it the slice was cut short
 *
 * The end has the SHA-256 of all lines before it, each with its line feed, and the serials that the zones had.
 */
import type { StoredBatch, StoredEvent } from '../ingest/log-slice.ts';

/** Of the lines. */
export const SLICE_VERSION = 1;

/** Where a slice begins. */
export interface SliceBase {
  readonly batch: number;
  readonly position: number;
  /** RFC 3339. */
  readonly time: string;
  /** Hex of the hash that the chain goes on from. */
  readonly anchor: string;
}

export interface SliceEnd {
  readonly batches: number;
  readonly events: number;
  /** Hex of the last batch's hash. */
  readonly head: string;
  /** The serials of all zones, as they were after a batch of the slice. */
  readonly published: { readonly upTo: number; readonly serials: Readonly<Record<string, number>> };
  /** Hex. */
  readonly sha256: string;
}

type Line = Readonly<Record<string, unknown>>;

/** The first line. */
export const HEADER: Line = { zonelog: 'slice', version: SLICE_VERSION };

export function batchLine({ batch, time, first, count, hash }: StoredBatch): Line {
  return { batch, time: new Date(time).toISOString(), first, count, hash: hash.toString('hex') };
}

/** A row; what comes out of `eventOfLine` is the same. */
export function eventLine(event: StoredEvent): Line {
  const { kind, cluster, object, key, body, checksum, schema, resourceVersion, manager } = event;
  return {
    event: kind,
    cluster,
    object,
    key,
    ...(body !== null && bodyOf(body)),
    ...(checksum !== null && { checksum }),
    schema,
    ...(resourceVersion !== null && { resourceVersion }),
    ...(manager !== null && { manager }),
  };
}

/** As JSON where the same text comes of it again; the hashes are over the text. */
function bodyOf(text: string): Line {
  const body: unknown = JSON.parse(text);
  return JSON.stringify(body) === text ? { body } : { text };
}

/** @returns undefined when it is no such line */
export function eventOfLine(line: Line): StoredEvent | undefined {
  const { event: kind, cluster, object, key, body, text, schema } = line;
  const { checksum = null, resourceVersion = null, manager = null } = line;
  if (typeof kind !== 'string' || typeof cluster !== 'string' || typeof object !== 'string') return undefined;
  if (typeof key !== 'string' || typeof schema !== 'number') return undefined;
  if (checksum !== null && typeof checksum !== 'number') return undefined;
  if (!isTextOrNull(resourceVersion) || !isTextOrNull(manager)) return undefined;
  if (text !== undefined && typeof text !== 'string') return undefined;
  const stored = text ?? (body === undefined ? null : JSON.stringify(body));
  return { kind, cluster, object, key, body: stored, checksum, schema, resourceVersion, manager };
}

/** @returns undefined when it is no such line */
export function batchOfLine({ batch, time, first, count, hash }: Line): Omit<StoredBatch, 'events'> | undefined {
  if (!isCount(batch) || !isCount(first) || !isCount(count)) return undefined;
  const at = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  if (Number.isNaN(at) || !isHash(hash)) return undefined;
  return { batch, time: at, first, count, hash: Buffer.from(hash, 'hex') };
}

/** @returns undefined when it is none */
export function baseOf(value: unknown): SliceBase | undefined {
  if (!isRecord(value)) return undefined;
  const { batch, position, time, anchor } = value;
  if (!isCount(batch) || !isCount(position) || !isHash(anchor)) return undefined;
  if (typeof time !== 'string' || Number.isNaN(Date.parse(time))) return undefined;
  return { batch, position, time, anchor };
}

/** @returns undefined when it is none */
export function endOf(value: unknown): SliceEnd | undefined {
  if (!isRecord(value)) return undefined;
  const { batches, events, head, published, sha256 } = value;
  if (!Number.isSafeInteger(batches) || !Number.isSafeInteger(events) || !isHash(head) || !isHash(sha256))
    return undefined;
  if (!isRecord(published) || typeof published.upTo !== 'number' || !isRecord(published.serials)) return undefined;
  return value as unknown as SliceEnd;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

export function isRecord(value: unknown): value is Line {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
