/**
 * Zones that plugins offer for transfers, `file` and `auto`: they are in no plan, and come and go without one. What a
 * serving thread tells of them, and by which ids main knows them.
 */
import type { DomainName } from '../dns/name.ts';
import type { Serial } from '../dns/serial.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { SoaRecord } from '../projection/diff.ts';
import type { ServingBlock } from '../serve/blocks.ts';

/** Two blocks may serve different zones of one apex. */
export interface OfferedPlace {
  /** The block's name (`blockNames`). */
  readonly block: string;
  readonly apex: DomainName;
}

/** Without `soa`: the zone is gone. */
export interface OfferedVersion extends OfferedPlace {
  readonly soa: SoaRecord | undefined;
}

/**
 * What blocks are known by from one configuration to the next, in their order: where and what they serve, with a number
 * where several do the same. Their places may change by a reload, and what they offer stays what it is.
 */
export function blockNames(blocks: readonly Pick<ServingBlock, 'keys' | 'addresses'>[]): string[] {
  const count = new Map<string, number>();
  return blocks.map(({ keys, addresses }) => {
    const texts = keys.map(({ transport, zone, port }) => `${transport}://${zone}:${port}`);
    const name = `${texts.sort().join(',')} on ${[...addresses].sort().join(',')}`;
    const number = (count.get(name) ?? 0) + 1;
    count.set(name, number);
    return number === 1 ? name : `${name} ${number}`;
  });
}

export function placeKey({ block, apex }: OfferedPlace): string {
  return `${block} ${apex}`;
}

/** What has changed since the last look. */
export class OfferedZones {
  readonly #known = new Map<string, OfferedPlace & { readonly serial: Serial }>();

  /** @param offered all there are, the first of each place counts */
  update(offered: readonly (OfferedPlace & { readonly soa: SoaRecord })[]): OfferedVersion[] {
    const changed: OfferedVersion[] = [];
    const seen = new Set<string>();
    for (const { block, apex, soa } of offered) {
      const key = placeKey({ block, apex });
      if (seen.has(key)) continue;
      seen.add(key);
      const { serial } = soa.rdata;
      if (this.#known.get(key)?.serial === serial) continue;
      this.#known.set(key, { block, apex, serial });
      changed.push({ block, apex, soa });
    }
    for (const [key, { block, apex }] of this.#known) {
      if (seen.has(key)) continue;
      this.#known.delete(key);
      changed.push({ block, apex, soa: undefined });
    }
    return changed;
  }
}

/** Ids for the offered zones that are there, in the way of those of the plan: the apex, or with a number behind it. */
export class OfferedIds {
  readonly #ids = new Map<string, OfferedPlace & { readonly id: ZoneId }>();

  find(place: OfferedPlace): ZoneId | undefined {
    return this.#ids.get(placeKey(place))?.id;
  }

  /** @param isTaken by a zone of the plan */
  idOf(place: OfferedPlace, isTaken: (id: ZoneId) => boolean): ZoneId {
    const known = this.find(place);
    if (known !== undefined) return known;
    const own = new Set([...this.#ids.values()].filter(({ apex }) => apex === place.apex).map(({ id }) => id));
    let id: ZoneId = place.apex;
    for (let number = 2; own.has(id) || isTaken(id); number++) id = `${place.apex}#${number}`;
    this.#ids.set(placeKey(place), { ...place, id });
    return id;
  }

  /** Those whose ids zones of a new plan have get others. */
  yieldTo(isTaken: (id: ZoneId) => boolean): void {
    for (const place of this.all()) {
      if (!isTaken(place.id)) continue;
      this.delete(place);
      this.idOf(place, isTaken);
    }
  }

  delete(place: OfferedPlace): void {
    this.#ids.delete(placeKey(place));
  }

  all(): readonly (OfferedPlace & { readonly id: ZoneId })[] {
    return [...this.#ids.values()];
  }
}
