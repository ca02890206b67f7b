/** From steps to batches in the log: gathered, committed, and kept for as long as the disk won't take them. */
import { BehaviorSubject, concatMap, defer, map, Observable, of, retry, Subject, throwError } from 'rxjs';
import { fail, ok, type Result } from '../errors.ts';
import type { Clock } from './clock.ts';
import type { Batch } from './event.ts';
import { feedName } from './feed.ts';
import { gather } from './gather.ts';
import type { EventLog, PreviousFacts, WatchPosition, WriteFailure } from './log.ts';
import type { Step } from './reconcile.ts';

/** Whether the log takes what it is given. */
export type LogHealth =
  | { readonly status: 'ok' }
  /** Batches wait and feeds pause; it is tried again by itself. `since`: Unix milliseconds. */
  | ({ readonly status: 'failing'; readonly since: number } & WriteFailure);

export interface CommitOptions {
  readonly log: EventLog;
  readonly previous: PreviousFacts;
  readonly clock: Clock;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
  readonly tuning: CommitTuning;
  /** After the subscribers of `batches$` had the batch. */
  readonly onFolded: (batch: Batch, steps: readonly Step[]) => void;
}

/** Milliseconds and counts. */
export interface CommitTuning {
  /** Events that make a batch full; a single step may have more, and is not divided. */
  readonly most: number;
  readonly quiet: number;
  readonly longest: number;
  /** Until watch positions are stored that cover no event. */
  readonly idle: number;
  /** Events that may wait before feeds are held. */
  readonly room: number;
  readonly backoff: readonly [first: number, most: number];
}

export const DEFAULT_COMMIT_TUNING: CommitTuning = {
  most: 1_000,
  quiet: 3,
  longest: 8,
  idle: 1_000,
  room: 5_000,
  backoff: [500, 10_000],
};

class WriteRefused extends Error {
  readonly failure: WriteFailure;
  constructor(failure: WriteFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

export class Committer {
  /** Each committed batch; subscribers fold it before they return. Batches without events are not among them. */
  readonly batches$ = new Subject<Batch>();
  readonly logHealth$ = new BehaviorSubject<LogHealth>({ status: 'ok' });
  readonly #options: CommitOptions;
  readonly #steps$ = new Subject<Step>();
  readonly #finished: Promise<void>;
  #waiting = 0;
  #roomWaiters: (() => void)[] = [];
  #lag = 0;
  #arrivals: number[] = [];
  #isStopping = false;
  #giveUp: (() => void) | undefined;

  constructor(options: CommitOptions) {
    this.#options = options;
    const { clock, tuning } = options;
    const { most, quiet, longest, idle } = tuning;
    const committed$ = this.#steps$.pipe(
      gather<Step>({ clock, weigh: (step) => step.events.length, most, quiet, longest, idle }),
      concatMap((steps) => this.#commit(steps)),
    );
    // An error here is a bug, and nobody handles the rejection: it is meant to be seen.
    this.#finished = new Promise((complete, error) => {
      committed$.subscribe({ next: ({ steps, batch }) => this.#publish(steps, batch), complete, error });
    });
  }

  /** Events that are not in the log yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Milliseconds that the oldest event of the last batch had waited. */
  get lag(): number {
    return this.#lag;
  }

  push(step: Step): void {
    if (step.events.length > 0) this.#arrivals.push(this.#options.clock.now());
    this.#waiting += step.events.length;
    this.#steps$.next(step);
  }

  /** A promise when too much waits, or the log fails: kept when there is room again. */
  room(): Promise<void> | undefined {
    if (this.#hasRoom) return undefined;
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  /** Commits what waits, if the log takes it at once, and ends. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#openRoom();
    this.#steps$.complete();
    this.#giveUp?.();
    await this.#finished;
    this.batches$.complete();
    this.logHealth$.complete();
  }

  get #hasRoom(): boolean {
    return this.#isStopping || (this.#waiting < this.#options.tuning.room && this.logHealth$.value.status === 'ok');
  }

  #openRoom(): void {
    for (const resolve of this.#roomWaiters.splice(0)) resolve();
  }

  #commit(steps: readonly Step[]): Observable<{ steps: readonly Step[]; batch: Batch | undefined }> {
    return defer(() => {
      const written = this.#write(steps);
      return written.ok ? of(written.value) : throwError(() => new WriteRefused(written.error));
    }).pipe(
      retry({
        delay: (error: unknown, attempt) => {
          if (!(error instanceof WriteRefused)) return throwError(() => error);
          this.#noteFailure(error.failure);
          return this.#wait(attempt);
        },
      }),
      map((batch) => ({ steps, batch })),
    );
  }

  #write(steps: readonly Step[]): Result<Batch | undefined, WriteFailure> {
    const { log, previous, clock } = this.#options;
    const events = steps.flatMap((step) => step.events);
    const positions = new Map<string, WatchPosition>();
    for (const { position } of steps)
      if (position) positions.set(`${position.cluster} ${feedName(position)}`, position);
    if (events.length > 0) return log.append(events, [...positions.values()], clock.now(), previous);
    const saved = log.savePositions([...positions.values()]);
    return saved.ok ? ok(undefined) : fail(saved.error);
  }

  #publish(steps: readonly Step[], batch: Batch | undefined): void {
    if (this.logHealth$.value.status !== 'ok') this.logHealth$.next({ status: 'ok' });
    const stepsWithEvents = steps.filter((step) => step.events.length > 0).length;
    const [oldest] = this.#arrivals.splice(0, stepsWithEvents);
    if (batch) {
      if (oldest !== undefined) this.#lag = Math.max(0, this.#options.clock.now() - oldest);
      this.#waiting -= batch.events.length;
      this.batches$.next(batch);
      this.#options.onFolded(batch, steps);
    }
    if (this.#hasRoom) this.#openRoom();
  }

  #noteFailure(failure: WriteFailure): void {
    const before = this.logHealth$.value;
    const since = before.status === 'failing' ? before.since : this.#options.clock.now();
    this.logHealth$.next({ status: 'failing', since, ...failure });
  }

  /** Emits when it is time to try again; ends without, and with it the batch, when there is no more time. */
  #wait(attempt: number): Observable<unknown> {
    const { clock, random, tuning } = this.#options;
    const [first, most] = tuning.backoff;
    const milliseconds = Math.min(most, first * 2 ** Math.min(20, attempt - 1)) * (0.5 + random() / 2);
    return new Observable((subscriber) => {
      if (this.#isStopping) return subscriber.complete();
      this.#giveUp = () => subscriber.complete();
      return clock.after(milliseconds, () => subscriber.next(undefined));
    });
  }
}
