/** Where a gateway zone ends: a zone below it, of the same stanzas, has all that lies there, and is delegated to. */
import { type DomainName, isSubdomain } from '../dns/name.ts';
import type { ZoneDefinition } from '../ingest/plan.ts';

const known = new WeakMap<ZoneDefinition, readonly DomainName[]>();

/** The nearest zones below that every stanza of the zone has as well: for their names the zone itself is never asked. */
export function zonesBelow(definition: ZoneDefinition): readonly DomainName[] {
  const kept = known.get(definition);
  if (kept !== undefined) return kept;
  const found = findBelow(definition);
  known.set(definition, found);
  return found;
}

function findBelow({ apex, stanzas }: ZoneDefinition): DomainName[] {
  const [first = [], ...others] = stanzas.map(({ gateway }) => new Set(gateway?.zones));
  const shared = [...first].filter((zone) => others.every((zones) => zones.has(zone)));
  const below = shared.filter((zone) => zone !== apex && isSubdomain(zone, apex));
  return below.filter((zone) => !below.some((other) => other !== zone && isSubdomain(zone, other)));
}
