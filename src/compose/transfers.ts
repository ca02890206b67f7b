/** Zone transfers, joined to the serving side: neither knows the other. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MessageEncoder } from '../dns/encode.ts';
import type { DomainName } from '../dns/name.ts';
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
import type { BlockZones } from './plan.ts';

export interface TransferOptions {
  /** Of this thread; it is not read before zones are served. */
  readonly journal: () => JournalReader;
  readonly zoneOf: (id: ZoneId) => Zone | undefined;
  /** What a block serves, under the configuration that is being built. */
  readonly zonesOf: (block: ServingBlock) => BlockZones;
  readonly logger: Logger;
  /** Seconds, monotonic. */
  readonly now: () => number;
}

export interface TransferSide {
  readonly factory: HandlerFactory;
  snapshot(): MetricsSnapshot;
}

export function createTransferSide({ journal, zoneOf, zonesOf, logger, now }: TransferOptions): TransferSide {
  const transfers = new Transfers(logger, now);
  const encoder = new MessageEncoder();
  let reading: Promise<unknown> = Promise.resolve();
  return {
    factory: (block) => {
      const { kubernetes, multicluster } = zonesOf(block);
      // Of several zones with one apex, the first is the one that is asked.
      const ids = new Map<DomainName, ZoneId>();
      for (const { apex, id } of [...kubernetes, ...multicluster].flat()) if (!ids.has(apex)) ids.set(apex, id);
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
        return transfers.respond(plan, request, { encoder, edns, seal: request.seal });
      };
      return createTransfer((request) => {
        const plan = decide(request);
        if (plan.kind !== 'long') return carryOut(request, plan);
        // One after the other, each under what the one before it has left of the room.
        const done = reading.then(async () => carryOut(request, await finishPlan(decide(request), nextTurn)));
        reading = done.catch(() => undefined);
        return done;
      });
    },
    snapshot: () => transfers.snapshot(),
  };
}
