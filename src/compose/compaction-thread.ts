/**
 * The thread of one compaction: it folds what is to go, and writes in small transactions of its own, with pauses in which the
 * writer's commits come through. It ends when it is done, and its memory is free again.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { describeFailure, openBeside } from '../database.ts';
import { OperatorError } from '../errors.ts';
import { type CompactionOrder, compact } from '../retention/compaction.ts';
import { lowerPriority } from './thread-priority.ts';

export interface CompactionThreadData {
  readonly file: string;
  readonly order: Omit<CompactionOrder, 'crashPoint'>;
  /** For tests: the process kills itself when it comes to this point for the `count`th time. */
  readonly crashAt?: { readonly point: string; readonly count: number };
}

/** What was removed, as far as it is told. */
export interface RemovedPart {
  readonly events: number;
  readonly batches: number;
  /** Unix milliseconds: where the log begins now. */
  readonly begins: number;
}

export type FromCompaction =
  | { readonly kind: 'done'; readonly removed: RemovedPart | undefined }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'stopped' };

/** How much less this thread matters than those that answer. Not more: the writer waits while a step holds the database. */
const NICE = 5;

/** Milliseconds between steps, at least: as long as the step took, so that half of the time is everybody else's. */
const PAUSE = 1;

function run(owner: MessagePort, { file, order, crashAt }: CompactionThreadData): void {
  const post = (message: FromCompaction) => owner.postMessage(message);
  let crashes = 0;
  const crashPoint = (name: string) => {
    if (name === crashAt?.point && ++crashes === crashAt.count) process.kill(process.pid, 'SIGKILL');
  };
  const fail = (error: unknown) => {
    const described = describeFailure(error, file);
    const text = described instanceof Error ? described.message : String(described);
    const isBug = described instanceof Error && !(described instanceof OperatorError);
    post({ kind: 'failed', message: isBug ? (described.stack ?? text) : text });
  };
  lowerPriority(NICE);
  let isStopped = false;
  owner.on('message', () => {
    isStopped = true;
  });
  try {
    const db = openBeside(file);
    const steps = compact(db, { ...order, crashPoint });
    const end = (message: FromCompaction) => {
      db.close();
      post(message);
      owner.close();
    };
    const step = () => {
      try {
        if (isStopped) {
          end({ kind: 'stopped' });
          return;
        }
        const began = performance.now();
        const { done, value } = steps.next();
        if (!done) setTimeout(step, Math.max(PAUSE, performance.now() - began));
        else {
          const removed = value && {
            events: value.lastPosition - value.firstPosition + 1,
            batches: value.lastBatch - value.firstBatch + 1,
            begins: value.lastTime,
          };
          end({ kind: 'done', removed });
        }
      } catch (error) {
        db.close();
        fail(error);
        owner.close();
      }
    };
    step();
  } catch (error) {
    fail(error);
    owner.close();
  }
}

if (parentPort !== null) run(parentPort, workerData as CompactionThreadData);
