/**
 * The ZONEMD record (RFC 8976) of a zone of `k8s_external`, which has no versions of its own: made when somebody asks for it or
 * takes the zone, once for each version of the zones of `kubernetes` that it is made of.
 */
import type { ZonemdOptions } from '../../corefile/config.ts';
import { canonicalOrder } from '../../dns/canonical.ts';
import type { DomainName } from '../../dns/name.ts';
import { type ResourceRecord, RRType, type SoaRdata } from '../../dns/rrset.ts';
import { digestInSteps, zonemdData } from '../../dns/zone-digest.ts';
import type { Zone } from '../../projection/zone.ts';

/** Records of a zone that has one at most: a few milliseconds, for which other answers wait. */
export const MOST_HASHED = 10_000;

/** A zone as it is at this moment. */
export interface ExternalContent {
  readonly soa: ResourceRecord & { readonly rdata: SoaRdata };
  /** What it is made of: the same objects for the same content. */
  readonly sources: readonly Zone[];
  /** All but the SOA and ZONEMD records. */
  readonly records: () => readonly ResourceRecord[];
}

export class ExternalDigests {
  readonly #options: (apex: DomainName) => ZonemdOptions | undefined;
  readonly #kept = new Map<
    DomainName,
    { readonly sources: readonly Zone[]; readonly record: ResourceRecord | undefined }
  >();

  /** @param options for a zone; undefined: it is to have none */
  constructor(options: (apex: DomainName) => ZonemdOptions | undefined) {
    this.#options = options;
  }

  /** @returns undefined where none is asked for, or the zone has too many records */
  recordOf(content: ExternalContent): ResourceRecord | undefined {
    const { soa, sources } = content;
    const options = this.#options(soa.owner);
    if (options === undefined) return undefined;
    const kept = this.#kept.get(soa.owner);
    if (kept?.sources.length === sources.length && kept.sources.every((zone, i) => zone === sources[i])) {
      return kept.record;
    }
    const record = makeRecord(content, options);
    this.#kept.set(soa.owner, { sources, record });
    return record;
  }
}

function makeRecord({ soa, records }: ExternalContent, { hash, most }: ZonemdOptions): ResourceRecord | undefined {
  const all = [soa, ...records()];
  if (all.length > Math.min(most, MOST_HASHED)) return undefined;
  const steps = digestInSteps(soa.owner, canonicalOrder(all), hash);
  for (;;) {
    const step = steps.next();
    if (!step.done) continue;
    const data = zonemdData(soa.rdata.serial, hash, step.value);
    return {
      owner: soa.owner,
      type: RRType.ZONEMD,
      ttl: soa.ttl,
      rdata: { type: 'UNKNOWN', code: RRType.ZONEMD, data },
    };
  }
}
