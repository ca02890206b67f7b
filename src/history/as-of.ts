/** A zone as it was, as far as one name and what it leads to need it. */
import { type DomainName, isSubdomain, parentOf } from '../dns/name.ts';
import { RRType } from '../dns/rrset.ts';
import { ok } from '../errors.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { Zone } from '../projection/zone.ts';
import { findOrMake } from '../serve/synth.ts';
import { type Answered, problem } from './problem.ts';
import { type AskedPlace, type HistorySource, iso } from './source.ts';
import { withDigest } from './with-digest.ts';
import { worldAt, zoneIn } from './worlds.ts';
import { worldForNames } from './worlds-of-names.ts';

/** Names that are followed: aliases, and in gateway zones all that records lead to. */
const MOST_ALIASES = 11;
const MOST_LEADS = 64;

/**
 * @param type of records that the answer is to have
 * @param at a moment
 */
export function zoneForName(
  source: HistorySource,
  id: ZoneId,
  name: DomainName,
  type: RRType,
  at: string | undefined,
): Answered<Zone> {
  const place = source.place(at, [id]);
  if (!place.ok) return place;
  const found = zoneWithNames(source, id, name, place.value);
  return found.ok ? ok(withDigest(source, found.value, name, type, place.value.batch)) : found;
}

function zoneWithNames(source: HistorySource, id: ZoneId, name: DomainName, place: AskedPlace): Answered<Zone> {
  const { batch } = place;
  const names = [name];
  for (;;) {
    const world = worldForNames(source, id, names, batch);
    const zone = zoneIn(source, world, id, batch);
    if (zone === undefined) return problem('unknownZone', `there was no zone ${id} at ${iso(place.asked)}`);
    if (zone.definition.kind === 'gateway') {
      const leads = new Set(names.flatMap((one) => leadsOf(zone, one)));
      const more = [...leads].filter((lead) => !names.includes(lead));
      if (more.length === 0) return ok(zone);
      if (names.length + more.length > MOST_LEADS) return whole(source, id, batch, zone);
      names.push(...more);
      continue;
    }
    const alias = aliasOf(zone, names.at(-1) as DomainName);
    if (alias === undefined || names.includes(alias) || names.length > MOST_ALIASES) return ok(zone);
    names.push(alias);
  }
}

function whole(source: HistorySource, id: ZoneId, batch: number, otherwise: Zone): Answered<Zone> {
  return ok(zoneIn(source, worldAt(source, batch), id, batch) ?? otherwise);
}

/** The names in the zone that an answer about a name leads to, or a zone cut above it: their addresses come along. */
function leadsOf(zone: Zone, name: DomainName): DomainName[] {
  const leads: DomainName[] = [];
  for (let at: DomainName | undefined = name; at !== undefined && at !== zone.apex; at = parentOf(at)) {
    const found = findOrMake(zone, at);
    for (const set of found.status === 'exists' ? found.rrsets() : []) {
      if (at !== name && set.type !== RRType.NS) continue;
      for (const rdata of set.rdatas)
        if ('target' in rdata && isSubdomain(rdata.target, zone.apex)) leads.push(rdata.target);
    }
  }
  return leads;
}

/** The name in the zone that a name is an alias of. */
function aliasOf(zone: Zone, name: DomainName): DomainName | undefined {
  const found = findOrMake(zone, name);
  const [rdata] = (found.status === 'exists' && found.rrset(RRType.CNAME)?.rdatas) || [];
  return rdata !== undefined && 'target' in rdata && isSubdomain(rdata.target, zone.apex) ? rdata.target : undefined;
}
