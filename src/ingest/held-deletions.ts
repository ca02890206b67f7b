/** The deletions of one feed that are held: what is held now, and what of that the log has been told. */
import type { ClusterEvent, ClusterId, HoldEnding, WatchedKind } from './event.ts';
import type { FeedSpec } from './feed.ts';
import { packKeys } from './held-keys.ts';

/** Deletions are not to happen now. */
export interface Hold {
  /** What would have been let go, percent. */
  readonly percent: number;
  /** Unix milliseconds: then they are released. */
  readonly until: number;
}

/** Objects whose deletion is held. */
export interface HeldKeys {
  readonly keys: Iterable<string>;
  /** Unix milliseconds. */
  readonly until: number;
}

/** What the log has as held of a list; undefined when it has nothing. */
export type KnownHeld = (cluster: ClusterId, kind: WatchedKind, scope: string) => HeldKeys | undefined;

export class HeldDeletions {
  readonly #cluster: ClusterId;
  readonly #feed: FeedSpec;
  readonly #known: KnownHeld;
  readonly #keys = new Set<string>();
  /** What is in the log, or on its way there; read from what is known when it is first needed. */
  #told: { readonly keys: Set<string>; readonly until: number } | undefined;

  constructor(cluster: ClusterId, feed: FeedSpec, known: KnownHeld) {
    this.#cluster = cluster;
    this.#feed = feed;
    this.#known = known;
  }

  get keys(): ReadonlySet<string> {
    return this.#keys;
  }

  /** A list of so many known objects lacked these, and is not believed. */
  hold({ percent, until }: Hold, known: number, missing: readonly string[]): ClusterEvent[] {
    this.#keys.clear();
    for (const key of missing) this.#keys.add(key);
    const before = this.#toldKeys();
    const isTold = before.until === until && before.keys.size === missing.length;
    if (isTold && missing.every((key) => before.keys.has(key))) return [];
    this.#told = { keys: new Set(missing), until };
    const { kind: key, scope } = this.#feed;
    const [count, keys] = [missing.length, packKeys(missing)];
    return [{ kind: 'DeletionsHeld', cluster: this.#cluster, key, scope, known, count, keys, percent, until }];
  }

  /** Nothing is held any more. */
  end(by: HoldEnding): ClusterEvent[] {
    this.#keys.clear();
    if (this.#toldKeys().keys.size === 0) return [];
    this.#told = { keys: new Set(), until: 0 };
    const { kind: key, scope } = this.#feed;
    return [{ kind: 'DeletionsReleased', cluster: this.#cluster, key, scope, by }];
  }

  /** The deletion of one object is not held any more. @param isListing the end of the list tells of all at once */
  endOf(key: string, by: HoldEnding, isListing: boolean): ClusterEvent[] {
    this.#keys.delete(key);
    if (isListing) return [];
    const { keys } = this.#toldKeys();
    if (!keys.has(key)) return [];
    if (keys.size === 1) return this.end(by);
    keys.delete(key);
    const { kind, scope } = this.#feed;
    return [{ kind: 'DeletionsReleased', cluster: this.#cluster, key: kind, scope, by, keys: [key] }];
  }

  #toldKeys() {
    if (this.#told === undefined) {
      const known = this.#known(this.#cluster, this.#feed.kind, this.#feed.scope);
      this.#told = { keys: new Set(known?.keys), until: known?.until ?? 0 };
    }
    return this.#told;
  }
}
