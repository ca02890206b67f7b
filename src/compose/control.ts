/**
 * The control socket: how commands reach the running server. HTTP on a Unix socket beside the database, which only the
 * server's own user may open.
 */
import { chmodSync, rmSync } from 'node:fs';
import { fastify } from 'fastify';
import { controlPath } from './control-path.ts';
import type { WriterStatus } from './messages.ts';
import type { CompactionOutcome } from './retention.ts';
import type { TransferStatus } from './transfer-status.ts';

export interface ControlActions {
  readonly status: () => WriterStatus;
  readonly transfers: () => readonly TransferStatus[];
  /** Lets held deletions happen. @returns the clusters that were held */
  readonly release: (cluster: string | undefined) => Promise<readonly string[]>;
  /** @returns false when a snapshot can't be written at the moment */
  readonly snapshot: () => Promise<boolean>;
  /** Removes from the log what is older than `keep` milliseconds. */
  readonly compact: (keep: number, reason: string) => Promise<CompactionOutcome>;
}

export interface Control {
  close(): Promise<void>;
}

/** Octets that a socket's path may have on every system that we know. */
const MAX_SOCKET_PATH = 100;

/** @returns undefined where the path is too long for a socket: commands can't reach that server */
export async function openControl(database: string, actions: ControlActions): Promise<Control | undefined> {
  const path = controlPath(database);
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH) return undefined;
  const app = fastify({ bodyLimit: 4096, forceCloseConnections: true });
  app.get('/status', () => actions.status());
  app.get('/transfers', () => actions.transfers());
  app.post<{ Querystring: { cluster?: string } }>('/release', async ({ query }) => ({
    released: await actions.release(query.cluster),
  }));
  app.post('/snapshot', async () => ({ isWritten: await actions.snapshot() }));
  app.post<{ Querystring: { keep?: string; reason?: string } }>('/compact', async ({ query }, reply) => {
    const keep = Number(query.keep);
    if (!(keep >= 0)) return reply.code(400).send({ why: 'keep is no number of milliseconds' });
    return actions.compact(keep, query.reason ?? 'compact');
  });
  // We own the database, so what lies here is left from a server that was killed.
  rmSync(path, { force: true });
  await app.listen({ path });
  chmodSync(path, 0o600);
  return {
    async close() {
      await app.close();
      rmSync(path, { force: true });
    },
  };
}
