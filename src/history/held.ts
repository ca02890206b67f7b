/** What the guard held back at a moment: objects that were answered although a list did not have them any more. */
import type { ClusterEvent, ClusterId, ObjectKind } from '../ingest/event.ts';
import { heldName, unpackKeys } from '../ingest/held-keys.ts';
import { type Held, type HeldDeletions, heldCount, heldKeys } from '../projection/held.ts';
import type { HeldOverview } from './answers.ts';
import { type HistorySource, iso, type Place } from './source.ts';

/** Objects named of one list. */
const MOST_NAMED = 3;

/** In one sentence which of these objects were only there because the guard held their deletion; undefined: none of them. */
export function heldText(
  source: HistorySource,
  cluster: ClusterId,
  held: Held,
  objects: readonly (readonly [kind: ObjectKind, key: string])[],
  place: Place,
): string | undefined {
  const texts = Object.values(held).flatMap((list) => {
    const own = objects.filter(([kind, key]) => kind === list.kind && isOfScope(list, key)).map(([, key]) => key);
    if (own.length === 0) return [];
    const all = new Set(heldKeys(list));
    const keys = own.filter((key) => all.has(key));
    const [first] = keys;
    if (first === undefined) return [];
    const more = keys.length > MOST_NAMED ? ` and ${keys.length - MOST_NAMED} more` : '';
    const { known, count, percent, until } = list;
    const { time, isBeforeLog } = heldSince(source, cluster, list, first, place);
    return [
      `the guard holds the deletion of ${list.kind} ${keys.slice(0, MOST_NAMED).join(', ')}${more}` +
        ` since ${time}${isBeforeLog ? ' or before' : ''}: a list lacked ${count} of ${known}, more than ${percent}%;` +
        ` it ends when the API server has it again, by 'zonelog release', or at ${iso(until)}`,
    ];
  });
  return texts.length === 0 ? undefined : texts.join('; ');
}

/** How much is held of a cluster; undefined: nothing. */
export function heldOverview(
  source: HistorySource,
  cluster: ClusterId,
  held: Held,
  place: Place,
): HeldOverview | undefined {
  const lists = Object.values(held);
  const [first] = lists;
  if (first === undefined) return undefined;
  const since = lists.map((list) => heldSince(source, cluster, list, undefined, place).time);
  return {
    deletions: heldCount(held),
    kinds: [...new Set(lists.map(({ kind }) => kind))].sort(),
    since: since.reduce((a, b) => (a < b ? a : b)),
    until: iso(Math.min(...lists.map(({ until }) => until))),
  };
}

/**
 * The time of the list from which on an object (or any at all) was held without a break; of what was held where the log
 * begins now, the time of that.
 */
function heldSince(
  source: HistorySource,
  cluster: ClusterId,
  { kind, scope }: HeldDeletions,
  key: string | undefined,
  { batch }: Place,
): { readonly time: string; readonly isBeforeLog: boolean } {
  const states = source.states();
  const name = heldName(kind, scope);
  const base = states.heldInBase(cluster)[name];
  const wasHeld = base !== undefined && (key === undefined || heldKeys(base).includes(key));
  let since = wasHeld ? states.window.batch : undefined;
  const object = states.log.find(cluster, 'Guard', name);
  const [from, to] = [states.window.position + 1, states.endOf(batch)];
  for (const told of object === undefined ? [] : states.log.events(object, from, to, undefined)) {
    const isHeld = holds(told.event, key);
    if (isHeld === false) since = undefined;
    else if (isHeld) since ??= told.batch;
  }
  const found = since === undefined || since === states.window.batch ? undefined : source.placeOf(since);
  return { time: iso(found?.time ?? states.window.time), isBeforeLog: found === undefined };
}

/** Is an object (or any) held after an event? Undefined: as before. */
function holds(event: ClusterEvent, key: string | undefined): boolean | undefined {
  if (event.kind === 'DeletionsHeld') return key === undefined || unpackKeys(event.keys)?.includes(key);
  if (event.kind !== 'DeletionsReleased') return undefined;
  if (event.keys === undefined) return false;
  return key !== undefined && event.keys.includes(key) ? false : undefined;
}

function isOfScope({ kind, scope }: HeldDeletions, key: string): boolean {
  if (scope === '') return true;
  return kind === 'Namespace' ? key === scope : key.startsWith(`${scope}/`);
}
