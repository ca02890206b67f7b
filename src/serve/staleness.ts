/** Zones whose clusters can't be reached at the moment: they are answered from what the log knows, and that is said (RFC 8914). */
import { Rcode } from '../dns/rrset.ts';
import type { ClusterId } from '../ingest/event.ts';
import type { Zone } from '../projection/zone.ts';
import type { ExtendedError } from './chain.ts';

/** RFC 8914 §4.4, §4.20. */
const STALE_ANSWER = 3;
const STALE_NXDOMAIN = 19;

/** A zone is immutable: what was found for it holds. */
const lostOf = new WeakMap<Zone, readonly ClusterId[]>();

/** The clusters of a zone that something is not heard from which the zone is made of. */
export function lostClusters(zone: Zone): readonly ClusterId[] {
  const known = lostOf.get(zone);
  if (known !== undefined) return known;
  const lost = new Set<ClusterId>();
  zone.definition.stanzas.forEach(({ cluster, needs }, at) => {
    if (needs.some((kind) => zone.clusters[at]?.lost[kind] !== undefined)) lost.add(cluster);
  });
  const list = [...lost];
  lostOf.set(zone, list);
  return list;
}

/** What an answer of the zone has to say of its age; undefined: it is of this moment. */
export function staleError(zone: Zone, rcode: Rcode): ExtendedError | undefined {
  const lost = lostClusters(zone);
  if (lost.length === 0) return undefined;
  const code = rcode === Rcode.NXDOMAIN ? STALE_NXDOMAIN : STALE_ANSWER;
  return { code, text: `from the log, out of reach: ${lost.join(', ')}` };
}
