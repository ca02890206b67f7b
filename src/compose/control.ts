/**
 * The control socket: how commands reach the running server. HTTP on a Unix socket beside the database, which only the
 * server's own user may open.
 */
import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { controlPath } from './control-path.ts';
import type { WriterStatus } from './messages.ts';
import type { CompactionOutcome } from './retention.ts';
import type { Transfers } from './transfer-status.ts';

export interface ControlActions {
  readonly status: () => Promise<WriterStatus>;
  readonly transfers: () => Promise<Transfers>;
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

type Reply = readonly [status: number, body: unknown];
type Action = (query: URLSearchParams) => Reply | Promise<Reply>;

/** @returns undefined where the path is too long for a socket: commands can't reach that server */
export async function openControl(database: string, actions: ControlActions): Promise<Control | undefined> {
  const path = controlPath(database);
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH) return undefined;
  const server = createServer(answerWith(actionsByRequest(actions)));
  // We own the database, so what lies here is left from a server that was killed.
  rmSync(path, { force: true });
  server.listen(path);
  await once(server, 'listening');
  chmodSync(path, 0o600);
  return {
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      rmSync(path, { force: true });
    },
  };
}

function actionsByRequest(actions: ControlActions): ReadonlyMap<string, Action> {
  return new Map<string, Action>([
    ['GET /status', async () => [200, await actions.status()]],
    ['GET /transfers', async () => [200, await actions.transfers()]],
    ['POST /release', async (query) => [200, { released: await actions.release(query.get('cluster') ?? undefined) }]],
    ['POST /snapshot', async () => [200, { isWritten: await actions.snapshot() }]],
    [
      'POST /compact',
      async (query) => {
        const keep = Number(query.get('keep') ?? Number.NaN);
        if (!(keep >= 0)) return [400, { why: 'keep is no number of milliseconds' }];
        return [200, await actions.compact(keep, query.get('reason') ?? 'compact')];
      },
    ],
  ]);
}

function answerWith(actions: ReadonlyMap<string, Action>): RequestListener {
  return (request, response) => {
    const send = ([status, body]: Reply) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const [path = '', query] = (request.url ?? '').split('?');
    const action = actions.get(`${request.method} ${path}`);
    if (action === undefined) {
      send([404, { why: 'no such request' }]);
      return;
    }
    Promise.resolve(new URLSearchParams(query))
      .then(action)
      .then(send, (error: unknown) => send([500, { why: error instanceof Error ? error.message : String(error) }]));
  };
}
