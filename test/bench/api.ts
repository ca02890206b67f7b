/** The benchmark's end of the fixture API server's process. */
import { once } from 'node:events';
import type { FixtureSize } from './fixture.ts';
import { ELSEWHERE, startModule, stop } from './processes.ts';

export type ApiRequest =
  | { readonly kind: 'start' | 'stop' | 'relist' | 'flip' | 'watches' }
  | { readonly kind: 'flips'; readonly rate: number; readonly count: number; readonly markEvery: number };

export type ApiReply =
  | { readonly kind: 'done'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'marked'; readonly change: MarkedChange };

/** The service has this address, of all its endpoints, since `at` (nanoseconds of the system's monotonic clock). */
export interface MarkedChange {
  readonly service: string;
  readonly namespace: string;
  readonly address: string;
  readonly at: bigint;
}

export interface Api {
  readonly url: string;
  start(): Promise<void>;
  /** Closes port and connections; the objects stay. */
  stop(): Promise<void>;
  flip(): Promise<MarkedChange>;
  flips(rate: number, count: number, markEvery: number, onMarked?: (change: MarkedChange) => void): Promise<void>;
  /** Drops all connections and forgets the history, so that everybody has to list again; one change gets lost meanwhile. */
  relist(): Promise<MarkedChange>;
  watches(): Promise<number>;
  end(): Promise<void>;
}

export async function startApi(size: FixtureSize): Promise<Api> {
  const child = startModule('api-process.ts', [JSON.stringify(size)], ELSEWHERE);
  let nextId = 1;
  let onMarked: ((change: MarkedChange) => void) | undefined;
  const waiting = new Map<number, (value: unknown) => void>();
  child.on('message', (reply: ApiReply) => {
    if (reply.kind === 'marked') onMarked?.(reply.change);
    else {
      waiting.get(reply.id)?.(reply.value);
      waiting.delete(reply.id);
    }
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error('the fixture API server has ended');
  });
  // Told to whoever asks.
  ended.catch(() => undefined);
  const ask = (request: ApiRequest): Promise<unknown> => {
    const id = nextId++;
    const answered = new Promise<unknown>((resolve) => waiting.set(id, resolve));
    child.send({ id, request });
    return Promise.race([answered, ended]);
  };
  const url = (await ask({ kind: 'start' })) as string;
  return {
    url,
    start: async () => void (await ask({ kind: 'start' })),
    stop: async () => void (await ask({ kind: 'stop' })),
    flip: async () => (await ask({ kind: 'flip' })) as MarkedChange,
    async flips(rate, count, markEvery, listener) {
      onMarked = listener;
      await ask({ kind: 'flips', rate, count, markEvery });
      onMarked = undefined;
    },
    relist: async () => (await ask({ kind: 'relist' })) as MarkedChange,
    watches: async () => (await ask({ kind: 'watches' })) as number,
    end: () => stop(child),
  };
}
