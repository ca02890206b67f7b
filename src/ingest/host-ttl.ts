/**
 * The TTL that the addresses of a host have where they come from, as far as lookups tell. Caches count a TTL down, so of
 * several that were seen the highest is the nearest to it; to take each as it comes would make a zone version of every
 * lookup although nothing is new.
 */

/** Seconds. */
const LEAST = 5;
const MOST = 3_600;
/** So many lookups in a row that say half of it or less make it lower: it was lowered where it comes from. */
const LOWERED_AFTER = 10;

export interface HostTtl {
  /** Seconds. */
  readonly ttl: number;
  /** Lookups in a row that said half of it or less, and the highest TTL among them. */
  readonly lower: { readonly count: number; readonly highest: number };
}

const NONE_LOWER = { count: 0, highest: 0 } as const;

/** @param known undefined: nothing yet @param seen what a lookup said, seconds */
export function learnTtl(known: HostTtl | undefined, seen: number): HostTtl {
  const ttl = Math.min(MOST, Math.max(LEAST, seen));
  if (known === undefined || ttl > known.ttl) return knownTtl(ttl);
  if (ttl > known.ttl / 2) return knownTtl(known.ttl);
  const lower = { count: known.lower.count + 1, highest: Math.max(known.lower.highest, ttl) };
  return lower.count < LOWERED_AFTER ? { ttl: known.ttl, lower } : knownTtl(lower.highest);
}

/** A TTL of which it is not known for how long it was right. */
export function knownTtl(ttl: number): HostTtl {
  return { ttl, lower: NONE_LOWER };
}
