/** The writer's thread: composition root of ingest, log, projection and journal; the clock and randomness enter here. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { openDatabase } from '../database.ts';
import { OperatorError } from '../errors.ts';
import { createConnector } from '../ingest/credentials.ts';
import type { ClusterId } from '../ingest/event.ts';
import { createLogger, type LogFormat, logStyle } from '../logger.ts';
import type { FromWriter, ToWriter } from './messages.ts';
import { createThreadMetrics } from './process-metrics.ts';
import { createRandom } from './randomness.ts';
import { createSystemHosts } from './system-hosts.ts';
import { systemResolvers } from './system-resolvers.ts';
import { VERSION } from './version.ts';
import { createWriter, type Writer } from './writer.ts';
import { writerMetrics } from './writer-metrics.ts';

/** What main hands to the thread when it makes it. */
export interface WriterThreadData {
  readonly file: string;
  readonly logFormat: LogFormat;
  /** Where the batch that all serving threads may show is put; absent when there is one thread. */
  readonly visible?: SharedArrayBuffer;
  /** For tests: the process kills itself when it comes to this point for the `count`th time. */
  readonly crashAt?: { readonly point: string; readonly count: number };
}

function run(main: MessagePort, { file, logFormat, crashAt, visible }: WriterThreadData): void {
  const post = (message: FromWriter) => main.postMessage(message);
  let isDebug = false;
  const style = logStyle(logFormat, () => Date.now() / 1000);
  const logger = createLogger((line) => process.stdout.write(line), { isDebug: () => isDebug, style });
  let crashes = 0;
  const crashPoint = (name: string) => {
    if (name === crashAt?.point && ++crashes === crashAt.count) process.kill(process.pid, 'SIGKILL');
  };
  const fail = (error: unknown) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    post({ kind: 'failed', message: error instanceof OperatorError ? error.message : text });
  };

  const threadMetrics = createThreadMetrics('writer');
  let writer: Writer;
  try {
    const database = openDatabase(file);
    post({ kind: 'opened' });
    writer = createWriter({
      database,
      clock: Date.now,
      random: createRandom(),
      logger,
      userAgent: `zonelog/${VERSION}`,
      connect: createConnector({ env: process.env }),
      hostNames: { servers: systemResolvers, hosts: createSystemHosts(), random: createRandom() },
      ...(visible && { visible: new Int32Array(visible) }),
      crashPoint,
      ...(crashAt && { crashAt }),
      onStatus: (status) => post({ kind: 'status', status }),
      // Lists leave as much behind as they leave: what waits for the next collection by itself may wait for hours.
      onFirstSnapshot: () => globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' }),
      onExpiry: (changed) => post({ kind: 'expiry', changed }),
    });
  } catch (error) {
    fail(error);
    return;
  }

  /** What is to be followed changes step by step: a reload may come while the start still goes on. */
  let last: Promise<void> = Promise.resolve();
  const inOrder = (step: () => Promise<void>) => {
    last = last.then(step).catch(fail);
  };
  main.on('message', (message: ToWriter) => {
    switch (message.kind) {
      case 'configure':
        isDebug = message.isDebug;
        inOrder(async () => {
          try {
            await writer.configure(message);
            post({ kind: 'configured', status: writer.status() });
          } catch (error) {
            if (!(error instanceof OperatorError)) throw error;
            post({ kind: 'refused', message: error.message });
          }
        });
        break;
      case 'begin':
        inOrder(() => writer.begin());
        break;
      case 'notified':
        writer.notify(message.zone, message.address);
        break;
      case 'follow':
        writer.follow(message.port);
        break;
      case 'metrics':
        post({ kind: 'metrics', request: message.request, snapshot: [...writerMetrics(writer), ...threadMetrics()] });
        break;
      case 'look': {
        const look = { status: writer.status(), incoming: writer.secondaries?.status() ?? [] };
        post({ kind: 'looked', request: message.request, look });
        break;
      }
      case 'release':
        post({
          kind: 'released',
          request: message.request,
          clusters: writer.release(message.cluster as ClusterId | undefined),
        });
        break;
      case 'snapshot':
        writer.snapshot().then((isWritten) => post({ kind: 'snapshotted', request: message.request, isWritten }), fail);
        break;
      case 'compact': {
        const { request, keep, reason } = message;
        writer.retention.compact(keep, reason).then((outcome) => post({ kind: 'compacted', request, outcome }), fail);
        break;
      }
      case 'stop':
        writer.stop().then(() => {
          post({ kind: 'stopped' });
          main.close();
        }, fail);
        break;
    }
  });
}

if (parentPort !== null) run(parentPort, workerData as WriterThreadData);
