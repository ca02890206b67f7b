/** The events of a scope, batch by batch, over the world that they belong to. */
import type { ClusterEvent, FactsOf, ObjectKind, Position } from '../ingest/event.ts';
import { foldEvents } from '../projection/fold.ts';
import { factsAt, type World } from '../projection/state.ts';
import { Touched } from '../projection/touched.ts';
import type { ObjectRef, ObjectStates } from './object-states.ts';
import type { Scope } from './scope.ts';
import type { HistorySource } from './source.ts';
import { worldAt } from './worlds.ts';

type Facts = FactsOf[ObjectKind];

export interface ScopeEvent {
  readonly position: Position;
  readonly batch: number;
  readonly event: ClusterEvent;
  /** The facts of its object before it. */
  readonly before: Facts | undefined;
  /** It only decides whether there is such a name. */
  readonly isAround?: true;
}

/** One batch of the log, as far as the scope goes. */
export interface ScopeBatch {
  readonly batch: number;
  readonly events: readonly ScopeEvent[];
  /** After the batch. */
  readonly world: World;
}

/** The newest positions of the scope's events in a range, and of plans; newest first, so many at most. */
export function newestPositions(
  states: ObjectStates,
  scope: Scope,
  from: Position,
  to: Position,
  limit: number,
): Position[] {
  const positions = new Set<Position>();
  for (const { position } of states.plans.between(from, to)) positions.add(position);
  for (const object of [...scope.refs, ...scope.around, ...scope.others]) {
    for (const position of states.log.positions(object, from, to, limit)) positions.add(position);
  }
  return [...positions].sort((a, b) => b - a).slice(0, limit);
}

/** What the scope's objects were after a position. */
export function scopeWorldAt(source: HistorySource, states: ObjectStates, scope: Scope, batch: number): World {
  return scope.isWhole ? worldAt(source, batch) : states.worldAt([...scope.refs, ...scope.around], states.endOf(batch));
}

/** Folds the scope's events after one batch and until the end of another, over the world after the first. */
export function* foldScope(
  states: ObjectStates,
  scope: Scope,
  start: World,
  after: number,
  until: number,
): Generator<ScopeBatch> {
  let world = start;
  const events = eventsIn(states, scope, world, states.endOf(after) + 1, states.endOf(until));
  for (const [batch, own] of Map.groupBy(events, (event) => event.batch)) {
    world = foldEvents(
      world,
      own.map(({ event }) => event),
      new Touched(),
    );
    yield { batch, events: own, world };
  }
}

/** The events of a scope from a position to another, in their order. @param world after what comes before them */
export function eventsIn(states: ObjectStates, scope: Scope, world: World, from: Position, to: Position): ScopeEvent[] {
  const plans = states.plans.between(from, to);
  const found: ScopeEvent[] = plans.map(({ position, batch, plan }) => ({
    position,
    batch,
    event: { kind: 'PlanApplied', plan },
    before: undefined,
  }));
  for (const object of scope.others) {
    for (const event of states.log.events(object, from, to, undefined)) found.push({ ...event, before: undefined });
  }
  const add = (ref: ObjectRef, mark: { readonly isAround?: true }) => {
    let before = factsAt(world, ref.cluster, ref.kind, ref.key);
    for (const { position, batch, event } of states.log.events(ref, from, to, before)) {
      found.push({ position, batch, event, before, ...mark });
      before = 'facts' in event ? event.facts : undefined;
    }
  };
  for (const ref of scope.refs) add(ref, {});
  for (const ref of scope.around) add(ref, { isAround: true });
  return found.sort((a, b) => a.position - b.position);
}
