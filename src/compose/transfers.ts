/** Zone transfers, joined to the serving side: neither knows the other. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { findStanza } from '../corefile/config.ts';
import { unmapAddress } from '../dns/address.ts';
import { MessageEncoder } from '../dns/encode.ts';
import type { DomainName } from '../dns/name.ts';
import { Rcode, type RRset } from '../dns/rrset.ts';
import type { ClusterId } from '../ingest/event.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { Logger } from '../logger.ts';
import type { MetricsSnapshot } from '../metrics.ts';
import type { Zone } from '../projection/zone.ts';
import type { HandlerFactory, ServingBlock } from '../serve/blocks.ts';
import type { Handler, OfferedZone, Outcome, Request } from '../serve/chain.ts';
import { createTransfer } from '../serve/plugins/transfer.ts';
import { transferOptions } from '../serve/zone-version.ts';
import type { FindAddresses } from '../transfer/access.ts';
import { PackingAhead } from '../transfer/packing-ahead.ts';
import {
  type ChangesetSource,
  finishPlan,
  type OutgoingZone,
  outgoingZone,
  planTransfer,
  type TransferPlan,
} from '../transfer/plan.ts';
import { type Taken, Transfers } from '../transfer/respond.ts';
import { withCatalogs } from './catalogs.ts';
import { foundKey } from './found.ts';
import type { OfferedPlace } from './offered.ts';
import type { BlockZones } from './plan.ts';
import { transferredZones } from './told.ts';

export interface TransferOptions {
  /** Of this thread; it is not read before zones are served. */
  readonly journal: () => ChangesetSource;
  readonly zoneOf: (id: ZoneId) => Zone | undefined;
  /** What a block serves, under the configuration that is being built. */
  readonly zonesOf: (block: ServingBlock) => BlockZones;
  /** For how many seconds a zone of another server is still good; undefined: it is none, or that is not known. */
  readonly expiresIn: (zone: ZoneId) => number | undefined;
  /** Of the secondaries that a cluster tells. */
  readonly addressesOf: (cluster: ClusterId) => readonly string[];
  /** What main knows a block by. */
  readonly nameOf: (block: ServingBlock) => string;
  /** A client took a version, or said that it has it. */
  readonly onTransferred: (zone: ZoneId | OfferedPlace, address: string, taken: Taken) => void;
  readonly logger: Logger;
  /** Seconds, monotonic. */
  readonly now: () => number;
  /** Calls back once after so many milliseconds; returns what takes it back. Absent: nothing is packed ahead. */
  readonly after?: (milliseconds: number, callback: () => void) => () => void;
}

export interface TransferSide {
  readonly factory: HandlerFactory;
  snapshot(): MetricsSnapshot;
  /** Of the zones that these blocks hand out, the newest versions are packed ahead. */
  configured(blocks: Iterable<ServingBlock>): void;
  /** There is a newer version of the zone. */
  changed(zone: ZoneId): void;
  /** Nothing is packed ahead any more. */
  stop(): void;
}

export function createTransferSide(options: TransferOptions): TransferSide {
  const { journal, zoneOf, zonesOf, expiresIn, addressesOf, nameOf, onTransferred, logger, now } = options;
  const transfers = new Transfers(logger, now);
  const encoder = new MessageEncoder();
  const ahead = options.after && createPackingAhead(options, options.after, transfers);
  let reading: Promise<unknown> = Promise.resolve();
  /** What nobody else has answered either gets a reason, and is told of. */
  const refuseUntaken = (request: Request, outcome: Outcome): Outcome => {
    const isRefused = outcome.kind === 'reply' && outcome.rcode !== Rcode.NOERROR && outcome.ede === undefined;
    return isRefused ? { ...outcome, ede: transfers.refuseUntaken(request) } : outcome;
  };
  return {
    factory: (block, { siblings }) => {
      const ids = new Map(transferredZones(zonesOf(block)).map(({ apex, id }) => [apex, id]));
      const stanzas = block.options.transfer ?? [];
      const { found, catalogs = [] } = zonesOf(block);
      const findAddresses: FindAddresses = (target) => {
        const cluster = found?.get(foundKey(target));
        return cluster === undefined ? [] : addressesOf(cluster);
      };
      const find = (apex: DomainName): OutgoingZone | 'incomplete' | undefined => {
        const id = ids.get(apex);
        if (id === undefined) return offered(siblings(), apex);
        const zone = zoneOf(id);
        return zone && outgoingZone(zone);
      };
      const decide = (request: Request): TransferPlan =>
        planTransfer(request, {
          stanza: findStanza(stanzas, request.question.name),
          zone: find(request.question.name),
          journal: journal(),
          room: transfers.room,
          find: findAddresses,
        });
      const carryOut = (request: Request, plan: TransferPlan): Outcome | undefined => {
        const { name: apex } = request.question;
        const expire = expiresIn(ids.get(apex) ?? apex);
        const soa = 'soa' in plan ? { ...plan.soa.rdata, ...(expire !== undefined && { expire }) } : undefined;
        const options = soa === undefined ? [] : transferOptions(request, soa);
        const edns = request.edns && { ...request.edns, version: 0, options };
        const id = ids.get(apex) ?? { block: nameOf(block), apex };
        const done = transfers.respond(plan, request, {
          encoder,
          edns,
          seal: request.seal,
          limits: findStanza(stanzas, apex)?.limits,
          onTaken: (taken) => onTransferred(id, unmapAddress(request.remote.address), taken),
        });
        const isKept = plan.kind === 'full' && request.question.spelling === apex;
        if (isKept && done?.kind === 'stream' && typeof id === 'string') ahead?.taken(id);
        return done?.kind === 'reply' && soa !== undefined ? { ...done, zoneVersion: { apex, soa } } : done;
      };
      const handler = createTransfer((request) => {
        const plan = decide(request);
        if (plan.kind !== 'long') return carryOut(request, plan);
        // One after the other, each under what the one before it has left of the room.
        const done = reading.then(async () => carryOut(request, await finishPlan(decide(request), nextTurn)));
        reading = done.catch(() => undefined);
        return done;
      }, refuseUntaken);
      return withCatalogs(handler, block, catalogs, { zoneOf, find: findAddresses });
    },
    snapshot: () => transfers.snapshot(),
    configured(blocks) {
      const ids = new Map<DomainName, ZoneId>();
      for (const block of blocks) {
        for (const { apex, id } of transferredZones(zonesOf(block))) {
          // Messages are kept by the apex.
          if (findStanza(block.options.transfer ?? [], apex) !== undefined && !ids.has(apex)) ids.set(apex, id);
        }
      }
      ahead?.configure(ids.values());
    },
    changed: (zone) => ahead?.changed(zone),
    stop: () => ahead?.stop(),
  };
}

function createPackingAhead(
  { zoneOf, logger, now }: TransferOptions,
  after: NonNullable<TransferOptions['after']>,
  transfers: Transfers,
): PackingAhead {
  const encoder = new MessageEncoder();
  return new PackingAhead({
    pack: (id) => {
      const zone = zoneOf(id);
      const outgoing = zone && outgoingZone(zone);
      return outgoing === undefined || outgoing === 'incomplete' ? undefined : transfers.packAhead(outgoing, encoder);
    },
    after,
    now: () => now() * 1000,
    onFailure: (id, error) => logger.error(`Zone ${id} can't be packed: ${error}`),
  });
}

/** A zone that a plugin of the block has written down: the first plugin's. */
function offered(handlers: readonly Handler[], apex: DomainName): OutgoingZone | 'incomplete' | undefined {
  for (const handler of handlers) {
    const zone = handler.offeredZone?.(apex);
    if (zone === undefined) continue;
    if (zone === 'incomplete') return zone;
    const { soa, journal } = zone;
    return { soa, rrsets: () => setsOf(zone), ...(journal !== undefined && { journal }) };
  }
  return undefined;
}

/** Each record as a set of its own: a transfer writes them one by one. */
function* setsOf(zone: OfferedZone): Generator<RRset> {
  for (const { owner, type, ttl, rdata } of zone.records()) yield { owner, type, ttl, rdatas: [rdata] };
}
