/** The ZONEMD record of a zone as it was, for questions that are about it: it takes all records of the version to make it. */
import type { DomainName } from '../dns/name.ts';
import { RRType } from '../dns/rrset.ts';
import type { Zone } from '../projection/zone.ts';
import type { HistorySource } from './source.ts';
import { publishedZone } from './zone-at.ts';

/** @param zone as it was after a batch, as far as the name needs it */
export function withDigest(source: HistorySource, zone: Zone, name: DomainName, type: RRType, batch: number): Zone {
  const isAsked = name === zone.apex && (type === RRType.ZONEMD || type === RRType.ANY);
  if (!isAsked || zone.definition.zonemd === undefined) return zone;
  const version = source.versionAt(zone.id, batch);
  const published = version && publishedZone(source, zone.id, version);
  return published?.ok ? { ...zone, zonemd: published.value.zonemd } : zone;
}
