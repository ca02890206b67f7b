/** What UDP answers cost while the server has other work: a relist, transfers, a snapshot. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { askServer } from '../../src/compose/control-client.ts';
import type { Api } from './api.ts';
import { openAsker } from './asker.ts';
import { waitForChange } from './events.ts';
import { type Probed, probeWhile } from './probing.ts';
import { ELSEWHERE, startModule } from './processes.ts';
import { ZONE } from './questions.ts';
import { quietly } from './quiet.ts';
import type { Server } from './servers.ts';
import type { Transfers } from './transfer-process.ts';

export interface Disturbances {
  readonly calm: Probed;
  /** With the seconds until the change that got lost was seen. */
  readonly relist: Probed<number>;
  readonly transfers: Probed<Transfers>;
  /** With their number. Only of a server with a log. */
  readonly snapshots?: Probed<number>;
}

/** Each name is asked once in that time. */
const WARM_UP_MS = 10_000;
const LONGEST_RELIST_MS = 120_000;

export async function measureDisturbances(
  server: Server,
  api: Api,
  questionFile: string,
  seconds: number,
  say: (line: string) => void,
): Promise<Disturbances> {
  const { label } = server.contestant;
  // What the start left to do, and the first question of each name, are no part of this.
  await probeWhile(server.port, questionFile, () => sleep(WARM_UP_MS));
  const probe = <R>(work: () => Promise<R>) => quietly(() => probeWhile(server.port, questionFile, work));
  const calm = await probe(() => sleep(seconds * 1000));
  say(`${label}: relist`);
  const relist = await probe(() => relistOnce(server, api));
  say(`${label}: transfers`);
  const transfers = await probe(() => transferFor(server, seconds));
  if (!server.contestant.hasLog) return { calm, relist, transfers };
  say(`${label}: snapshots`);
  const snapshots = await probe(() => snapshotFor(server, seconds));
  return { calm, relist, transfers, snapshots };
}

/** @returns seconds from the loss of all watches to an answer that knows what changed meanwhile */
async function relistOnce(server: Server, api: Api): Promise<number> {
  const asker = await openAsker(server.port);
  try {
    const lost = await api.relist();
    const milliseconds = (await waitForChange(asker, lost, LONGEST_RELIST_MS)) ?? Number.NaN;
    // The lists of other kinds may still be under way.
    await sleep(500);
    return milliseconds / 1000;
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

/** @returns how many were written, one after another */
async function snapshotFor({ database }: Server, seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1000;
  let written = 0;
  while (performance.now() < until) {
    const answer = await askServer(database, 'POST', '/snapshot');
    if ((answer as { isWritten?: boolean }).isWritten) written++;
    else await sleep(100);
  }
  return written;
}
