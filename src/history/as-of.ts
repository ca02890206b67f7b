/** A zone as it was, as far as one name and what its aliases lead to need it. */
import { type DomainName, isSubdomain } from '../dns/name.ts';
import { RRType } from '../dns/rrset.ts';
import { ok } from '../errors.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { Zone } from '../projection/zone.ts';
import { findOrMake } from '../serve/synth.ts';
import { type Answered, problem } from './problem.ts';
import { type HistorySource, iso } from './source.ts';
import { zoneIn } from './worlds.ts';
import { worldForNames } from './worlds-of-names.ts';

/** Aliases that are followed. */
const MOST_ALIASES = 11;

/** @param at a moment */
export function zoneForName(
  source: HistorySource,
  id: ZoneId,
  name: DomainName,
  at: string | undefined,
): Answered<Zone> {
  const place = source.place(at, [id]);
  if (!place.ok) return place;
  const { batch } = place.value;
  const names = [name];
  for (;;) {
    const world = worldForNames(source, id, names, batch);
    const zone = zoneIn(source, world, id, batch);
    if (zone === undefined) return problem('unknownZone', `there was no zone ${id} at ${iso(place.value.asked)}`);
    const alias = aliasOf(zone, names.at(-1) as DomainName);
    if (alias === undefined || names.includes(alias) || names.length > MOST_ALIASES) return ok(zone);
    names.push(alias);
  }
}

/** The name in the zone that a name is an alias of. */
function aliasOf(zone: Zone, name: DomainName): DomainName | undefined {
  const found = findOrMake(zone, name);
  const [rdata] = (found.status === 'exists' && found.rrset(RRType.CNAME)?.rdatas) || [];
  return rdata !== undefined && 'target' in rdata && isSubdomain(rdata.target, zone.apex) ? rdata.target : undefined;
}
