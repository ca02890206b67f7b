/** Which plan was in force when, and when clusters were forgotten because no plan looked at them any more. */
import type { ClusterId, Position } from '../ingest/event.ts';
import type { ObjectLog } from '../ingest/object-log.ts';
import type { ZoneDefinition, ZoneId, ZonePlan } from '../ingest/plan.ts';

/** A plan from its event on. */
export interface PlacedPlan {
  readonly position: Position;
  readonly batch: number;
  readonly plan: ZonePlan;
  readonly clusters: ReadonlySet<ClusterId>;
}

const NO_PLAN: ZonePlan = { zones: [] };

export class PlanTimeline {
  readonly #plans: PlacedPlan[] = [];

  /** @param base the plan that was in force where the log begins now */
  constructor(base: { readonly position: Position; readonly batch: number; readonly plan: ZonePlan } | undefined) {
    if (base !== undefined) this.#plans.push({ ...base, clusters: clustersOfPlan(base.plan) });
  }

  /** Reads on to a position. */
  extend(log: ObjectLog, to: Position): void {
    const [object] = log.ofKind('Plan');
    if (object === undefined) return;
    const from = (this.#plans.at(-1)?.position ?? 0) + 1;
    for (const { position, batch, event } of log.events(object, from, to, undefined)) {
      if (event.kind !== 'PlanApplied') continue;
      this.#plans.push({ position, batch, plan: event.plan, clusters: clustersOfPlan(event.plan) });
    }
  }

  /** The plan after the event at a position. */
  at(position: Position): ZonePlan {
    return this.#plans.findLast((placed) => placed.position <= position)?.plan ?? NO_PLAN;
  }

  /** Those applied in a range, both ends included, oldest first. */
  between(from: Position, to: Position): PlacedPlan[] {
    return this.#plans.filter(({ position }) => position >= from && position <= to);
  }

  /** From which position on what is known of a cluster counts: what was before was forgotten. */
  rememberedSince(cluster: ClusterId, position: Position): Position {
    const dropped = this.#plans.findLast((placed) => placed.position <= position && !placed.clusters.has(cluster));
    return dropped === undefined ? 1 : dropped.position + 1;
  }

  /** Was a zone that was made after one batch given up after it, and until the end of another? */
  isDropped(zone: ZoneId, after: number, until: number): boolean {
    if (!this.#isMade(zone, after)) return false;
    const batches = new Set(this.#plans.map(({ batch }) => batch).filter((batch) => batch > after && batch <= until));
    return [...batches].some((batch) => !this.#isMade(zone, batch));
  }

  #isMade(zone: ZoneId, batch: number): boolean {
    const placed = this.#plans.findLast((each) => each.batch <= batch);
    return placed?.plan.zones.some(({ id }) => id === zone) === true;
  }

  /** All clusters of plans that were in force in a range. */
  clusters(from: Position, to: Position): ClusterId[] {
    return [...new Set(this.#inForce(from, to).flatMap(({ clusters }) => [...clusters]))];
  }

  /** What a zone was made of in a range: each definition once. */
  definitions(zone: ZoneId, from: Position, to: Position): ZoneDefinition[] {
    return this.#inForce(from, to).flatMap(({ plan }) => plan.zones.filter(({ id }) => id === zone));
  }

  #inForce(from: Position, to: Position): PlacedPlan[] {
    const first = this.#plans.findLastIndex(({ position }) => position <= from);
    return this.#plans.slice(Math.max(0, first)).filter(({ position }) => position <= to);
  }
}

function clustersOfPlan(plan: ZonePlan): Set<ClusterId> {
  return new Set(plan.zones.flatMap(({ stanzas }) => stanzas.map(({ cluster }) => cluster)));
}
