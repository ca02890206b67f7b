/** From rows of the log to batches with whole facts. */
import { crc32 } from 'node:zlib';
import { fail, ok, type Result } from '../errors.ts';
import { applyDifference, BrokenDifference, canonicalJson } from './delta.ts';
import type { Batch, ClusterEvent, ClusterId, ObjectKind, Position } from './event.ts';
import { eventOf, type Facts, type StoredEvent } from './log-row.ts';
import type { BatchRow } from './log-tables.ts';

/**
 * The facts of an object as of all batches before the one that is being written or read; undefined when there is no
 * such object. Synchronous; asked once per event at most.
 */
export type PreviousFacts = (cluster: ClusterId, kind: ObjectKind, key: string) => Facts | undefined;

/** The first place where the log is not what was written. */
export interface Breach {
  readonly batch: number;
  readonly position?: Position;
  readonly problem: string;
}

/** The facts of all objects while a log is read from its start. */
export class KeptFacts {
  readonly #facts = new Map<string, Facts>();

  readonly get: PreviousFacts = (cluster, kind, key) => this.#facts.get(`${kind}\0${cluster}\0${key}`);

  fold(events: readonly ClusterEvent[]): void {
    for (const event of events) {
      if (!('object' in event)) continue;
      const name = `${event.object}\0${event.cluster}\0${event.key}`;
      if ('facts' in event) this.#facts.set(name, event.facts);
      else this.#facts.delete(name);
    }
  }
}

/** @param mode 'check' also compares what differences lead to with their checksums. */
export function decode(
  row: BatchRow,
  stored: readonly (StoredEvent & { readonly batch: number })[],
  previous: PreviousFacts,
  mode?: 'check',
): Result<Batch, Breach> {
  const { batch, time, first, count } = row;
  if (stored.length !== count) return fail({ batch, problem: `it has ${stored.length} events instead of ${count}` });
  const facts = new Map<string, Facts | undefined>();
  const events: ClusterEvent[] = [];
  for (const [index, event] of stored.entries()) {
    const name = `${event.object}\0${event.cluster}\0${event.key}`;
    const before = () =>
      facts.has(name) ? facts.get(name) : previous(event.cluster as ClusterId, event.object as ObjectKind, event.key);
    const content = contentOf(event, before, mode);
    const decoded = content.ok ? eventOf(event, content.value) : content;
    if (!decoded.ok) return fail({ batch, position: first + index, problem: decoded.error });
    if (event.batch !== batch)
      return fail({ batch, position: first + index, problem: `it is of batch ${event.batch}` });
    if ('object' in decoded.value) facts.set(name, 'facts' in decoded.value ? decoded.value.facts : undefined);
    events.push(decoded.value);
  }
  return ok({ batch, time, events });
}

/** What the body of an event holds or leads to. @param before the facts of its object before it */
export function contentOf(
  event: StoredEvent,
  before: () => Facts | undefined,
  mode?: 'check',
): Result<unknown, string> {
  if (event.body === null) return ok(undefined);
  try {
    const body: unknown = JSON.parse(event.body);
    if (event.checksum === null) return ok(body);
    const from = before();
    if (from === undefined) return fail('a difference to an object that is not there');
    const content = applyDifference(from, body);
    if (mode === 'check' && crc32(canonicalJson(content)) !== event.checksum) {
      return fail('its difference leads to other facts than when it was written');
    }
    return ok(content);
  } catch (error) {
    if (error instanceof SyntaxError) return fail('its body is not JSON');
    if (error instanceof BrokenDifference) return fail(error.message);
    throw error;
  }
}
