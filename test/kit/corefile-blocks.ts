/** The server blocks of a Corefile at work over the objects of its clusters: no socket, no thread, no disk. */

import { zoneFactories } from '../../src/compose/factories.ts';
import type { BlockZones } from '../../src/compose/plan.ts';
import { type PlannedConfig, planConfig } from '../../src/compose/plan.ts';
import { secondaryFactory } from '../../src/compose/secondary-serving.ts';
import type { Config } from '../../src/corefile/config.ts';
import { packRecords } from '../../src/dns/canonical.ts';
import type { DomainName } from '../../src/dns/name.ts';
import { packedText } from '../../src/dns/packed-text.ts';
import { parseZoneText } from '../../src/dns/zonefile.ts';
import type { ClusterEvent, ClusterId, ObjectKind } from '../../src/ingest/event.ts';
import { normalize } from '../../src/ingest/normalize.ts';
import { buildBlock, type HandlerFactory, servingBlock } from '../../src/serve/blocks.ts';
import type { Handler, Outcome, Request } from '../../src/serve/chain.ts';
import type { RunningBlock } from '../../src/serve/entry.ts';
import { PLUGINS } from '../../src/serve/plugins.ts';
import { createRouter, type Route } from '../../src/serve/router.ts';
import { upsert } from './cluster-events.ts';
import { type Given, given } from './given.ts';
import { type ReplyText, requestOf, textOf, toolsOf } from './handlers.ts';

export interface ClusterObjects {
  /** Which of the Corefile's clusters they are of; default: all. */
  readonly isOf?: (id: ClusterId) => boolean;
  /** As the API gives them. */
  readonly objects: readonly { readonly kind: string }[];
  /** Kinds whose list has not come yet. */
  readonly unlisted?: readonly ObjectKind[];
}

export interface CorefileBlocks {
  readonly planned: PlannedConfig;
  readonly given: Given;
  /** Puts a question to the block that it belongs to. */
  answer(request: Request): Promise<Outcome>;
  ask(name: string, type: string): Promise<ReplyText>;
  /** The answer's records, or the rcode; `NODATA` where there is neither. */
  data(name: string, type: string): Promise<string>;
  close(): void;
}

/**
 * @param clusters what is known of the clusters; undefined: the plugins that need them only pass questions on
 * @param extra factories that stand in for those of their name
 * @param transferred zones that `secondary` has from its primaries, as master files
 */
export function runBlocks(
  config: Config,
  clusters: readonly ClusterObjects[] | undefined,
  extra: ReadonlyMap<string, HandlerFactory> = new Map(),
  transferred: readonly string[] = [],
): CorefileBlocks {
  const planned = planConfig(config, () => ['192.0.2.53']);
  const facts = given(
    [{ kind: 'PlanApplied', plan: planned.plan }],
    eventsOf(planned, clusters ?? []),
    transferred.map(transferEvent),
  );
  const zones = new Map<object, BlockZones>();
  const factories = new Map<string, HandlerFactory>([
    ...PLUGINS,
    ...zoneFactories(
      (block) => zones.get(block) ?? { kubernetes: [], multicluster: [] },
      (id) => facts.zone(id),
    ),
    [
      'secondary',
      secondaryFactory({
        zonesOf: (block) => zones.get(block) ?? { kubernetes: [], multicluster: [] },
        zoneOf: (id) => facts.zone(id),
        zones: () => facts.projector.zones(),
        expiresIn: () => undefined,
        onNotified: () => {},
      }),
    ],
    ...extra,
  ]);
  const routes: Route<RunningBlock>[] = [];
  const answer = async (request: Request): Promise<Outcome> => {
    const { name, type } = request.question;
    const route = createRouter(routes)(name, type, (block) => block.isChosen?.(request) ?? true);
    if (route?.block.run === undefined) throw new Error(`${name} is not served`);
    return route.block.run(request);
  };
  const { tools } = toolsOf({ askServer: answer });
  const handlers: Handler[] = [];
  for (const [i, block] of config.serverBlocks.entries()) {
    const serving = servingBlock(block, 53, []);
    zones.set(serving, planned.blocks[i] as BlockZones);
    const built = buildBlock(serving, factories, tools, tools.logger);
    if (!built.ok) throw new Error(built.error);
    handlers.push(...built.value.handlers);
    for (const zone of block.zones) routes.push({ zone: zone as DomainName, block: built.value.running });
  }
  const ask = async (name: string, type: string) => textOf(await answer(requestOf(name, type)));
  return {
    planned,
    given: facts,
    answer,
    ask,
    async data(name, type) {
      const { rcode, answer: records } = await ask(name, type);
      if (records.length > 0) return records.map((record) => record.split(' ').slice(4).join(' ')).join(', ');
      return rcode === 'NOERROR' ? 'NODATA' : rcode;
    },
    close() {
      for (const handler of handlers) handler.close?.();
    },
  };
}

/** What is logged of a transfer of the whole zone. */
function transferEvent(text: string): ClusterEvent {
  const records = parseZoneText(text);
  const soa = records.find((record) => record.rdata.type === 'SOA');
  if (soa?.rdata.type !== 'SOA') throw new SyntaxError('a zone needs a SOA record');
  return {
    kind: 'ZoneTransferred',
    zone: soa.owner,
    primary: '192.0.2.1:53',
    serial: soa.rdata.serial,
    removed: '',
    added: packedText(packRecords(records)),
  };
}

/** What the lists of the clusters come to. Objects that are of no use are left out, as ingest leaves them out. */
function eventsOf({ clusters }: PlannedConfig, known: readonly ClusterObjects[]): ClusterEvent[] {
  return clusters.flatMap(({ id, kinds }) => {
    const own = known.filter(({ isOf }) => isOf?.(id) ?? true);
    if (own.length === 0) return [];
    const upserts = kinds.flatMap((kind) =>
      own
        .flatMap(({ objects }) => objects)
        .filter((object) => object.kind === kind)
        .map((object) => normalize(kind, object))
        .flatMap((read) => (read.status === 'facts' ? [upsert(id, kind, read.key, read.facts)] : [])),
    );
    const unlisted = own.flatMap((one) => one.unlisted ?? []);
    const synced = kinds
      .filter((kind) => !unlisted.includes(kind))
      .map((key): ClusterEvent => ({ kind: 'ClusterSynced', cluster: id, key }));
    return [...upserts, ...synced];
  });
}
