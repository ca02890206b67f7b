/** What UDP answers cost while the server has other work: a relist, transfers, a snapshot. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { openReadOnly } from '../../src/database.ts';
import type { Api } from './api.ts';
import { openAsker } from './asker.ts';
import { waitForChange } from './events.ts';
import { type Probed, probeWhile } from './probing.ts';
import { ELSEWHERE, startModule } from './processes.ts';
import { ZONE } from './questions.ts';
import type { Server } from './servers.ts';
import type { Transfers } from './transfer-process.ts';

export interface Disturbances {
  readonly calm: Probed;
  readonly relist: Probed;
  readonly relistSeconds: number;
  readonly transfers: Probed;
  readonly transferred: Transfers;
  /** Only of a server with a log, and only if one was seen to be written. */
  readonly snapshot?: Probed;
}

/** zonelog writes one after so many events. */
const SNAPSHOT_EVERY = 20_000;
const FLOOD_RATE = 4_000;
const CALM_RATE = 500;
const LONGEST_RELIST_MS = 120_000;

export async function measureDisturbances(
  server: Server,
  api: Api,
  questionFile: string,
  seconds: number,
  say: (line: string) => void,
): Promise<Disturbances> {
  const { label } = server.contestant;
  const calm = await probeWhile(server.port, questionFile, () => sleep(seconds * 1000));

  say(`${label}: relist`);
  let relistSeconds = Number.NaN;
  const relist = await probeWhile(server.port, questionFile, async () => {
    relistSeconds = await relistOnce(server, api);
    await sleep(500);
  });

  say(`${label}: transfers`);
  let transferred: Transfers | undefined;
  const transfers = await probeWhile(server.port, questionFile, async () => {
    transferred = await transferFor(server, seconds);
  });

  const base = { calm, relist, relistSeconds, transfers, transferred: transferred as Transfers };
  if (!server.contestant.hasLog) return base;
  say(`${label}: snapshot`);
  const snapshot = await probeSnapshot(server, api, questionFile);
  return snapshot === undefined ? base : { ...base, snapshot };
}

/** @returns seconds from the loss of all watches to an answer that knows what changed meanwhile */
async function relistOnce(server: Server, api: Api): Promise<number> {
  const asker = await openAsker(server.port);
  try {
    const lost = await api.relist();
    return ((await waitForChange(asker, lost, LONGEST_RELIST_MS)) ?? Number.NaN) / 1000;
  } finally {
    asker.close();
  }
}

async function transferFor(server: Server, seconds: number): Promise<Transfers> {
  const child = startModule('transfer-process.ts', [String(server.port), ZONE], ELSEWHERE);
  const result = once(child, 'message') as Promise<[Transfers]>;
  await Promise.race([sleep(seconds * 1000), result]);
  if (child.connected) child.send('stop');
  return (await result)[0];
}

/** Makes changes until just before a snapshot is due, and probes while the last ones, and then the snapshot, come. */
async function probeSnapshot(server: Server, api: Api, questionFile: string): Promise<Probed | undefined> {
  const before = await nextSnapshot(server, () => api.flips(FLOOD_RATE, SNAPSHOT_EVERY + 2_000, 0));
  if (before === undefined) return undefined;
  await api.flips(FLOOD_RATE, SNAPSHOT_EVERY - 3_000, 0);
  await settle(server, api);
  let isSeen = false;
  const probed = await probeWhile(server.port, questionFile, async () => {
    isSeen = (await nextSnapshot(server, () => api.flips(CALM_RATE, CALM_RATE * 10, 0))) !== undefined;
    await sleep(500);
  });
  return isSeen ? probed : undefined;
}

/** The snapshot that comes while this work is done, or soon after it. */
async function nextSnapshot(server: Server, work: () => Promise<void>): Promise<number | undefined> {
  const before = newestSnapshot(server);
  await work();
  for (let tries = 0; tries < 50; tries++) {
    const newest = newestSnapshot(server);
    if (newest !== before) return newest;
    await sleep(100);
  }
  return undefined;
}

function newestSnapshot({ database }: Server): number | undefined {
  const db = openReadOnly(database);
  try {
    const row = db.prepare('SELECT max(batch) AS batch FROM snapshot WHERE is_complete = 1').get();
    return (row as { batch: number | null }).batch ?? undefined;
  } finally {
    db.close();
  }
}

async function settle(server: Server, api: Api): Promise<void> {
  const asker = await openAsker(server.port);
  await waitForChange(asker, await api.flip(), LONGEST_RELIST_MS);
  asker.close();
}
