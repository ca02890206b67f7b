/** When the last versions of a zone were there to be taken: how far behind somebody is. */
import type { Serial } from '../dns/serial.ts';

/** What somebody with an older version has not got. */
export interface Behind {
  readonly versions: number;
  /** Since the first of them; at least, where not all are known. */
  readonly seconds: number;
}

/** Versions that are remembered of one zone. */
const MAX_VERSIONS = 1000;

export class VersionTimes {
  /** Oldest first. */
  readonly #versions: { readonly serial: Serial; readonly time: number }[] = [];

  /** @param time Unix seconds */
  add(serial: Serial, time: number): void {
    this.#versions.push({ serial, time });
    // A part at a time: to move all for each version would be work for nothing.
    if (this.#versions.length > 2 * MAX_VERSIONS) this.#versions.splice(0, MAX_VERSIONS);
  }

  /** @returns undefined when there is no version yet */
  since(serial: Serial, now: number): Behind | undefined {
    if (this.#versions.length === 0) return undefined;
    const at = this.#versions.findLastIndex((version) => version.serial === serial);
    const [first] = this.#versions.slice(at + 1, at + 2);
    if (first === undefined) return { versions: 0, seconds: 0 };
    return { versions: this.#versions.length - at - 1, seconds: Math.max(0, now - first.time) };
  }
}
