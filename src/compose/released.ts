/** Which versions of the zones serving threads may show: serials, and the ZONEMD records that go with them. */
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
export function mergeVersions(before: ReleasedVersions, newer: ReleasedVersions): ReleasedVersions {
  if (newer.serials.length === 0) return before;
  const isNew = new Set(newer.serials.map(([id]) => id));
  const old = (before.zonemds ?? []).filter(([id]) => !isNew.has(id));
  return {
    serials: [...new Map([...before.serials, ...newer.serials])],
    zonemds: [...old, ...(newer.zonemds ?? [])],
  };
}
