/** What a name was, and why: versions from the journal, causes from the log. */
import type { Database } from '../database.ts';
import { type DomainName, isSubdomain, labelsBelow } from '../dns/name.ts';
import type { ZoneId } from '../ingest/plan.ts';
import { changesOfName, JournalReader, type RecordChange } from './journal.ts';

/** An event that was part of the batch that made a version. */
export interface LoggedCause {
  readonly cluster: string;
  /** `ServiceUpserted`, `EndpointSliceDeleted` … */
  readonly kind: string;
  readonly key: string;
  readonly resourceVersion: string | null;
  readonly manager: string | null;
}

export interface NameChange extends RecordChange {
  readonly zone: ZoneId;
  readonly causes: readonly LoggedCause[];
}

/** The zones of the journal that a name may be in, by their ids. */
export function zonesOfName(db: Database, name: DomainName): ZoneId[] {
  const zones = db.prepare<[], ZoneId>('SELECT name FROM zone ORDER BY name').pluck().all();
  return zones.filter((zone) => isSubdomain(name, apexOf(zone)));
}

/** Everything that happened to a name, oldest first within each zone, as far as the journal reaches. */
export function* historyOfName(db: Database, name: DomainName): Generator<NameChange> {
  const journal = new JournalReader(db);
  for (const zone of zonesOfName(db, name)) {
    for (const change of changesOfName(journal, zone, name)) {
      yield { ...change, zone, causes: causesOf(db, change.batch, labelsBelow(name, apexOf(zone)) ?? []) };
    }
  }
}

function apexOf(zone: ZoneId): DomainName {
  return zone.replace(/#\d+$/, '') as DomainName;
}

/** Events of the batch that may concern the name: those of its namespace, if the name tells one. */
function causesOf(db: Database, batch: number, labels: readonly string[]): LoggedCause[] {
  const [namespace, tree] = [labels.at(-2), labels.at(-1)];
  const causes = db
    .prepare<[number], LoggedCause>(
      `SELECT cluster, kind, key, resource_version AS resourceVersion, manager FROM event_text
       WHERE batch = ? AND kind NOT IN ('ClusterSynced', 'ClusterLost') ORDER BY position`,
    )
    .all(batch);
  if (namespace === undefined || (tree !== 'svc' && tree !== 'pod')) return causes;
  const own = causes.filter(
    ({ key, kind }) => key === namespace || key.startsWith(`${namespace}/`) || kind === 'PlanApplied',
  );
  const service = labels.at(-3);
  const nearer = own.filter(({ key }) => service !== undefined && key.slice(namespace.length + 1).startsWith(service));
  return nearer.length > 0 ? nearer : own;
}
