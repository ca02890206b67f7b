/** From a change in the cluster to the answer that shows it. */
import type { Api, MarkedChange } from './api.ts';
import { type Asker, openAsker } from './asker.ts';
import { addressBytes } from './message.ts';
import { watchOthers } from './proc.ts';
import { ZONE } from './questions.ts';
import type { Server } from './servers.ts';
import { type Latencies, summarize } from './statistics.ts';

export interface EventLatencies extends Latencies {
  /** What the rest of the machine used meanwhile, in processors. */
  readonly others: number;
}

export interface EventOptions {
  readonly changesPerSecond: number;
  readonly seconds: number;
}

/** Of the changes, this many a second are looked for in the answers. */
const MARKED_PER_SECOND = 50;
const GIVE_UP_MS = 5_000;
const POLL_TIMEOUT_MS = 200;

/** Changes go on while some of them are looked for, each by asking again and again until it is there. */
export async function measureEvents(
  server: Pick<Server, 'port'>,
  api: Api,
  options: EventOptions,
): Promise<EventLatencies> {
  const asker = await openAsker(server.port);
  const seen: Promise<number | undefined>[] = [];
  const { changesPerSecond, seconds } = options;
  const others = watchOthers();
  const markEvery = Math.max(1, Math.round(changesPerSecond / MARKED_PER_SECOND));
  try {
    await api.flips(changesPerSecond, changesPerSecond * seconds, markEvery, (change) => {
      seen.push(waitForChange(asker, change));
    });
    const latencies = (await Promise.all(seen)).filter((latency) => latency !== undefined);
    return { ...summarize(Float64Array.from(latencies), seen.length - latencies.length), others: others() };
  } finally {
    asker.close();
  }
}

/** @returns milliseconds from the change to the answer; undefined when it never came */
export async function waitForChange(
  asker: Asker,
  change: MarkedChange,
  giveUpMs = GIVE_UP_MS,
): Promise<number | undefined> {
  const name = `${change.service}.${change.namespace}.svc.${ZONE}`;
  const wanted = addressBytes(change.address);
  const since = () => Number(process.hrtime.bigint() - change.at) / 1e6;
  while (since() < giveUpMs) {
    const answer = await asker.ask(name, 'A', POLL_TIMEOUT_MS);
    if (answer?.body.includes(wanted)) return since();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return undefined;
}
