/** Who is told of the versions of which zone: from the Corefile, and from what clusters tell of secondaries. */
import { type BlockConfig, type Config, DEFAULT_NOTIFY, findStanza } from '../corefile/config.ts';
import type { DomainName } from '../dns/name.ts';
import { OperatorError } from '../errors.ts';
import type { ClusterId } from '../ingest/event.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { NotifyTarget, NotifyZone } from '../transfer/notify.ts';
import { foundKey } from './found.ts';
import type { OfferedPlace } from './offered.ts';
import type { BlockZones, PlannedConfig } from './plan.ts';
import { readTsigKeys } from './tsig.ts';

/** Targets whose addresses a cluster tells. */
export interface FoundTargets extends Omit<NotifyTarget, 'address'> {
  readonly cluster: ClusterId;
}

type Timing = NotifyZone['timing'];

/** Who is told of a zone. */
export interface Told {
  readonly timing: Timing;
  readonly targets: readonly NotifyTarget[];
  readonly found: readonly FoundTargets[];
}

export interface ToldZone extends Told {
  readonly zone: ZoneId;
  readonly apex: DomainName;
}

const NOBODY: Told = { timing: DEFAULT_NOTIFY, targets: [], found: [] };

/** All targets with their addresses of this moment, each address and port once. */
export function targetsNow(
  { targets, found }: Pick<Told, 'targets' | 'found'>,
  addressesOf: (cluster: ClusterId) => readonly string[],
): NotifyTarget[] {
  const others = found.flatMap(({ cluster, source, ...rest }) =>
    addressesOf(cluster).map((address) => ({ ...rest, address, ...sourceFor(address, source) })),
  );
  return [...new Map([...others, ...targets].map((target) => [`${target.address} ${target.port}`, target])).values()];
}

/**
 * Every zone of the plan, with its targets.
 * @throws OperatorError when a key can't be had
 */
export function notifyZones({ serverBlocks }: Config, { plan, blocks }: PlannedConfig): ToldZone[] {
  const zones = new Map<ZoneId, ToldZone>(plan.zones.map(({ id, apex }) => [id, { zone: id, apex, ...NOBODY }]));
  for (const [i, block] of serverBlocks.entries()) {
    for (const { id, apex } of transferredZones(blocks[i])) {
      const stanza = findStanza(block.options.transfer ?? [], apex);
      const zone = zones.get(id);
      if (stanza === undefined || zone === undefined || stanza.notify === 'off') continue;
      const own = targetsOf(block, stanza, blocks[i]);
      zones.set(id, {
        ...zone,
        timing: stanza.notify ?? zone.timing,
        targets: [...zone.targets, ...own.targets],
        found: [...zone.found, ...own.found],
      });
    }
  }
  return [...zones.values()];
}

/** Who is told of the versions of a zone that is in no plan. */
export type OfferedTold = (place: OfferedPlace) => Told;

/**
 * Who is told of zones that plugins offer.
 * @param names of the blocks
 * @throws OperatorError when a key can't be had
 */
export function offeredTold(
  { serverBlocks }: Config,
  { blocks }: PlannedConfig,
  names: readonly string[],
): OfferedTold {
  const stanzas = new Map(
    serverBlocks.map((block, i) => [
      names[i],
      (block.options.transfer ?? []).map((stanza) => ({ stanza, told: targetsOf(block, stanza, blocks[i]) })),
    ]),
  );
  return ({ block, apex }) => {
    const all = stanzas.get(block) ?? [];
    const stanza = findStanza(
      all.map((one) => one.stanza),
      apex,
    );
    const told = all.find((one) => one.stanza === stanza)?.told;
    if (stanza === undefined || told === undefined || stanza.notify === 'off') return NOBODY;
    return { timing: stanza.notify ?? DEFAULT_NOTIFY, ...told };
  };
}

/** The zones that a block hands out: of several with one apex the first. */
export function transferredZones(zones: BlockZones | undefined): { readonly id: ZoneId; readonly apex: DomainName }[] {
  const found = new Map<DomainName, { id: ZoneId; apex: DomainName }>();
  for (const { apex, id } of [
    ...(zones?.kubernetes ?? []),
    ...(zones?.multicluster ?? []),
    ...(zones?.gateway ?? []),
    ...(zones?.secondary ?? []),
    zones?.catalogs ?? [],
  ].flat()) {
    if (!found.has(apex)) found.set(apex, { id, apex });
  }
  return [...found.values()];
}

function targetsOf(
  { options }: BlockConfig,
  { to, source }: NonNullable<BlockConfig['options']['transfer']>[number],
  zones: BlockZones | undefined,
): Pick<Told, 'targets' | 'found'> {
  const keys = readTsigKeys(options);
  const targets: NotifyTarget[] = [];
  const found: FoundTargets[] = [];
  for (const target of to) {
    if (target.kind === 'any' || target.kind === 'network') continue;
    const { port } = target;
    const key = target.key === undefined ? undefined : keys.get(target.key);
    if (target.key !== undefined && key === undefined) {
      throw new OperatorError(`plugin/transfer: key '${target.key}' is in no tsig stanza of the server block`);
    }
    if (target.kind === 'address') {
      targets.push({ address: target.address, port, ...(key && { key }), ...sourceFor(target.address, source) });
      continue;
    }
    const cluster = zones?.found?.get(foundKey(target));
    if (cluster !== undefined) {
      found.push({ cluster, port, ...(key && { key }), ...(source !== undefined && { source }) });
    }
  }
  return { targets, found };
}

/** An address to send from is of use for its own family. */
function sourceFor(address: string, source: string | undefined): Pick<NotifyTarget, 'source'> {
  return source !== undefined && source.includes(':') === address.includes(':') ? { source } : {};
}
