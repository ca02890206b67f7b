/** Zone transfers, joined to the serving side: neither knows the other. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { unmapAddress } from '../dns/address.ts';
import { MessageEncoder } from '../dns/encode.ts';
import type { Serial } from '../dns/serial.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { Logger } from '../logger.ts';
import type { MetricsSnapshot } from '../metrics.ts';
import type { JournalReader } from '../projection/journal.ts';
import type { Zone } from '../projection/zone.ts';
import type { HandlerFactory, ServingBlock } from '../serve/blocks.ts';
import type { Outcome, Request } from '../serve/chain.ts';
import { createTransfer } from '../serve/plugins/transfer.ts';
import { findStanza } from '../transfer/access.ts';
import { finishPlan, planTransfer, type TransferPlan } from '../transfer/plan.ts';
import { Transfers } from '../transfer/respond.ts';
import { withCatalogs } from './catalogs.ts';
import { transferredZones } from './notify.ts';
import type { BlockZones } from './plan.ts';

export interface TransferOptions {
  /** Of this thread; it is not read before zones are served. */
  readonly journal: () => JournalReader;
  readonly zoneOf: (id: ZoneId) => Zone | undefined;
  /** What a block serves, under the configuration that is being built. */
  readonly zonesOf: (block: ServingBlock) => BlockZones;
  /** A client took a version, or said that it has it. */
  readonly onTransferred: (zone: ZoneId, address: string, serial: Serial) => void;
  readonly logger: Logger;
  /** Seconds, monotonic. */
  readonly now: () => number;
}

export interface TransferSide {
  readonly factory: HandlerFactory;
  snapshot(): MetricsSnapshot;
}

export function createTransferSide(options: TransferOptions): TransferSide {
  const { journal, zoneOf, zonesOf, onTransferred, logger, now } = options;
  const transfers = new Transfers(logger, now);
  const encoder = new MessageEncoder();
  let reading: Promise<unknown> = Promise.resolve();
  return {
    factory: (block) => {
      const ids = new Map(transferredZones(zonesOf(block)).map(({ apex, id }) => [apex, id]));
      const stanzas = block.options.transfer ?? [];
      const decide = (request: Request): TransferPlan => {
        const id = ids.get(request.question.name);
        return planTransfer(request, {
          stanza: findStanza(stanzas, request.question.name),
          zone: id === undefined ? undefined : zoneOf(id),
          journal: journal(),
          room: transfers.room,
        });
      };
      const carryOut = (request: Request, plan: TransferPlan): Outcome | undefined => {
        const edns = request.edns && { ...request.edns, version: 0, options: [] };
        const done = transfers.respond(plan, request, { encoder, edns, seal: request.seal });
        const id = ids.get(request.question.name);
        if (id === undefined || !('soa' in plan)) return done;
        const taken = () => onTransferred(id, unmapAddress(request.remote.address), plan.soa.rdata.serial);
        if (done?.kind === 'stream') {
          return {
            ...done,
            onEnd: (end) => {
              done.onEnd(end);
              if (end === 'sent') taken();
            },
          };
        }
        if (plan.kind === 'current' && plan.why === 'equal') taken();
        return done;
      };
      const handler = createTransfer((request) => {
        const plan = decide(request);
        if (plan.kind !== 'long') return carryOut(request, plan);
        // One after the other, each under what the one before it has left of the room.
        const done = reading.then(async () => carryOut(request, await finishPlan(decide(request), nextTurn)));
        reading = done.catch(() => undefined);
        return done;
      });
      return withCatalogs(handler, block, zonesOf(block).catalogs ?? [], zoneOf);
    },
    snapshot: () => transfers.snapshot(),
  };
}
