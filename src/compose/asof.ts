/** `asof` in a serving thread: its zones, and its way to the history. */
import type { ZoneId } from '../ingest/plan.ts';
import type { HandlerFactory, ServingBlock } from '../serve/blocks.ts';
import { createAsof, type PastQuestion, type PastReply } from '../serve/plugins/asof.ts';
import type { BlockZones, ServedZone } from './plan.ts';

/** How long the history may take, milliseconds: clients ask again after some seconds. */
const PATIENCE = 2_000;

type Ask = (question: PastQuestion) => Promise<PastReply | undefined>;

export function asofFactory(zonesOf: (block: ServingBlock) => BlockZones, ask: Ask): HandlerFactory {
  return (block) => {
    const { asof } = block.options;
    if (asof === undefined) return undefined;
    const { kubernetes, multicluster, gateway = [], secondary = [] } = zonesOf(block);
    const zones = new Map<ZoneId, ServedZone>();
    for (const zone of [kubernetes, multicluster, gateway, secondary].flat(2)) zones.set(zone.id, zone);
    return createAsof({ networks: asof.networks, zones: () => [...zones.values()], ask });
  };
}

/** Questions on their way, and their answers. */
export function createPastAsker(post: (request: number, question: PastQuestion) => void) {
  const waiting = new Map<number, (reply: PastReply | undefined) => void>();
  let last = 0;
  const answer = (request: number, reply: PastReply | undefined) => {
    waiting.get(request)?.(reply);
    waiting.delete(request);
  };
  const ask: Ask = (question) => {
    const request = ++last;
    return new Promise((resolve) => {
      const timeout = setTimeout(() => answer(request, undefined), PATIENCE);
      waiting.set(request, (reply) => {
        clearTimeout(timeout);
        resolve(reply);
      });
      post(request, question);
    });
  };
  return { ask, answer };
}
