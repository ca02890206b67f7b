/**
 * Single objects as they were at any position of the log, and small worlds of them: what a name, an address or a few
 * neighbouring versions take, without the state of everything else.
 */
import type { ClusterEvent, ClusterId, FactsOf, ObjectKind, Position, UpsertEvent } from '../ingest/event.ts';
import { WATCHED_KINDS } from '../ingest/event.ts';
import { type LogWindow, windowStart } from '../ingest/log-window.ts';
import { type LoggedObject, ObjectLog, termsOf } from '../ingest/object-log.ts';
import type { ZoneId } from '../ingest/plan.ts';
import { basePartsWith, readBaseHead } from '../projection/base.ts';
import { foldEvents } from '../projection/fold.ts';
import { type Held, heldEvents, heldOfTexts } from '../projection/held.ts';
import { EMPTY_WORLD, type World } from '../projection/state.ts';
import { objectsInPart, type StatedObject, type StateHead } from '../projection/state-text.ts';
import { Touched } from '../projection/touched.ts';
import { PlanTimeline } from './plans.ts';
import type { HistorySource } from './source.ts';

type Facts = FactsOf[ObjectKind];

/** An object that the log, or only its base, has heard of: then it has no events. */
export type ObjectRef = Omit<LoggedObject, 'id' | 'kind'> & { readonly id: number; readonly kind: ObjectKind };

/** Of an object without a number in the log. */
const NO_ID = 0;

/** So many events of a log are looked at one by one; of more, what all of them ever told is. */
const FEW_EVENTS = 500;

/** Moments of one object that are kept while a question is answered: before and after what it asks for. */
const KNOWN_OF_ONE = 4;

/** What an object was after the event at a position, as far as it is remembered since another. */
interface KnownFacts {
  readonly since: Position;
  readonly position: Position;
  readonly facts: Facts | undefined;
}

/** Parsed parts of the base that are kept: some megabytes each. */
const KEPT_PARTS = 4;

export class ObjectStates {
  readonly log: ObjectLog;
  readonly plans: PlanTimeline;
  readonly window: LogWindow;
  readonly #source: HistorySource;
  readonly #base: StateHead | undefined;
  readonly #parts = new Map<string, readonly StatedObject[]>();
  readonly #known = new Map<string, KnownFacts[]>();
  readonly #endOf;

  /** On the log as it is now: to be made in the transaction of the question. */
  constructor(source: HistorySource) {
    this.#source = source;
    this.log = new ObjectLog(source.db);
    this.window = windowStart(source.db);
    this.#base = this.window.batch === 0 ? undefined : readBaseHead(source.db);
    this.#endOf = source.db.prepare<[number], Position>('SELECT first + count - 1 FROM batch WHERE batch = ?').pluck();
    this.plans = new PlanTimeline(this.#base && { ...this.window, plan: this.#base.plan });
  }

  /** Position of the last event of a batch. */
  endOf(batch: number): Position {
    return batch <= this.window.batch ? this.window.position : (this.#endOf.get(batch) ?? this.window.position);
  }

  /** Was a version of the zone published when what is left of the log begins? */
  isPublishedInBase(zone: ZoneId): boolean {
    return this.#base?.serials.some(([id]) => id === zone) === true;
  }

  /** The deletions of a cluster that the guard held when what is left of the log begins. */
  heldInBase(id: ClusterId): Held {
    return heldOfTexts(this.#base?.clusters.find((cluster) => cluster.id === id)?.held ?? {});
  }

  /** The objects of a kind with this key, in these clusters. */
  find(clusters: Iterable<ClusterId>, kind: ObjectKind, key: string): ObjectRef[] {
    const found: ObjectRef[] = [];
    for (const cluster of clusters) {
      const logged = this.log.find(cluster, kind, key);
      if (logged !== undefined) found.push({ ...logged, kind });
      else if (this.#stated(cluster, kind, key) !== undefined) found.push({ id: NO_ID, cluster, kind, key });
    }
    return found;
  }

  /** The objects that ever had a term, and maybe others. */
  mentioning(term: string): ObjectRef[] {
    const found = new Map<string, ObjectRef>();
    for (const logged of this.log.mentioning(term)) found.set(refKey(logged), logged as ObjectRef);
    // A term may be a word of a list, in an annotation.
    for (const { cluster, kind, key, facts } of this.#statedWith(JSON.stringify(term).slice(1, -1))) {
      if (!termsOf(key, facts).some((own) => own === term)) continue;
      const ref = { id: NO_ID, cluster, kind, key };
      if (!found.has(refKey(ref))) found.set(refKey(ref), ref);
    }
    return [...found.values()];
  }

  /** The objects that ever named a host below this one, and maybe others; undefined: more than so many. */
  namingBelow(host: string, most: number): ObjectRef[] | undefined {
    const suffix = `.${host}`;
    const logged = this.log.mentioningBelow(suffix, most + 1);
    if (logged.length > most) return undefined;
    const found = new Map(logged.map((object) => [refKey(object), object as ObjectRef]));
    for (const { cluster, kind, key, facts } of this.#statedWith(JSON.stringify(suffix).slice(1, -1))) {
      if (![...termsOf(key, facts)].some((own) => own.endsWith(suffix))) continue;
      const ref = { id: NO_ID, cluster, kind, key };
      if (!found.has(refKey(ref))) found.set(refKey(ref), ref);
    }
    return found.size > most ? undefined : [...found.values()];
  }

  /** The services that there ever were in a namespace; undefined: more than so many. */
  servicesIn(clusters: readonly ClusterId[], namespace: string, most: number): ObjectRef[] | undefined {
    const found = new Map<string, ObjectRef>();
    for (const cluster of clusters) {
      for (const logged of this.log.inNamespace(cluster, 'Service', namespace, most + 1))
        found.set(refKey(logged), logged as ObjectRef);
    }
    for (const { cluster, kind, key } of this.#statedIn(namespace)) {
      const ref = { id: NO_ID, cluster, kind, key };
      if (kind === 'Service' && !found.has(refKey(ref))) found.set(refKey(ref), ref);
    }
    return found.size > most ? undefined : [...found.values()];
  }

  /** The slices that ever belonged to a service (or an import) of this key. */
  slicesOf(key: string): ObjectRef[] {
    const found = new Map<string, ObjectRef>();
    for (const logged of this.log.mentioning(key)) {
      if (logged.kind === 'EndpointSlice') found.set(refKey(logged), logged as ObjectRef);
    }
    const [namespace = '', service = ''] = key.split('/');
    for (const { cluster, kind, key: own, facts } of this.#statedIn(namespace)) {
      const ref = { id: NO_ID, cluster, kind, key: own };
      if (kind !== 'EndpointSlice' || found.has(refKey(ref)) || !('endpoints' in facts)) continue;
      if (facts.service === service || facts.imported?.service === service) found.set(refKey(ref), ref);
    }
    return [...found.values()];
  }

  /** Keys of the services that a slice belonged to in a part of the log, and maybe others. */
  servicesOf(slice: ObjectRef, from: Position, to: Position): string[] {
    const names = new Set<string>();
    const add = (facts: Facts | undefined) => {
      if (facts === undefined || !('endpoints' in facts)) return;
      for (const name of [facts.service, facts.imported?.service]) if (name !== undefined) names.add(name);
    };
    if (to - from < FEW_EVENTS) {
      const before = this.factsAt(slice, from - 1);
      add(before);
      for (const { event } of this.log.events(slice, from, to, before)) if ('facts' in event) add(event.facts);
    } else {
      for (const name of this.log.servicesOf({ ...slice })) names.add(name);
      add(this.#stated(slice.cluster, slice.kind, slice.key));
    }
    const namespace = slice.key.slice(0, slice.key.indexOf('/') + 1);
    return [...names].map((name) => namespace + name);
  }

  /** The facts of an object after the event at a position; undefined when it is not there. */
  factsAt(ref: ObjectRef, position: Position): Facts | undefined {
    const since = Math.max(this.plans.rememberedSince(ref.cluster, position), this.window.position + 1);
    const before = this.#known.get(refKey(ref))?.find((known) => known.since === since && known.position <= position);
    if (before?.position === position) return before.facts;
    const isInBase = since === this.window.position + 1;
    const facts =
      before === undefined
        ? this.log.factsAt(ref, since, position, () =>
            isInBase ? this.#stated(ref.cluster, ref.kind, ref.key) : undefined,
          )
        : this.log.factsAt(ref, before.position + 1, position, () => before.facts);
    this.#know(ref, { since, position, facts });
    return facts;
  }

  /** What was read for one question is no use to the next. */
  forgetFacts(): void {
    this.#known.clear();
  }

  #know(ref: ObjectRef, facts: KnownFacts): void {
    const known = [...(this.#known.get(refKey(ref)) ?? []), facts];
    known.sort((a, b) => b.position - a.position);
    this.#known.set(refKey(ref), known.slice(0, KNOWN_OF_ONE));
  }

  /** What is known after the event at a position, as far as these objects, the plan and contact with clusters go. */
  worldAt(refs: readonly ObjectRef[], position: Position): World {
    const plan = this.plans.at(position);
    // Events may come of clusters that the plan has dropped: later ones are told as differences to them.
    const planned = this.plans.clusters(Math.min(position, this.window.position + 1), position);
    const clusters = new Set([...planned, ...refs.map(({ cluster }) => cluster)]);
    const events: ClusterEvent[] = [{ kind: 'PlanApplied', plan }];
    for (const cluster of clusters) events.push(...this.#contactAt(cluster, position));
    for (const ref of refs) {
      const facts = this.factsAt(ref, position);
      if (facts !== undefined) events.push(upsertOf(ref, facts));
    }
    return foldEvents(EMPTY_WORLD, events, new Touched());
  }

  /** Events that lead to what was known of the contact with a cluster. */
  *#contactAt(cluster: ClusterId, position: Position): Generator<ClusterEvent> {
    const from = Math.max(this.plans.rememberedSince(cluster, position), this.window.position + 1);
    const stated =
      from === this.window.position + 1 ? this.#base?.clusters.find(({ id }) => id === cluster) : undefined;
    if (stated?.held !== undefined) yield* heldEvents(cluster, heldOfTexts(stated.held));
    yield* this.#heldSince(cluster, from, position);
    for (const key of WATCHED_KINDS) {
      const object = this.log.find(cluster, 'Cluster', key);
      const last = (event: string, since: Position) => object && this.log.lastPosition(object, since, position, event);
      const synced = last('ClusterSynced', from);
      if (synced !== undefined || stated?.synced[key] === true) yield { kind: 'ClusterSynced', cluster, key };
      const [lost, lacks] = [last('ClusterLost', synced ?? from), last('ClusterLacks', synced ?? from)];
      const isOld = synced === undefined;
      const [oldLost, oldLacks] = [stated?.lost[key], stated?.lacking?.[key]];
      if (lost !== undefined) yield* this.#at(object, lost);
      else if (isOld && oldLost !== undefined) yield { kind: 'ClusterLost', cluster, key, reason: oldLost };
      if (lacks !== undefined) yield* this.#at(object, lacks);
      else if (isOld && oldLacks !== undefined) yield { kind: 'ClusterLacks', cluster, key, reason: oldLacks };
    }
  }

  /** Of what the guard held only the last list counts, and what was let go of it. */
  *#heldSince(cluster: ClusterId, from: Position, to: Position): Generator<ClusterEvent> {
    for (const object of this.log.ofKind('Guard')) {
      if (object.cluster !== cluster) continue;
      const last = this.log.lastPosition(object, from, to, 'DeletionsHeld');
      for (const { event } of this.log.events(object, last ?? from, to, undefined)) yield event;
    }
  }

  *#at(object: LoggedObject | undefined, position: Position): Generator<ClusterEvent> {
    if (object === undefined) return;
    for (const { event } of this.log.events(object, position, position, undefined)) yield event;
  }

  /** Facts that the base has of an object. */
  #stated(cluster: ClusterId, kind: ObjectKind, key: string): Facts | undefined {
    if (this.#base === undefined) return undefined;
    const among = isNamespaced(kind)
      ? this.#statedIn(key.split('/', 1)[0] ?? '')
      : this.#statedWith(JSON.stringify(key));
    return among.find((object) => object.cluster === cluster && object.kind === kind && object.key === key)?.facts;
  }

  #statedIn(namespace: string): readonly StatedObject[] {
    return this.#statedWith(`"name":${JSON.stringify(namespace)},"exists"`);
  }

  /** The objects in parts of the base that have a text somewhere. */
  #statedWith(text: string): readonly StatedObject[] {
    if (this.#base === undefined) return [];
    const known = this.#parts.get(text);
    if (known !== undefined) return known;
    const objects = basePartsWith(this.#source.db, text).flatMap((part) => [...objectsInPart(part)]);
    const [oldest] = this.#parts.keys();
    if (this.#parts.size >= KEPT_PARTS && oldest !== undefined) this.#parts.delete(oldest);
    this.#parts.set(text, objects);
    return objects;
  }
}

/** Kinds that the state has below the name of their namespace. */
function isNamespaced(kind: ObjectKind): boolean {
  return ['Namespace', 'Service', 'ServiceImport', 'EndpointSlice', 'Pod'].includes(kind);
}

export function refKey({ cluster, kind, key }: Pick<LoggedObject, 'cluster' | 'kind' | 'key'>): string {
  return `${kind}\0${cluster}\0${key}`;
}

export function upsertOf({ cluster, kind, key }: ObjectRef, facts: Facts): UpsertEvent {
  return { kind: `${kind}Upserted`, object: kind, cluster, key, facts, cause: {} } as unknown as UpsertEvent;
}
