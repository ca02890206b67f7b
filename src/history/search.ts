/** Finds names, objects and addresses by a part of their text. */
import { childOf, escapeLabel } from '../dns/name.ts';
import { ok } from '../errors.ts';
import type { ClusterId } from '../ingest/event.ts';
import type { ZonePlan } from '../ingest/plan.ts';
import type { SearchHit } from './answers.ts';
import type { ObjectRef } from './object-states.ts';
import { limitOf } from './paging.ts';
import { type Answered, problem } from './problem.ts';
import { apexOf, type HistorySource } from './source.ts';

const MOST_TEXT = 256;

export function search(source: HistorySource, text: string, most: number | undefined): Answered<readonly SearchHit[]> {
  const limit = limitOf(most);
  if (!limit.ok) return limit;
  const wanted = text.trim().toLowerCase();
  if (wanted === '' || wanted.length > MOST_TEXT)
    return problem('badInput', `a search has 1 to ${MOST_TEXT} characters`);
  const extent = source.extent();
  if (!extent.ok) return extent;
  const states = source.states();
  const position = states.endOf(extent.value.last.batch);
  const plan = states.plans.at(position);
  const clusters = new Set(states.plans.clusters(position, position));
  const isCurrent = (row: ObjectRef) => clusters.has(row.cluster) && states.factsAt(row, position) !== undefined;
  const hits: SearchHit[] = [];
  for (const zone of source.zoneIds()) {
    if (!apexOf(zone).includes(wanted)) continue;
    hits.push({ what: 'zone', text: apexOf(zone), zone, isCurrent: plan.zones.some(({ id }) => id === zone) });
  }
  for (const row of objectsLike(source, wanted, limit.value)) hits.push(...hitsOf(row, plan, isCurrent(row)));
  return ok(hits.slice(0, limit.value));
}

/** `a.b` finds `b/a` too: names are written the other way round. */
function objectsLike(source: HistorySource, wanted: string, limit: number): ObjectRef[] {
  const [first = '', second] = wanted.split('.');
  const turned = second ? `${second}/${first}` : wanted;
  return source.db
    .prepare<[string, string, number], ObjectRef>(
      `SELECT object.id, cluster.text AS cluster, kind.text AS kind, key FROM object
       JOIN word AS cluster ON cluster.id = object.cluster JOIN word AS kind ON kind.id = object.kind
       WHERE kind.text NOT IN ('Cluster', 'Guard', 'Plan') AND (instr(key, ?) > 0 OR instr(key, ?) > 0) ORDER BY key LIMIT ?`,
    )
    .all(wanted, turned, limit);
}

function* hitsOf({ cluster, kind, key }: ObjectRef, plan: ZonePlan, isCurrent: boolean): Generator<SearchHit> {
  const [namespace = '', name = ''] = key.split('/');
  const zones = kind === 'Service' || kind === 'ServiceImport' ? zonesOf(plan, cluster, kind) : [];
  for (const { id, apex } of zones) {
    const text = childOf(escapeLabel(name), childOf(escapeLabel(namespace), childOf('svc', apex)));
    yield { what: 'name', text, zone: id, cluster, kind, isCurrent };
  }
  if (zones.length === 0) yield { what: 'object', text: key, cluster, kind, isCurrent };
}

function zonesOf(plan: ZonePlan, cluster: ClusterId, kind: 'Service' | 'ServiceImport') {
  const wanted = kind === 'Service' ? 'cluster' : 'clusterset';
  return plan.zones.filter((zone) => zone.kind === wanted && zone.stanzas.some((stanza) => stanza.cluster === cluster));
}
