/** `given(batches).zone('cluster.local.')`: folds batches of events as the writer does, with a journal in memory. */
import type { ResourceRecord } from '../../src/dns/rrset.ts';
import { recordsOf } from '../../src/dns/rrset.ts';
import type { Serial } from '../../src/dns/serial.ts';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import type { ZoneId } from '../../src/ingest/plan.ts';
import type { Changeset } from '../../src/projection/diff.ts';
import { createProjector, type Projector, type PublishedVersion } from '../../src/projection/projector.ts';
import { EMPTY_WORLD } from '../../src/projection/state.ts';
import { type Zone, zoneRRsets } from '../../src/projection/zone.ts';

/** 2026-11-21T00:00:00Z in milliseconds; a batch is a second later than the one before. */
export const START = Date.UTC(2026, 10, 21);

export interface Given {
  readonly projector: Projector;
  /** Versions of each batch, in order. */
  readonly published: PublishedVersion[][];
  when(events: readonly ClusterEvent[], time?: number): readonly PublishedVersion[];
  zone(id: ZoneId): Zone;
  /** The changesets of a zone, in order. */
  changesets(id: ZoneId): Changeset[];
}

export function given(...batches: (readonly ClusterEvent[])[]): Given {
  const published: PublishedVersion[][] = [];
  const serials = new Map<ZoneId, { batch: number; serial: Serial }[]>();
  const projector = createProjector(
    { world: EMPTY_WORLD, batch: 0, serials: new Map() },
    {
      commit(batch, _time, versions) {
        for (const { zone, serial } of versions) serials.set(zone, [...(serials.get(zone) ?? []), { batch, serial }]);
      },
      lastSerial: (zone, before) => serials.get(zone)?.findLast((version) => version.batch < before)?.serial,
    },
    0,
  );
  const self: Given = {
    projector,
    published,
    when(events, time = START + projector.batch * 1000) {
      const versions = projector.apply({ batch: projector.batch + 1, time, events });
      published.push([...versions]);
      return versions;
    },
    zone(id) {
      const zone = projector.zones().find((other) => other.id === id);
      if (zone === undefined) throw new Error(`no zone ${id}`);
      return zone;
    },
    changesets: (id) =>
      published.flat().flatMap((version) => (version.zone === id && version.changeset ? [version.changeset] : [])),
  };
  for (const batch of batches) self.when(batch);
  return self;
}

/** Every record of a zone but the SOA, a line each, as a master file has it. */
export function zoneLines(zone: Zone): string[] {
  return [...zoneRRsets(zone)].flatMap((set) => recordsOf(set).map(recordLine));
}

export function recordLine({ owner, type, ttl, rdata }: ResourceRecord): string {
  const { type: kind, ...fields } = rdata;
  return `${owner} ${ttl} ${kind === 'UNKNOWN' ? type : kind} ${Object.values(fields).join(' ')}`;
}
