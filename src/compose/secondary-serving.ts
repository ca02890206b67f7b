/** `secondary`, joined to the zones: which of them a block serves, and who may say that they have changed. */
import type { SecondaryOptions, TransferTarget } from '../corefile/config.ts';
import { findStanza } from '../corefile/config.ts';
import { unmapAddress } from '../dns/address.ts';
import { type DomainName, parentOf } from '../dns/name.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { Zone } from '../projection/zone.ts';
import type { HandlerFactory, ServingBlock } from '../serve/blocks.ts';
import { createSecondary, type SecondaryZone } from '../serve/plugins/secondary.ts';
import { clientOf, isPermitted } from '../transfer/access.ts';
import type { BlockZones } from './plan.ts';

export interface SecondaryServingOptions {
  /** What a block serves, under the configuration that is being built. */
  readonly zonesOf: (block: ServingBlock) => BlockZones;
  readonly zoneOf: (id: ZoneId) => Zone | undefined;
  /** All zones of the moment. */
  readonly zones: () => readonly Zone[];
  /** For how many seconds a zone is still good; undefined: not known. */
  readonly expiresIn: (zone: ZoneId) => number | undefined;
  /** A server says that it has a new version of a zone. */
  readonly onNotified: (zone: ZoneId, address: string) => void;
}

interface Place {
  readonly id: ZoneId;
  readonly apex: DomainName;
  readonly stanza: SecondaryOptions;
}

/** Directives behind `secondary` that answer questions. */
const BEHIND: ReadonlySet<string> = new Set(['loop', 'forward', 'erratic', 'whoami']);

export function secondaryFactory({
  zonesOf,
  zoneOf,
  zones,
  expiresIn,
  onNotified,
}: SecondaryServingOptions): HandlerFactory {
  return (block, { askServer, logger, now }) => {
    const places = placesOf(block, zonesOf(block));
    const byApex = new Map(places.toReversed().map((place) => [place.apex, place]));
    const catalogs = new Map(places.flatMap((place) => (place.stanza.catalog ? [[place.id, place] as const] : [])));

    const placeOf = (apex: DomainName): Place | undefined => {
      const own = byApex.get(apex);
      if (own !== undefined || catalogs.size === 0) return own;
      const catalog = catalogs.get(zoneOf(apex)?.definition.memberOf ?? '');
      return catalog && { id: apex, apex, stanza: catalog.stanza };
    };
    const served = ({ id, apex, stanza }: Place): SecondaryZone => ({
      apex,
      zone: zoneOf(id),
      fallthrough: stanza.fallthrough,
      isCatalog: catalogs.has(id),
    });
    const find = (name: DomainName) => {
      for (let apex: DomainName | undefined = name; apex !== undefined; apex = parentOf(apex)) {
        const place = placeOf(apex);
        if (place !== undefined) return served(place);
      }
      return undefined;
    };
    return createSecondary({
      find,
      *members() {
        if (catalogs.size === 0) return;
        for (const { apex, definition } of zones()) {
          if (!catalogs.has(definition.memberOf ?? '')) continue;
          const place = placeOf(apex);
          if (place !== undefined) yield served(place);
        }
      },
      isNotifier({ apex }, request) {
        const stanza = placeOf(apex)?.stanza;
        return stanza !== undefined && isPermitted(notifiersOf(stanza), clientOf(request));
      },
      isPermitted({ apex }, request) {
        const targets = findStanza(block.options.transfer ?? [], apex)?.to ?? [];
        return isPermitted(targets, clientOf(request));
      },
      onNotify({ apex }, address) {
        const place = placeOf(apex);
        if (place !== undefined) onNotified(place.id, unmapAddress(address));
      },
      expiresIn: ({ zone }) => zone && expiresIn(zone.id),
      isLast: !block.plugins.some((name) => BEHIND.has(name)),
      askServer,
      logger,
      now,
    });
  };
}

function placesOf({ options }: ServingBlock, zones: BlockZones): Place[] {
  return (options.secondary ?? []).flatMap((stanza, i) =>
    (zones.secondary?.[i] ?? []).map(({ id, apex }) => ({ id, apex, stanza })),
  );
}

/** The primaries, those of groups too, signed by their key if they have one; and who is listed besides. */
function notifiersOf({ primaries, groups, notifiers }: SecondaryOptions): TransferTarget[] {
  const all = [...primaries, ...groups.flatMap((group) => group.primaries)];
  return [
    ...all.map(({ address, port, key }): TransferTarget => ({ kind: 'address', address, port, key })),
    ...notifiers,
  ];
}
