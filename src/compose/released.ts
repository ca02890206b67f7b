/** Which versions of the zones serving threads may show: serials, and the ZONEMD records that go with them. */
import type { Serial } from '../dns/serial.ts';
import type { Batch } from '../ingest/event.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { PublishedVersion } from '../projection/projector.ts';
import type { Zone } from '../projection/zone.ts';
import type { ReleasedVersions } from './messages.ts';

/** The versions that a batch made. */
export function versionsOf(published: readonly PublishedVersion[]): ReleasedVersions {
  return {
    serials: published.map(({ zone, serial }) => [zone, serial] as const),
    zonemds: published.flatMap(({ zone, zonemd }) => (zonemd === undefined ? [] : [[zone, zonemd] as const])),
  };
}

/** The versions that zones have. */
export function versionsOfZones(zones: readonly Zone[]): ReleasedVersions {
  return {
    serials: zones.flatMap(({ id, serial }) => (serial === undefined ? [] : [[id, serial] as const])),
    zonemds: zones.flatMap(({ id, zonemd }) => (zonemd === undefined ? [] : [[id, zonemd] as const])),
  };
}

/** The last version of each zone: a new one takes the place of the old one, with or without a ZONEMD record. */
export class LastVersions {
  readonly #serials: Map<ZoneId, Serial>;
  readonly #zonemds: Map<ZoneId, Uint8Array>;

  constructor({ serials, zonemds }: ReleasedVersions) {
    this.#serials = new Map(serials);
    this.#zonemds = new Map(zonemds);
  }

  add({ serials, zonemds = [] }: ReleasedVersions): void {
    for (const [id, serial] of serials) {
      this.#serials.set(id, serial);
      this.#zonemds.delete(id);
    }
    for (const [id, zonemd] of zonemds) this.#zonemds.set(id, zonemd);
  }

  /**
   * Forgets the zones that a batch has taken away: they may come and go without end.
   * @param zones all that there are after it, or after a later batch
   */
  forgetGone({ events }: Batch, zones: () => readonly Zone[]): void {
    for (const event of events) {
      if (event.kind === 'MemberZoneRemoved') this.#delete(event.apex);
      if (event.kind !== 'PlanApplied') continue;
      const kept = new Set([...event.plan.zones, ...zones()].map(({ id }) => id));
      for (const id of this.#serials.keys()) if (!kept.has(id)) this.#delete(id);
    }
  }

  all(): ReleasedVersions {
    return { serials: [...this.#serials], zonemds: [...this.#zonemds] };
  }

  #delete(id: ZoneId): void {
    this.#serials.delete(id);
    this.#zonemds.delete(id);
  }
}
