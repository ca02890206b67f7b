/** Finds names, objects and addresses by a part of their text. */
import { childOf, escapeLabel } from '../dns/name.ts';
import { ok } from '../errors.ts';
import type { ClusterId, ObjectKind } from '../ingest/event.ts';
import type { ZonePlan } from '../ingest/plan.ts';
import { factsAt, type World } from '../projection/state.ts';
import type { SearchHit } from './answers.ts';
import { limitOf } from './paging.ts';
import { type Answered, problem } from './problem.ts';
import { apexOf, type HistorySource } from './source.ts';
import { worldAt } from './worlds.ts';

interface ObjectRow {
  readonly cluster: ClusterId;
  readonly kind: ObjectKind;
  readonly key: string;
}

const MOST_TEXT = 256;

export function search(source: HistorySource, text: string, most: number | undefined): Answered<readonly SearchHit[]> {
  const limit = limitOf(most);
  if (!limit.ok) return limit;
  const wanted = text.trim().toLowerCase();
  if (wanted === '' || wanted.length > MOST_TEXT)
    return problem('badInput', `a search has 1 to ${MOST_TEXT} characters`);
  const extent = source.extent();
  if (!extent.ok) return extent;
  const world = worldAt(source, extent.value.last.batch);
  const hits: SearchHit[] = [];
  for (const zone of source.zoneIds()) {
    const isCurrent = world.plan.zones.some(({ id }) => id === zone);
    if (apexOf(zone).includes(wanted)) hits.push({ what: 'zone', text: apexOf(zone), zone, isCurrent });
  }
  for (const row of objectsLike(source, wanted, limit.value)) hits.push(...hitsOf(row, world));
  return ok(hits.slice(0, limit.value));
}

/** `a.b` finds `b/a` too: names are written the other way round. */
function objectsLike(source: HistorySource, wanted: string, limit: number): ObjectRow[] {
  const [first = '', second] = wanted.split('.');
  const turned = second ? `${second}/${first}` : wanted;
  return source.db
    .prepare<[string, string, number], ObjectRow>(
      `SELECT cluster.text AS cluster, kind.text AS kind, key FROM object
       JOIN word AS cluster ON cluster.id = object.cluster JOIN word AS kind ON kind.id = object.kind
       WHERE kind.text NOT IN ('Cluster', 'Plan') AND (instr(key, ?) > 0 OR instr(key, ?) > 0) ORDER BY key LIMIT ?`,
    )
    .all(wanted, turned, limit);
}

function* hitsOf({ cluster, kind, key }: ObjectRow, world: World): Generator<SearchHit> {
  const isCurrent = factsAt(world, cluster, kind, key) !== undefined;
  const [namespace = '', name = ''] = key.split('/');
  const zones = kind === 'Service' || kind === 'ServiceImport' ? zonesOf(world.plan, cluster, kind) : [];
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
