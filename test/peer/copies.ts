/** Copies of zones, record by record. */
import type { TransferredZone } from '../kit/dns-client.ts';
import { eventually } from '../kit/wait.ts';

/** What differs, in words; nothing when the zones are the same, serial included. */
export function differences(wanted: TransferredZone, copy: TransferredZone | undefined): string[] {
  if (copy === undefined) return ['no zone'];
  const [theirs, ours] = [new Set([wanted.soa, ...wanted.records]), new Set([copy.soa, ...copy.records])];
  return [
    ...(wanted.records.length === copy.records.length ? [] : ['another number of records']),
    ...[...theirs.difference(ours)].map((line) => `- ${line}`),
    ...[...ours.difference(theirs)].map((line) => `+ ${line}`),
  ].slice(0, 10);
}

export interface Copying {
  /** For messages. */
  readonly zone: string;
  /** Rejects while there is no zone. */
  readonly original: () => Promise<TransferredZone>;
  /** Undefined, or rejects: there is none. */
  readonly copy: () => Promise<TransferredZone | undefined>;
  /** What the servers have said, for messages. */
  readonly said: () => readonly string[];
  /** Milliseconds. */
  readonly timeout: number;
}

/** Waits until the copy is what the original is then: there may still come a version of a change that was long made. */
export async function waitForCopy({ zone, original, copy, said, timeout }: Copying): Promise<TransferredZone> {
  let seen: TransferredZone | undefined;
  try {
    await eventually(
      async () => {
        seen = await original();
        return differences(seen, await copy().catch(() => undefined));
      },
      (found) => found.length === 0,
      `the copy of ${zone} is the original`,
      timeout,
    );
  } catch (error) {
    throw new Error([String(error), ...said()].join('\n---\n'));
  }
  return seen as TransferredZone;
}
