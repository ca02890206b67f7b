/** From the start of the process to right answers, with an empty log and with a full one. */
import type { Api } from './api.ts';
import { openAsker } from './asker.ts';
import type { Question } from './questions.ts';
import { type Contestant, type Server, startServer, zoneCorefile } from './servers.ts';

export interface Start {
  readonly firstAnswerSeconds: number;
  /** Until all samples are answered right. */
  readonly syncedSeconds: number;
}

const DEADLINE_MS = 180_000;

/** Starts a server on this API and waits for it. */
export async function startSynced(
  contestant: Contestant,
  api: Api,
  samples: readonly Question[],
  corefileFor: (port: number) => string = zoneCorefile(api.url),
): Promise<{ server: Server; start: Start }> {
  const server = await startServer(contestant, corefileFor);
  return { server, start: await waitForStart(server, samples) };
}

/** The API server is away, the server was killed: only its log can answer. The API server is back afterwards. */
export async function measureWarmStart(server: Server, api: Api, samples: readonly Question[]): Promise<Start> {
  await server.crash();
  await api.stop();
  try {
    server.restart();
    return await waitForStart(server, samples);
  } finally {
    await api.start();
  }
}

async function waitForStart(server: Server, samples: readonly Question[]): Promise<Start> {
  const asker = await openAsker(server.port);
  const seconds = (at: number) => (at - server.startedAt) / 1000;
  try {
    const first = await asker.waitUntilRight(samples.slice(0, 1), DEADLINE_MS, server.isRunning);
    const synced = await asker.waitUntilRight(samples, DEADLINE_MS, server.isRunning);
    return { firstAnswerSeconds: seconds(first), syncedSeconds: seconds(synced) };
  } finally {
    asker.close();
  }
}
