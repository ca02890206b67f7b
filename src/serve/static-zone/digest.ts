/** The ZONEMD record (RFC 8976) of a zone that is written down without one. */
import type { ZonemdOptions } from '../../corefile/config.ts';
import { RecordStore } from '../../dns/record-store.ts';
import { type ResourceRecord, RRType } from '../../dns/rrset.ts';
import { digestInSteps, zonemdData } from '../../dns/zone-digest.ts';
import type { StaticZone } from './zone.ts';

/** Records of one step. */
const STEP = 500;

/** Has the zone a ZONEMD record, whoever made it? */
export function hasZonemd({ apex, names }: StaticZone): boolean {
  return names.get(apex)?.has(RRType.ZONEMD) === true;
}

/** Between two steps other work may be done. @returns undefined where the zone has too many records */
export function* zonemdInSteps(
  { apex, soa, names, size }: StaticZone,
  { hash, most }: ZonemdOptions,
): Generator<undefined, ResourceRecord | undefined> {
  if (size > most) return undefined;
  const editor = RecordStore.empty(apex).edit();
  let records = 0;
  for (const sets of names.values()) {
    for (const set of sets.values()) {
      for (const record of set) {
        editor.add(record);
        records += 1;
        if (records % STEP === 0) yield;
      }
    }
  }
  const digest = yield* digestInSteps(apex, editor.finish().records(), hash);
  const data = zonemdData(soa.rdata.serial, hash, digest);
  return { owner: apex, type: RRType.ZONEMD, ttl: soa.ttl, rdata: { type: 'UNKNOWN', code: RRType.ZONEMD, data } };
}
