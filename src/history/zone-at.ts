/** A zone as it was: what a transfer gave then. */
import { type DomainName, parseName } from '../dns/name.ts';
import { recordsOf } from '../dns/rrset.ts';
import { ok } from '../errors.ts';
import type { ZoneId } from '../ingest/plan.ts';
import { sealZone } from '../projection/seal.ts';
import { isZoneSynced, soaRecord, type Zone, zoneRRsets } from '../projection/zone.ts';
import type { TextRecord, ZoneAt } from './answers.ts';
import { quote } from './moment.ts';
import { type Answered, problem } from './problem.ts';
import { apexOf, type HistorySource, iso, type Place, type Version, versionRef } from './source.ts';
import { textRecord } from './text.ts';
import { worldAt, zoneOf } from './worlds.ts';

export function zoneAt(source: HistorySource, zone: string, at: string | undefined): Answered<ZoneAt> {
  const id = zoneIdOf(source, zone);
  if (!id.ok) return id;
  const version = versionAt(source, id.value, at);
  if (!version.ok) return version;
  const found = publishedZone(source, id.value, version.value);
  if (!found.ok) return found;
  return ok({
    zone: id.value,
    apex: found.value.apex,
    version: versionRef(version.value),
    records: { [Symbol.iterator]: () => recordsOfZone(found.value) },
  });
}

/** The zone that a text names: an apex, with `#2` … where several server blocks build different zones of it. */
export function zoneIdOf(source: HistorySource, text: string): Answered<ZoneId> {
  const [, nameText = '', number = ''] = /^(.*?)(#\d+)?$/s.exec(text) ?? [];
  const apex = parseName(nameText);
  if (apex === undefined) return problem('badInput', `${quote(text)}: not a domain name`);
  const ids = source.zoneIds();
  const id = `${apex}${number}`;
  if (ids.includes(id)) return ok(id);
  const extent = source.extent();
  if (!extent.ok) return extent;
  return problem('unknownZone', `${apex}${number} was never a zone here${known(ids.map(apexOf))}`);
}

function known(zones: readonly DomainName[]): string {
  return zones.length === 0 || zones.length > 20 ? '' : `: the zones are ${[...new Set(zones)].join(' ')}`;
}

/** The version that was published at a moment. */
export function versionAt(source: HistorySource, id: ZoneId, at: string | undefined): Answered<Version> {
  const place = source.place(at, [id]);
  if (!place.ok) return place;
  const version = source.versionAt(id, place.value.batch);
  return version === undefined ? problem('notComplete', notComplete(id, place.value)) : ok(version);
}

function notComplete(id: ZoneId, place: Place): string {
  return `${id} had no version at ${iso(place.time)}: its clusters had not been listed, or its primaries had not handed it over`;
}

/** The zone of a version, which is whole. */
export function publishedZone(source: HistorySource, id: ZoneId, version: Version): Answered<Zone> {
  // A version that was in force when what is left of the log begins was the same there.
  const batch = Math.max(version.batch, source.states().window.batch);
  const zone = zoneOf(worldAt(source, batch), id, version.serial);
  if (zone === undefined) return problem('unknownZone', `${id} was not served at ${iso(version.time)}`);
  if (!isZoneSynced(zone)) return problem('notComplete', notComplete(id, version));
  return ok(sealZone(zone).zone);
}

function* recordsOfZone(zone: Zone): Generator<TextRecord> {
  yield textRecord(soaRecord(zone));
  for (const set of zoneRRsets(zone)) for (const record of recordsOf(set)) yield textRecord(record);
}
