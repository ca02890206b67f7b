/**
 * From what an API server says to what is new in it.
 *
 * A feed's objects are compared with what is known: an update without a new fact is nothing, a list (the first, or one
 * after a watch broke) gives the events that were missed, deletions included, and these only when it is complete.
 * Versions are opaque; what counts is the order in which things are said, and whether facts are equal.
 */
import { isSelected, parseSelector } from '../corefile/selectors.ts';
import type {
  Cause,
  ClusterEvent,
  ClusterId,
  DeleteEvent,
  FactsOf,
  ObjectKind,
  UpsertEvent,
  WatchedKind,
} from './event.ts';
import { type FeedSignal, type FeedSpec, feedName, positionScope } from './feed.ts';
import { HeldDeletions, type Hold, type KnownHeld } from './held-deletions.ts';
import { isJson, member } from './json-fields.ts';
import type { WatchPosition } from './log.ts';
import { equalFacts, identify, normalize, type RejectReason, triggerTimeOf } from './normalize.ts';
import type { Fault } from './normalize-gateway.ts';

type Facts = FactsOf[ObjectKind];

export type SyncState = 'never' | 'lacking' | 'synced' | 'lost';

/** What has been folded of the log. */
export interface KnownFacts {
  get(cluster: ClusterId, kind: ObjectKind, key: string): Facts | undefined;
  keys(cluster: ClusterId, kind: ObjectKind): Iterable<string>;
  /** Whether a kind was ever listed completely; `lost` after a ClusterLost, `lacking` after a ClusterLacks. */
  sync(cluster: ClusterId, kind: ObjectKind): SyncState;
  /** The deletions that a list was not believed about; undefined when there are none. */
  readonly held: KnownHeld;
}

/** Objects that a complete list did not have any more. */
export interface MissingObjects {
  readonly cluster: ClusterId;
  readonly kind: ObjectKind;
  readonly scope: string;
  /** How many were known, the missing ones among them. */
  readonly known: number;
  /** Their keys. */
  readonly missing: readonly string[];
}

/** May they be deleted now (undefined)? If not they are held until they are listed again or `release` is called. */
export type AdmitDeletions = (missing: MissingObjects) => Hold | undefined;

/** What a signal comes to: to be committed together. */
export interface Step {
  readonly events: readonly ClusterEvent[];
  readonly position?: WatchPosition;
  /** For an event of an endpoint slice that a watch brought: when the change behind it happened, Unix milliseconds. */
  readonly trigger?: number;
  readonly rejected: readonly Rejection[];
}

/** An object, or a part of one, that could not be used. */
export interface Rejection {
  readonly kind: WatchedKind;
  readonly reason: RejectReason | 'out of scope' | Fault;
  readonly key?: string;
}

interface FeedState {
  readonly feed: FeedSpec;
  readonly isSelected: (object: unknown) => boolean;
  /** Keys that the list in progress has shown. */
  seen: Set<string> | undefined;
  /** Completely listed, or resumed where a complete list was followed to. */
  isComplete: boolean;
  isFailing: boolean;
  /** Deletions that were not admitted. */
  readonly held: HeldDeletions;
  /** A list has begun since the feed did. */
  hasListed: boolean;
}

/** The feeds of one cluster. Events are known here from when they are given out until `settle`. */
export class ClusterReconciler {
  readonly #cluster: ClusterId;
  readonly #known: KnownFacts;
  readonly #admitDeletions: AdmitDeletions;
  readonly #feeds = new Map<string, FeedState>();
  /** Facts of events that are given out and not yet settled, with how many of them are on their way. */
  readonly #pending = new Map<string, { kind: ObjectKind; key: string; facts: Facts | undefined; count: number }>();
  readonly #sync = new Map<ObjectKind, SyncState>();

  constructor(cluster: ClusterId, known: KnownFacts, admitDeletions: AdmitDeletions = () => undefined) {
    this.#cluster = cluster;
    this.#known = known;
    this.#admitDeletions = admitDeletions;
  }

  /**
   * Makes a feed known, as one that has said nothing yet. All that are to be followed should be, before the first signal of
   * any: a kind is synced when all of its feeds are.
   */
  addFeed(feed: FeedSpec): void {
    const isSelected = selectionOf(feed.anyOf);
    const begun = { seen: undefined, isComplete: false, isFailing: false, hasListed: false };
    const held = new HeldDeletions(this.#cluster, feed, (cluster, kind, scope) =>
      this.#known.held(cluster, kind, scope),
    );
    this.#feeds.set(feedName(feed), { feed, isSelected, held, ...begun });
  }

  removeFeed(feed: FeedSpec): void {
    this.#feeds.delete(feedName(feed));
  }

  /** Deletions that wait for `release`, per feed. */
  held(): { readonly feed: FeedSpec; readonly keys: ReadonlySet<string> }[] {
    return [...this.#feeds.values()]
      .filter(({ held }) => held.keys.size > 0)
      .map(({ feed, held }) => ({ feed, keys: held.keys }));
  }

  /** What the next signal of a feed comes to; nothing for a feed that is not (or no longer) among the cluster's. */
  accept(feed: FeedSpec, signal: FeedSignal): Step {
    const state = this.#feeds.get(feedName(feed));
    if (!state) return NOTHING;
    switch (signal.type) {
      case 'listBegan':
        state.seen = new Set();
        state.hasListed = true;
        return NOTHING;
      case 'listed':
        return this.#takeListed(state, signal.objects);
      case 'listEnded':
        return this.#endList(state, signal.resourceVersion);
      case 'changed': {
        const step = this.#takeObject(state, signal.object);
        const trigger = step.events[0]?.kind === 'EndpointSliceUpserted' ? triggerTimeOf(signal.object) : undefined;
        return this.#at(state, signal.resourceVersion, { ...step, ...(trigger !== undefined && { trigger }) });
      }
      case 'deleted':
        return this.#at(state, signal.resourceVersion, this.#takeDeletion(state, signal.object));
      case 'bookmark':
        return this.#at(state, signal.resourceVersion, NOTHING);
      case 'live':
        state.isFailing = false;
        // A watch was resumed: what it continues had been complete.
        if (state.seen === undefined) state.isComplete = true;
        return { ...NOTHING, events: this.#noteSync(feed.kind) };
      case 'lacking':
        return { ...NOTHING, events: this.#noteLack(feed.kind, signal.reason) };
      case 'failing':
        state.isFailing = true;
        return { ...NOTHING, events: this.#noteLoss(feed.kind, signal.reason) };
    }
  }

  /** Lets the held deletions of all feeds happen. */
  release(by: 'operator' | 'time'): Step[] {
    return [...this.#feeds.values()].map(({ feed, held }) => {
      const keys = [...held.keys];
      const told = keys.length === 0 ? [] : held.end(by);
      return { ...NOTHING, events: [...told, ...keys.flatMap((key) => this.#delete(feed.kind, key, {}))] };
    });
  }

  /** These events are folded now: `known` tells of them itself. */
  settle(events: Iterable<ClusterEvent>): void {
    for (const event of events) {
      if (!('object' in event) || event.cluster !== this.#cluster) continue;
      const name = pendingName(event.object, event.key);
      const pending = this.#pending.get(name);
      if (!pending) continue;
      pending.count -= 1;
      if (pending.count === 0) this.#pending.delete(name);
    }
  }

  #takeListed(state: FeedState, objects: readonly unknown[]): Step {
    const steps = objects.map((object) => this.#takeObject(state, object));
    return { events: steps.flatMap((step) => step.events), rejected: steps.flatMap((step) => step.rejected) };
  }

  #takeObject(state: FeedState, object: unknown): Step {
    const { kind, scope } = state.feed;
    const normalized = normalize(kind, object);
    const { key } = normalized;
    if (key !== undefined && !isInScope(kind, scope, key)) {
      return { events: [], rejected: [{ kind, key, reason: 'out of scope' }] };
    }
    if (normalized.status === 'rejected') {
      // It is there, in whatever state: what is known of it stays.
      return { events: key === undefined ? [] : this.#show(state, key), rejected: [{ kind, ...normalized }] };
    }
    switch (state.isSelected(object) ? normalized.status : 'gone') {
      case 'gone':
        return { ...NOTHING, events: this.#takeAway(state, normalized.key, normalized.cause) };
      case 'ending':
        return { ...NOTHING, events: this.#show(state, normalized.key) };
      case 'facts':
        return {
          events: [
            ...this.#upsert(kind, normalized.key, normalized.facts, normalized.cause),
            ...this.#show(state, normalized.key),
          ],
          rejected: normalized.faults.map((reason) => ({ kind, key: normalized.key, reason })),
        };
    }
  }

  #takeDeletion(state: FeedState, object: unknown): Step {
    const { kind, scope } = state.feed;
    const identified = identify(kind, object);
    if ('status' in identified) return { events: [], rejected: [{ kind, ...identified }] };
    if (!isInScope(kind, scope, identified.key)) {
      return { events: [], rejected: [{ kind, key: identified.key, reason: 'out of scope' }] };
    }
    return { ...NOTHING, events: this.#takeAway(state, identified.key, identified.cause) };
  }

  #takeAway(state: FeedState, key: string, cause: Cause): ClusterEvent[] {
    return [
      ...this.#delete(state.feed.kind, key, cause),
      ...state.held.endOf(key, 'deleted', state.seen !== undefined),
    ];
  }

  #endList(state: FeedState, resourceVersion: string | undefined): Step {
    const { kind, scope } = state.feed;
    const seen = state.seen ?? new Set();
    state.seen = undefined;
    state.isComplete = true;
    state.isFailing = false;
    const known = [...this.#keys(kind)].filter((key) => isInScope(kind, scope, key));
    const missing = known.filter((key) => !seen.has(key));
    const hold =
      missing.length === 0
        ? undefined
        : this.#admitDeletions({ cluster: this.#cluster, kind, scope, known: known.length, missing });
    const told = hold
      ? state.held.hold(hold, known.length, missing)
      : state.held.end(missing.length === 0 ? 'shown' : 'believed');
    const deletions = hold ? [] : missing.flatMap((key) => this.#delete(kind, key, {}));
    const events = [...told, ...deletions, ...this.#noteSync(kind)];
    return resourceVersion === undefined
      ? { ...NOTHING, events }
      : this.#at(state, resourceVersion, { ...NOTHING, events });
  }

  /**
   * The position of a feed with held deletions is not stored: after a restart it is listed again, and they are found
   * again.
   */
  #at(state: FeedState, resourceVersion: string, step: Step): Step {
    if (state.held.keys.size > 0 || state.seen !== undefined) return step;
    const { kind } = state.feed;
    const position = { cluster: this.#cluster, kind, scope: positionScope(state.feed), resourceVersion };
    // A watch that goes on from before the list that was not believed: nothing was lost.
    const events = state.hasListed ? step.events : [...step.events, ...state.held.end('shown')];
    return { ...step, events, position };
  }

  #show(state: FeedState, key: string): ClusterEvent[] {
    state.seen?.add(key);
    return state.held.endOf(key, 'shown', state.seen !== undefined);
  }

  #upsert(kind: ObjectKind, key: string, facts: Facts, cause: Cause): ClusterEvent[] {
    if (equalFacts(this.#get(kind, key), facts)) return [];
    this.#note(kind, key, facts);
    // Kind and facts come from one call of `normalize`.
    const event = { kind: `${kind}Upserted`, object: kind, cluster: this.#cluster, key, facts, cause };
    return [event as UpsertEvent];
  }

  #delete(kind: ObjectKind, key: string, cause: Cause): ClusterEvent[] {
    if (this.#get(kind, key) === undefined) return [];
    this.#note(kind, key, undefined);
    const event = { kind: `${kind}Deleted`, object: kind, cluster: this.#cluster, key, cause };
    return [event as DeleteEvent];
  }

  #noteSync(kind: ObjectKind): ClusterEvent[] {
    const feeds = [...this.#feeds.values()].filter(({ feed }) => feed.kind === kind);
    if (!feeds.every(({ isComplete, isFailing }) => isComplete && !isFailing)) return [];
    if (this.#syncOf(kind) === 'synced') return [];
    this.#sync.set(kind, 'synced');
    return [{ kind: 'ClusterSynced', cluster: this.#cluster, key: kind }];
  }

  #noteLoss(kind: ObjectKind, reason: string): ClusterEvent[] {
    if (this.#syncOf(kind) !== 'synced') return [];
    this.#sync.set(kind, 'lost');
    return [{ kind: 'ClusterLost', cluster: this.#cluster, key: kind, reason: reason.slice(0, MAX_REASON) }];
  }

  #noteLack(kind: ObjectKind, reason: string): ClusterEvent[] {
    if (this.#syncOf(kind) !== 'never') return [];
    this.#sync.set(kind, 'lacking');
    return [{ kind: 'ClusterLacks', cluster: this.#cluster, key: kind, reason: reason.slice(0, MAX_REASON) }];
  }

  #syncOf(kind: ObjectKind): SyncState {
    return this.#sync.get(kind) ?? this.#known.sync(this.#cluster, kind);
  }

  #get(kind: ObjectKind, key: string): Facts | undefined {
    const pending = this.#pending.get(pendingName(kind, key));
    return pending ? pending.facts : this.#known.get(this.#cluster, kind, key);
  }

  *#keys(kind: ObjectKind): Generator<string> {
    for (const key of this.#known.keys(this.#cluster, kind)) {
      if (!this.#pending.has(pendingName(kind, key))) yield key;
    }
    for (const pending of this.#pending.values()) {
      if (pending.kind === kind && pending.facts !== undefined) yield pending.key;
    }
  }

  #note(kind: ObjectKind, key: string, facts: Facts | undefined): void {
    const name = pendingName(kind, key);
    const count = (this.#pending.get(name)?.count ?? 0) + 1;
    this.#pending.set(name, { kind, key, facts, count });
  }
}

/** Characters of a reason that are logged. */
const MAX_REASON = 300;

const NOTHING: Step = { events: [], rejected: [] };

function pendingName(kind: ObjectKind, key: string): string {
  return `${kind} ${key}`;
}

/** Does any of these label selectors select an object? Without any all are selected. */
function selectionOf(texts: readonly string[] | undefined): (object: unknown) => boolean {
  if (texts === undefined) return () => true;
  const selectors = texts.flatMap((text) => {
    const parsed = parseSelector(text);
    return parsed.ok ? [parsed.value] : [];
  });
  return (object) => {
    const labels = isJson(object) ? member(member(object, 'metadata'), 'labels') : {};
    return selectors.some((requirements) => isSelected(requirements, labels));
  };
}

function isInScope(kind: WatchedKind, scope: string, key: string): boolean {
  if (scope === '') return true;
  return kind === 'Namespace' ? key === scope : key.startsWith(`${scope}/`);
}
