/** The history API over a recorded log, asked without a socket. */
import assert from 'node:assert/strict';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { openHistory } from '../../src/history/questions.ts';
import { createLogger } from '../../src/logger.ts';
import { type App, type AppOptions, createApp } from '../../src/web/app.ts';
import {
  EAST,
  namespace,
  planApplied,
  service,
  slice,
  stanza,
  synced,
  WEST,
  zoneDefinition,
} from './cluster-events.ts';
import { START } from './given.ts';
import { type Recording, recordTo } from './recorded.ts';
import { temporaryFolder } from './temporary.ts';

/** Noon after everything that the tests record. */
export const NOW = START + 12 * 3_600_000;

export interface WebApp extends App {
  readonly recording: Recording;
  /** What the server logged. */
  readonly lines: string[];
  /** Lets the timers of the feed go off. */
  tick(): void;
  /** Asks for JSON below /api/v1. */
  get(url: string, headers?: Readonly<Record<string, string>>): Promise<{ status: number; body: unknown }>;
}

/** The events of a zone `cluster.local.` with a service that comes and moves. */
export function recordShop(recording: Recording): void {
  recording.record([
    planApplied(zoneDefinition('cluster.local.', [stanza(EAST)]), zoneDefinition('west.local.', [stanza(WEST)])),
  ]);
  recording.record([namespace(EAST, 'shop'), ...synced(EAST)]);
  recording.record([namespace(WEST, 'shop'), ...synced(WEST)]);
  recording.record([
    service(EAST, 'shop/cart', ['10.0.0.1']),
    slice(EAST, 'shop/cart-1', 'cart', [{ addresses: ['10.1.0.1'], pod: 'cart-0' }]),
  ]);
  recording.record([service(EAST, 'shop/cart', ['10.0.0.2'])]);
  recording.record([service(EAST, 'shop/web', ['10.0.0.3'])]);
}

/** @param options what differs from a loopback listener without a token */
export async function webApp(
  t: TestContext,
  options: Partial<Omit<AppOptions, 'history'>> = {},
  record: (recording: Recording) => void = recordShop,
): Promise<WebApp> {
  const file = path.join(temporaryFolder(t).path, 'zonelog.db');
  const recording = recordTo(file);
  record(recording);
  const history = openHistory(file, { now: () => NOW });
  assert.ok(history.ok);
  const lines: string[] = [];
  const timers = new Set<() => void>();
  let now = 0;
  const app = await createApp({
    history: history.value,
    live: async () => ({ clusters: [], secondaries: [], incoming: [] }),
    access: { token: undefined, hasCertificates: false, host: '127.0.0.1' },
    page: new Map(),
    logger: createLogger((line) => lines.push(line)),
    clock: () => NOW,
    now: () => (now += 60_000),
    after: (_, callback) => {
      timers.add(callback);
      return () => timers.delete(callback);
    },
    version: '0.0.0',
    ...options,
  });
  t.after(async () => {
    await app.http.close();
    history.value.close();
    recording.database.close();
  });
  return {
    ...app,
    recording,
    lines,
    tick() {
      for (const timer of [...timers]) {
        timers.delete(timer);
        timer();
      }
    },
    async get(url, headers = {}) {
      const { statusCode, body } = await app.http.inject({
        url: `/api/v1${url}`,
        headers: { host: 'localhost', ...headers },
      });
      return { status: statusCode, body: JSON.parse(body) };
    },
  };
}
