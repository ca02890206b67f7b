/** Deletions that the guard holds: what is answered although the last list did not have it. */
import type { ClusterId, DeletionsHeld, DeletionsReleased, WatchedKind } from '../ingest/event.ts';
import { heldName, unpackKeys } from '../ingest/held-keys.ts';
import { PersistentMap } from './persistent-map.ts';

/** What the list of one kind (and namespace) lacked. */
export interface HeldDeletions {
  readonly kind: WatchedKind;
  /** The namespace that was listed; '' is all. */
  readonly scope: string;
  readonly known: number;
  readonly count: number;
  /** Packed as the log has them: they are looked at when somebody asks why. */
  readonly keys: string;
  /** Those of them that are not held any more. */
  readonly over: PersistentMap<true>;
  readonly percent: number;
  /** Unix milliseconds. */
  readonly until: number;
}

/** By the name of the list (`heldName`). */
export type Held = Readonly<Record<string, HeldDeletions>>;

/** As a snapshot has it. */
export type HeldText = Omit<HeldDeletions, 'over'> & { readonly over: readonly string[] };

export const NOTHING_HELD: Held = {};

export function foldHeld(held: Held, event: DeletionsHeld | DeletionsReleased): Held {
  const { key: kind, scope } = event;
  const name = heldName(kind, scope);
  const { [name]: before, ...others } = held;
  if (event.kind === 'DeletionsHeld') {
    const { known, count, keys, percent, until } = event;
    return { ...others, [name]: { kind, scope, known, count, keys, percent, until, over: PersistentMap.empty() } };
  }
  if (event.keys === undefined || before === undefined) return others;
  const over = event.keys.reduce((map, key) => map.set(key, true), before.over);
  return { ...others, [name]: { ...before, over } };
}

/** How many deletions are held. */
export function heldCount(held: Held): number {
  return Object.values(held).reduce((sum, { count, over }) => sum + count - over.size, 0);
}

/** The keys that are held; of very many not all. */
export function heldKeys({ keys, over }: HeldDeletions): string[] {
  return (unpackKeys(keys) ?? []).filter((key) => !over.has(key));
}

export function heldTexts(held: Held): Readonly<Record<string, HeldText>> {
  return mapHeld(held, (one) => ({ ...one, over: [...one.over.keys()].sort() }));
}

export function heldOfTexts(texts: Readonly<Record<string, HeldText>>): Held {
  return mapHeld(texts, (one) => ({
    ...one,
    over: one.over.reduce((map, key) => map.set(key, true), PersistentMap.empty<true>()),
  }));
}

/** Events that lead to it. */
export function* heldEvents(cluster: ClusterId, held: Held): Generator<DeletionsHeld | DeletionsReleased> {
  for (const { kind: key, scope, over, ...told } of Object.values(held)) {
    yield { kind: 'DeletionsHeld', cluster, key, scope, ...told };
    if (over.size === 0) continue;
    yield { kind: 'DeletionsReleased', cluster, key, scope, by: 'shown', keys: [...over.keys()] };
  }
}

function mapHeld<A, B>(held: Readonly<Record<string, A>>, change: (one: A) => B): Readonly<Record<string, B>> {
  return Object.fromEntries(Object.entries(held).map(([name, one]) => [name, change(one)]));
}
