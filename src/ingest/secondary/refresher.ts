/**
 * Keeps one zone as its primaries have it: asks for their version when the SOA record says so, or when they say so
 * (RFC 1034 §4.3.5, RFC 1996), transfers what is newer, and lets the zone expire when nobody has been heard of for too long.
 */
import type { RecordStore } from '../../dns/record-store.ts';
import { compareSerial } from '../../dns/serial.ts';
import type { Result } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { Clock } from '../clock.ts';
import { nameOfPrimary, type Primary, type SecondarySource, type TimeRange } from './primary.ts';
import type { PrimaryVersion } from './question.ts';
import type { TransferResult } from './transfer.ts';
import { type SoaRecord, serialOf } from './transfer-reader.ts';

/** When a primary was last found to have no newer version than ours, and until when the zone is good. Unix milliseconds. */
export interface ZoneTimes {
  readonly refreshedAt: number;
  readonly expiresAt: number;
}

/** What a refresher may do outside. */
export interface RefresherWorld {
  readonly clock: Clock;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
  readonly logger: Logger;
  /** What the log knows of the zone. */
  known(): { readonly records: RecordStore; readonly isExpired: boolean } | undefined;
  askVersion(primary: Primary, signal: AbortSignal): Promise<Result<PrimaryVersion, string>>;
  transfer(
    primary: Primary,
    known: RecordStore | undefined,
    signal: AbortSignal,
  ): Promise<Result<TransferResult, string>>;
  /** Logs what was transferred, and folds it. @returns the reason where that is not possible now */
  store(version: TransferResult & { kind: 'transferred' }, primary: Primary): Promise<Result<undefined, string>>;
  /** Logs that the zone is, or is no longer, too old to be answered from. @returns false where it is not possible now */
  mark(kind: 'expired' | 'refreshed', primary: string): boolean;
  /** Notes times that a later start goes on from. */
  keep(times: ZoneTimes): void;
  /** A refresh has ended. */
  count(result: 'transferred' | 'current' | 'failed'): void;
}

/** How a zone stands. */
export interface RefreshStatus {
  readonly times: ZoneTimes | undefined;
  readonly isRunning: boolean;
  /** When primaries are asked next, Unix milliseconds; undefined: they are being asked. */
  readonly nextAt: number | undefined;
  /** Refreshes that failed one after the other, up to now. */
  readonly failures: number;
  /** Why the last refresh failed; undefined: it did not. */
  readonly trouble: string | undefined;
}

/** Milliseconds until a zone of which nothing is known is asked for again: doubled each time. */
const FIRST_RETRY: TimeRange = [250, 10_000];
/** Parts of a time that it may be shorter by, so that zones are not all asked for at once. */
const JITTER = 0.1;
/** Milliseconds between two refreshes that a primary asked for. */
const NOTIFY_GAP = 100;

export class Refresher {
  readonly #source: SecondarySource;
  readonly #world: RefresherWorld;
  readonly #stopping = new AbortController();
  #times: ZoneTimes | undefined;
  #cancelNext: () => void = () => {};
  #nextAt: number | undefined;
  #cancelExpiry: () => void = () => {};
  #running: Promise<void> | undefined;
  /** Somebody wants a refresh after the one that runs: first from that address. */
  #isWanted = false;
  #preferred: string | undefined;
  #failures = 0;
  #trouble: string | undefined;

  /** @param times as an earlier start kept them; undefined: none did */
  constructor(source: SecondarySource, world: RefresherWorld, times: ZoneTimes | undefined) {
    this.#source = source;
    this.#world = world;
    this.#times = times;
  }

  get status(): RefreshStatus {
    const isRunning = this.#running !== undefined;
    const nextAt = isRunning ? undefined : this.#nextAt;
    return { times: this.#times, isRunning, nextAt, failures: this.#failures, trouble: this.#trouble };
  }

  /** Begins: at once, as nobody knows what has happened since the last start. */
  start(): void {
    const known = this.#world.known();
    if (known !== undefined && !known.isExpired) {
      // A zone without times is from a log that was copied, say: it is good for as long as a new one.
      const soa = known.records.soa();
      if (this.#times === undefined && soa !== undefined) this.#keep(soa, undefined);
      this.#waitForExpiry();
    }
    this.#run();
  }

  /** A primary says that it has a new version. */
  notify(address: string): void {
    this.#preferred = address;
    this.refresh();
  }

  /** Asks the primaries now, or once more when that goes on already. */
  refresh(): void {
    if (this.#stopping.signal.aborted) return;
    if (this.#running === undefined) this.#run();
    else this.#isWanted = true;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#cancelNext();
    this.#cancelExpiry();
    await this.#running;
  }

  #run(): void {
    this.#cancelNext();
    this.#isWanted = false;
    const preferred = this.#preferred;
    this.#preferred = undefined;
    this.#running = this.#refresh(preferred).then(
      (isRefreshed) => this.#ended(isRefreshed),
      (error: unknown) => {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        this.#world.logger.error(`zone "${this.#source.apex}": ${text.split('\n').slice(0, 4).join(' ')}`);
        this.#ended(false);
      },
    );
  }

  #ended(isRefreshed: boolean): void {
    this.#running = undefined;
    if (this.#stopping.signal.aborted) return;
    this.#failures = isRefreshed ? 0 : this.#failures + 1;
    const wait = this.#isWanted ? NOTIFY_GAP : this.#waitAfter(isRefreshed);
    this.#nextAt = this.#world.clock.now() + wait;
    this.#cancelNext = this.#world.clock.after(wait, () => this.#run());
  }

  /** Milliseconds until the next refresh. */
  #waitAfter(isRefreshed: boolean): number {
    const { refresh, retry } = this.#source;
    const soa = this.#world.known()?.records.soa();
    const jittered = (time: number) => time * (1 - JITTER * this.#world.random());
    if (soa === undefined) {
      const [first, most] = FIRST_RETRY;
      return jittered(Math.min(most, first * 2 ** Math.min(20, this.#failures - 1)));
    }
    const { refresh: wantedRefresh, retry: wantedRetry } = soa.rdata;
    return jittered(isRefreshed ? clamp(wantedRefresh * 1000, refresh) : clamp(wantedRetry * 1000, retry));
  }

  /** @returns whether some primary was heard of that has no newer version than we have now */
  async #refresh(preferred: string | undefined): Promise<boolean> {
    const reasons: string[] = [];
    /** Answered, but had only an older version. */
    let behind: { readonly primary: Primary; readonly expire: number | undefined } | undefined;
    /** Somebody has a newer version, which could not be had: it is asked for again soon, whatever the others have. */
    let isMissed = false;
    for (const primary of inOrder(this.#source.primaries, preferred)) {
      if (this.#stopping.signal.aborted) return false;
      const outcome = await this.#ask(primary);
      if (outcome.kind === 'fresh' && isMissed && !outcome.isTransferred) {
        this.#complain(reasons.join('; '));
        this.#succeed(outcome.soa, outcome.expire, primary, false);
        return false;
      }
      if (outcome.kind === 'fresh') {
        if (this.#trouble !== undefined) this.#world.logger.info(`zone "${this.#source.apex}" is refreshed again`);
        this.#trouble = undefined;
        this.#succeed(outcome.soa, outcome.expire, primary, outcome.isTransferred);
        return true;
      }
      if (outcome.kind === 'behind') behind ??= { primary, expire: outcome.expire };
      else isMissed ||= outcome.isNewer;
      reasons.push(`${nameOfPrimary(primary)}: ${outcome.reason}`);
    }
    if (this.#stopping.signal.aborted) return false;
    this.#complain(reasons.join('; '));
    const soa = this.#world.known()?.records.soa();
    if (behind === undefined || soa === undefined) {
      this.#world.count('failed');
      return false;
    }
    this.#succeed(soa, behind.expire, behind.primary, false);
    return !isMissed;
  }

  async #ask(primary: Primary): Promise<
    | {
        readonly kind: 'fresh';
        readonly soa: SoaRecord;
        readonly expire: number | undefined;
        readonly isTransferred: boolean;
      }
    | { readonly kind: 'behind'; readonly reason: string; readonly expire: number | undefined }
    | { readonly kind: 'failed'; readonly reason: string; readonly isNewer: boolean }
  > {
    const { signal } = this.#stopping;
    const failed = (reason: string, isNewer = true) => ({ kind: 'failed', reason, isNewer }) as const;
    const ours = serialOf(this.#world.known()?.records);
    if (ours !== undefined) {
      const version = await this.#world.askVersion(primary, signal);
      if (!version.ok) return failed(version.error, false);
      const { soa, expire } = version.value;
      const order = compareSerial(soa.rdata.serial, ours);
      if (order === 'equal') return { kind: 'fresh', soa, expire, isTransferred: false };
      if (order !== 'greater') {
        return { kind: 'behind', expire, reason: `its serial ${soa.rdata.serial} is not newer than ours, ${ours}` };
      }
    }
    const known = this.#world.known();
    const transfer = await this.#world.transfer(primary, known?.records, signal);
    if (!transfer.ok) return failed(transfer.error);
    const result = transfer.value;
    if (result.kind === 'current') {
      return { kind: 'fresh', soa: result.soa, expire: result.expire, isTransferred: false };
    }
    if (this.#stopping.signal.aborted) return failed('stopped');
    const stored = await this.#world.store(result, primary);
    if (!stored.ok) return failed(stored.error);
    return { kind: 'fresh', soa: result.version.soa, expire: result.expire, isTransferred: true };
  }

  #succeed(soa: SoaRecord, expire: number | undefined, primary: Primary, isTransferred: boolean): void {
    this.#world.count(isTransferred ? 'transferred' : 'current');
    this.#keep(soa, expire, isTransferred);
    const known = this.#world.known();
    if (known?.isExpired) this.#world.mark('refreshed', nameOfPrimary(primary));
    this.#waitForExpiry();
  }

  /**
   * A primary that is a secondary itself says how long its copy is good; else ours is good for as long as the SOA record
   * says. After a question only, what we know already may be longer (RFC 7314 §4).
   */
  #keep(soa: SoaRecord, expire: number | undefined, isTransferred = true): void {
    const now = this.#world.clock.now();
    const allowed = clamp(soa.rdata.expire * 1000, this.#source.expire);
    let expiresAt = now + Math.min(allowed, expire === undefined ? allowed : expire * 1000);
    if (expire !== undefined && !isTransferred) expiresAt = Math.max(expiresAt, this.#times?.expiresAt ?? 0);
    this.#times = { refreshedAt: now, expiresAt };
    this.#world.keep(this.#times);
  }

  #waitForExpiry(): void {
    this.#cancelExpiry();
    const { clock, logger } = this.#world;
    if (this.#times === undefined) return;
    const wait = Math.max(0, this.#times.expiresAt - clock.now());
    this.#cancelExpiry = clock.after(wait, () => {
      const known = this.#world.known();
      if (known === undefined || known.isExpired) return;
      const since = new Date(this.#times?.refreshedAt ?? 0).toISOString();
      logger.error(`zone "${this.#source.apex}" has expired: no primary has been heard of since ${since}`);
      // When the disk takes nothing it is tried again.
      if (!this.#world.mark('expired', '')) this.#cancelExpiry = clock.after(1000, () => this.#waitForExpiry());
    });
  }

  /** Once for each kind of trouble, not each time. */
  #complain(reason: string): void {
    if (reason === this.#trouble) return;
    this.#trouble = reason;
    this.#world.logger.warning(`zone "${this.#source.apex}" could not be refreshed: ${reason}`);
  }
}

function inOrder(primaries: readonly Primary[], preferred: string | undefined): Primary[] {
  const isPreferred = ({ address }: Primary) => address === preferred;
  return [...primaries.filter(isPreferred), ...primaries.filter((primary) => !isPreferred(primary))];
}

function clamp(time: number, [least, most]: TimeRange): number {
  return Math.min(most, Math.max(least, time));
}
