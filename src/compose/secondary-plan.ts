/** The zones of `secondary`: what is built of them, and how they are kept up to date. */
import path from 'node:path';
import type { BlockConfig, Config, PrimaryOptions, SecondaryOptions } from '../corefile/config.ts';
import type { DomainName } from '../dns/name.ts';
import type { TsigKeys } from '../dns/tsig.ts';
import { OperatorError } from '../errors.ts';
import type { ZoneDefinition, ZoneId } from '../ingest/plan.ts';
import { nameOfPrimary, type Primary, type PrimaryTls, type SecondarySource } from '../ingest/secondary/primary.ts';
import type { BlockZones } from './plan.ts';
import { readTsigKeys } from './tsig.ts';

/** One zone of a stanza, under its apex as id. */
export function secondaryDefinition(apex: DomainName, options: SecondaryOptions): ZoneDefinition {
  return {
    id: apex,
    apex,
    kind: 'secondary',
    stanzas: [],
    localAddresses: [],
    primaries: options.primaries.map(textOfPrimary),
    ...(options.catalog !== undefined && { isFollowed: true }),
  };
}

/** By which stanzas are told apart: an address with another key may be another view of a zone. */
function textOfPrimary(primary: PrimaryOptions): string {
  const key = primary.key === undefined ? '' : ` key ${primary.key}`;
  return `${primary.isTls ? 'tls://' : ''}${nameOfPrimary(primary)}${key}`;
}

/**
 * All zones that are to be kept up to date.
 * @throws OperatorError when a key can't be had
 */
export function secondarySources({ serverBlocks }: Config, blocks: readonly BlockZones[]): SecondarySource[] {
  const sources = new Map<ZoneId, SecondarySource>();
  for (const [i, block] of serverBlocks.entries()) {
    const stanzas = block.options.secondary ?? [];
    const keys = stanzas.length === 0 ? undefined : readTsigKeys(block.options);
    for (const [at, options] of stanzas.entries()) {
      for (const { id, apex } of blocks[i]?.secondary?.[at] ?? []) {
        if (!sources.has(id)) sources.set(id, sourceOf(id, apex, options, block, keys));
      }
    }
  }
  return [...sources.values()];
}

function sourceOf(
  zone: ZoneId,
  apex: DomainName,
  options: SecondaryOptions,
  block: BlockConfig,
  keys: TsigKeys | undefined,
): SecondarySource {
  const { limits, catalog, groups, zonemd } = options;
  const primaryOf = (primary: PrimaryOptions) => makePrimary(primary, options, block, keys);
  return {
    zone,
    apex,
    primaries: options.primaries.map(primaryOf),
    ...(options.source !== undefined && { source: options.source }),
    ...(options.isIxfrOff && { isFullOnly: true }),
    ...(zonemd && { zonemd }),
    limits: { records: limits.records, octets: limits.octets },
    refresh: options.refresh,
    retry: options.retry,
    expire: options.expire,
    transferTime: limits.timeMs,
    idleTime: limits.idleMs,
    ...(catalog !== undefined && {
      catalog: {
        members: catalog,
        within: block.zones,
        most: limits.members,
        groups: groups.map(({ name, primaries }) => ({ name, primaries: primaries.map(primaryOf) })),
      },
    }),
  };
}

function makePrimary(
  { address, port, isTls, serverName, key: keyName }: PrimaryOptions,
  options: SecondaryOptions,
  block: BlockConfig,
  keys: TsigKeys | undefined,
): Primary {
  const key = keyName === undefined ? undefined : keys?.get(keyName);
  if (keyName !== undefined && key === undefined) {
    throw new OperatorError(`plugin/secondary: key '${keyName}' is in no tsig stanza of the server block`);
  }
  const tls = isTls ? { tls: tlsOf(serverName, options, block) } : {};
  return { address, port, ...(key && { key }), ...tls };
}

/** `tls`: none of the files, the authority alone, certificate and key, or all three, as in `forward`. */
function tlsOf(serverName: string | undefined, options: SecondaryOptions, block: BlockConfig): PrimaryTls {
  const files = options.tls.map((file) => path.resolve(block.options.root ?? '', file));
  const [cert, key, ca] = files.length === 1 ? [undefined, undefined, files[0]] : files;
  const name = serverName ?? options.tlsServerName;
  return {
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(ca !== undefined && { ca }),
    ...(name !== undefined && { serverName: name }),
  };
}
