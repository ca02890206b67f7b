/**
 * The thread of `history`: its HTTP server over a read-only connection of its own, so that no question, however long it
 * takes, holds up an answer or the writer. Composition root of that thread; one thread is one configuration.
 */
import type { createServer, Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { FastifyInstance } from 'fastify';
import { type HistoryOptions, splitHostPort } from '../corefile/config.ts';
import { OperatorError } from '../errors.ts';
import { type History, openHistory } from '../history/questions.ts';
import { createLogger, type LogFormat, type Logger, logStyle } from '../logger.ts';
import type { PastQuestion, PastReply } from '../serve/plugins/asof.ts';
import { type Certificate, CertificateKeeper, loadCertificate, serverOptions } from '../serve/secure/certificate.ts';
import { systemTimer } from '../serve/timer.ts';
import { createApp } from '../web/app.ts';
import { CONNECTION_LIMITS, connectionOptions } from '../web/connections.ts';
import type { LiveStatus } from '../web/live.ts';
import { readPageFiles } from '../web/page-files.ts';
import { openTokenFile } from './history-token.ts';
import { answerPast } from './past.ts';
import { lowerPriority } from './thread-priority.ts';
import { VERSION } from './version.ts';

/** What main hands to the thread when it makes it. */
export interface HistoryThreadData {
  /** The database. */
  readonly file: string;
  readonly options: HistoryOptions;
  /** The folder that files are relative to. */
  readonly root: string;
  readonly isDebug: boolean;
  readonly logFormat: LogFormat;
}

/** Main to the thread. */
export type ToHistory =
  | { readonly kind: 'live'; readonly request: number; readonly status: LiveStatus }
  | { readonly kind: 'past'; readonly request: number; readonly question: PastQuestion }
  | { readonly kind: 'stop' };

/** The thread to main. */
export type FromHistory =
  | { readonly kind: 'listening'; readonly url: string }
  /** It can't be: the line for the operator. */
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'live'; readonly request: number }
  | { readonly kind: 'past'; readonly request: number; readonly reply: PastReply | undefined }
  | { readonly kind: 'stopped' };

/** Built, the page lies beside the thread's file; run from the sources, it is that of the last build. */
const PAGE = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../../dist/page' : './page', import.meta.url));

/** How much less this thread matters than those that answer: on a busy machine they go first. */
const NICE = 10;
/** What the server said of itself is asked for again after so long, milliseconds. */
const LIVE_KEPT = 500;
/** How long main may take to say it, milliseconds. */
const LIVE_TIMEOUT = 2_000;

const UNKNOWN: LiveStatus = { clusters: [], secondaries: [], incoming: [] };

async function run(main: MessagePort, data: HistoryThreadData): Promise<void> {
  const post = (message: FromHistory) => main.postMessage(message);
  const style = logStyle(data.logFormat, () => Date.now() / 1000);
  const write = (line: string) => process.stdout.write(line);
  const logger = createLogger(write, { isDebug: () => data.isDebug, style }).forPlugin('history');
  lowerPriority(NICE);
  const live = createLive((request) => post({ kind: 'live', request }));
  try {
    const { http, url, history } = await listen(data, live.ask, logger);
    main.on('message', (message: ToHistory) => {
      if (message.kind === 'live') live.answer(message.request, message.status);
      else if (message.kind === 'past') {
        const { request, question } = message;
        post({ kind: 'past', request, reply: answerOrLog(history, question, logger) });
      } else {
        void http.close().finally(() => {
          post({ kind: 'stopped' });
          main.close();
        });
      }
    });
    post({ kind: 'listening', url });
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    post({ kind: 'refused', message: error.message });
    main.close();
  }
}

/** A bug ends in no answer to this one question. */
function answerOrLog(history: History, question: PastQuestion, logger: Logger): PastReply | undefined {
  try {
    return answerPast(history, question);
  } catch (error) {
    logger.error(`${question.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return undefined;
  }
}

/** Asks main, at most every LIVE_KEPT milliseconds. */
function createLive(post: (request: number) => void) {
  const waiting = new Map<number, (status: LiveStatus) => void>();
  let last = 0;
  let kept: { readonly until: number; readonly status: Promise<LiveStatus> } | undefined;
  const answer = (request: number, status: LiveStatus) => {
    waiting.get(request)?.(status);
    waiting.delete(request);
  };
  const ask = (): Promise<LiveStatus> => {
    const now = performance.now();
    if (kept !== undefined && now < kept.until) return kept.status;
    const request = ++last;
    const status = new Promise<LiveStatus>((resolve) => {
      const timeout = setTimeout(() => answer(request, UNKNOWN), LIVE_TIMEOUT);
      waiting.set(request, (told) => {
        clearTimeout(timeout);
        resolve(told);
      });
      post(request);
    });
    kept = { until: now + LIVE_KEPT, status };
    return status;
  };
  return { ask, answer };
}

/** @throws OperatorError when a file is of no use, or the address can't be had */
async function listen(
  { file, options, root }: HistoryThreadData,
  live: () => Promise<LiveStatus>,
  logger: Logger,
): Promise<{ http: FastifyInstance; url: string; history: History }> {
  const { address, token, tls } = options;
  const split = splitHostPort(address);
  if (typeof split === 'string') throw new OperatorError(`plugin/history: ${split}`);
  const now = () => performance.now();
  const readToken =
    token === undefined
      ? undefined
      : openTokenFile(path.resolve(root, token), { now, onFault: (fault) => logger.warning(fault) });
  const certificate = tls && readCertificate(tls, root);
  const history = openHistory(file, { now: Date.now });
  if (!history.ok) throw new OperatorError(`plugin/history: ${history.error.message}`);
  const { http } = await createApp({
    history: history.value,
    live,
    access: { token: readToken, hasCertificates: tls?.ca !== undefined, host: split.host },
    page: readPageFiles(PAGE),
    logger,
    clock: Date.now,
    now,
    after: (milliseconds, callback) => systemTimer(callback, milliseconds),
    version: VERSION,
    ...(certificate && { makeServer: (handler) => makeSecureServer(certificate, handler, logger) }),
  });
  http.addHook('onClose', async () => history.value.close());
  try {
    await http.listen({ host: split.host === '' ? '::' : split.host, port: split.port });
  } catch (error) {
    await http.close();
    if (!(error instanceof Error) || !('code' in error)) throw error;
    const why = error.code === 'EADDRINUSE' ? 'address already in use' : error.code;
    throw new OperatorError(`plugin/history: listen tcp ${address}: bind: ${why}`);
  }
  return { http, url: urlOf(http, split.host, certificate !== undefined), history: history.value };
}

function readCertificate({ cert, key, ca }: NonNullable<HistoryOptions['tls']>, root: string): Certificate {
  const clientAuth = ca === undefined ? 'nocert' : 'require_and_verify';
  return loadCertificate({ cert, key, ca, clientAuth, keylog: undefined }, root, 'history');
}

function makeSecureServer(
  certificate: Certificate,
  handler: Parameters<typeof createServer>[1],
  logger: Logger,
): Server {
  const server = createSecureServer(
    {
      ...serverOptions(certificate),
      ...connectionOptions(CONNECTION_LIMITS),
      handshakeTimeout: CONNECTION_LIMITS.requestTimeout,
    },
    handler,
  );
  const keeper = new CertificateKeeper(server, certificate, systemTimer, logger);
  server.once('close', () => keeper.close());
  return server;
}

function urlOf(http: FastifyInstance, host: string, isSecure: boolean): string {
  const bound = http.server.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
  const name = host === '' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `${isSecure ? 'https' : 'http'}://${name}:${port}/`;
}

if (parentPort !== null) await run(parentPort, workerData as HistoryThreadData);
