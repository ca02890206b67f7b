/**
 * Packs zones before anybody asks for them, so that the first client of a version, and the first after a start, finds
 * kept messages. It gives way to all else: little at a time, with pauses, and only what can be kept beside what is.
 */
import type { ZoneId } from '../ingest/plan.ts';

/** Milliseconds for which a version has to have been the newest: of many in a row only the last is packed. */
const QUIET_MS = 100;
/** Milliseconds of work at a time, besides a message that was begun: so long an answer may have to wait. */
const SLICE_MS = 0.5;
/** The pause after some work, as a multiple of the time that it took: all other time is for others. */
const PAUSES = 5;
/** Versions that are begun for nobody; then no more of the zone are until a client takes it whole. */
const MOST_UNUSED = 20;

export interface PackingAheadOptions {
  /**
   * Packs the newest version of a zone, a message at each step; undefined: there is none to be handed out now.
   * @returns whether it was all packed; else what is left can't be kept
   */
  readonly pack: (zone: ZoneId) => Generator<unknown, boolean> | undefined;
  /** Calls back once after so many milliseconds. @returns what takes it back */
  readonly after: (milliseconds: number, callback: () => void) => () => void;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** The zone can't be packed: a bug. Who asks for it will see. */
  readonly onFailure: (zone: ZoneId, error: unknown) => void;
}

interface ZoneState {
  /** Versions that may still be begun before a client takes one. */
  left: number;
  /** A client took it whole. */
  isTaken: boolean;
}

interface Run {
  readonly zone: ZoneId;
  readonly steps: Generator<unknown, boolean>;
}

/** Of the zones of one thread. One of them is packed at a time. */
export class PackingAhead {
  readonly #options: PackingAheadOptions;
  #zones = new Map<ZoneId, ZoneState>();
  /** Zones with a version to be packed, and since when it is the newest. */
  readonly #waiting = new Map<ZoneId, number>();
  #packing: Run | undefined;
  #cancel: (() => void) | undefined;

  constructor(options: PackingAheadOptions) {
    this.#options = options;
  }

  /** Goes over to these zones, all that are handed out; each new one is packed once, whether anybody takes it or not. */
  configure(zones: Iterable<ZoneId>): void {
    const before = this.#zones;
    this.#zones = new Map();
    for (const zone of zones) this.#zones.set(zone, before.get(zone) ?? { left: MOST_UNUSED, isTaken: false });
    for (const zone of before.keys()) if (!this.#zones.has(zone)) this.#forget(zone);
    for (const zone of this.#zones.keys()) if (!before.has(zone)) this.changed(zone);
  }

  /** There is a newer version of the zone. */
  changed(zone: ZoneId): void {
    this.#forget(zone);
    if ((this.#zones.get(zone)?.left ?? 0) === 0) return;
    this.#waiting.set(zone, this.#options.now());
    this.#wake(QUIET_MS);
  }

  /** A client takes the newest version whole: that packs it, and tells that the next one will be wanted too. */
  taken(zone: ZoneId): void {
    const state = this.#zones.get(zone);
    if (state === undefined) return;
    this.#forget(zone);
    state.left = MOST_UNUSED;
    state.isTaken = true;
  }

  /** Nothing is packed any more. */
  stop(): void {
    this.configure([]);
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #forget(zone: ZoneId): void {
    this.#waiting.delete(zone);
    if (this.#packing?.zone !== zone) return;
    this.#packing.steps.return(false);
    this.#packing = undefined;
  }

  #wake(milliseconds: number): void {
    this.#cancel ??= this.#options.after(milliseconds, () => {
      this.#cancel = undefined;
      this.#packing ??= this.#next();
      const { now } = this.#options;
      const began = now();
      if (this.#packing !== undefined) this.#work(this.#packing, began + SLICE_MS);
      if (this.#packing !== undefined) this.#wake(PAUSES * (now() - began));
      else if (this.#waiting.size > 0) this.#wake(QUIET_MS);
    });
  }

  /** Begins with a zone whose newest version has been that for long enough. */
  #next(): Run | undefined {
    const now = this.#options.now();
    for (const [zone, since] of this.#waiting) {
      if (now - since < QUIET_MS) continue;
      this.#waiting.delete(zone);
      const steps = this.#options.pack(zone);
      const state = this.#zones.get(zone);
      if (steps === undefined || state === undefined) continue;
      state.left -= 1;
      return { zone, steps };
    }
    return undefined;
  }

  #work({ zone, steps }: Run, until: number): void {
    const { now, onFailure } = this.#options;
    try {
      do {
        const step = steps.next();
        if (!step.done) continue;
        this.#end(zone, step.value);
        break;
      } while (now() < until);
    } catch (error) {
      this.#end(zone, false);
      onFailure(zone, error);
    }
  }

  /** What can't all be kept, or nobody has asked for yet, is not packed again until a client takes it. */
  #end(zone: ZoneId, isWhole: boolean): void {
    this.#packing = undefined;
    const state = this.#zones.get(zone);
    if (state !== undefined && !(isWhole && state.isTaken)) state.left = 0;
  }
}
