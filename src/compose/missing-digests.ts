/** Zones that were to have a ZONEMD record and are too large for it: told in the log when they come to be, and counted. */
import type { ZoneId } from '../ingest/plan.ts';
import type { Logger } from '../logger.ts';
import type { Zone } from '../projection/zone.ts';

export interface MissingDigests {
  /** After versions were made. */
  look(zones: readonly Zone[]): void;
}

export function watchMissingDigests(logger: Logger): MissingDigests {
  const missing = new Set<ZoneId>();
  return {
    look(zones) {
      for (const zone of zones) {
        const { id, serial, definition } = zone;
        if (definition.zonemd === undefined || serial === undefined) continue;
        if (hasDigest(zone)) missing.delete(id);
        else if (!missing.has(id)) {
          missing.add(id);
          logger.warning(`${id}: more than ${definition.zonemd.most} records: from serial ${serial} on without ZONEMD`);
        }
      }
    },
  };
}

/** For each zone that is to have a digest, whether it has one. */
export function digestStates(zones: readonly Zone[]): readonly (readonly [ZoneId, boolean])[] {
  return zones
    .filter(({ definition, serial }) => definition.zonemd !== undefined && serial !== undefined)
    .map((zone) => [zone.id, hasDigest(zone)] as const);
}

function hasDigest({ zonemd }: Zone): boolean {
  return zonemd !== undefined;
}
