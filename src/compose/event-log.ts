/** Where the event log is, and how much of it is kept: `eventlog` in the Corefile, `-db` on the command line. */
import path from 'node:path';
import type { Config } from '../corefile/config.ts';
import { OperatorError } from '../errors.ts';
import type { EventLogLimits } from './messages.ts';

export interface EventLogPlan {
  /** What the Corefile says; undefined: nothing. Absolute. */
  readonly file: string | undefined;
  readonly limits: EventLogLimits;
}

/** Its file is relative to `root`. */
export function planEventLog({ serverBlocks }: Config): EventLogPlan {
  const block = serverBlocks.find(({ options }) => options.eventlog !== undefined);
  const { file, retain, maxSize, snapshotEvery } = block?.options.eventlog ?? {};
  return {
    file: file === undefined ? undefined : path.resolve(block?.options.root ?? '', file),
    limits: { retain, maxSize, snapshotEvery },
  };
}

/**
 * The file that is used, and what the operator should know of the choice: the command line counts more.
 * @param flag of the command line
 * @param fallback when nobody says anything
 */
export function chooseDatabase(
  flag: string | undefined,
  planned: string | undefined,
  fallback: string,
): { readonly file: string; readonly warning?: string } {
  if (flag === undefined) return { file: planned ?? fallback };
  if (planned === undefined || path.resolve(flag) === planned) return { file: flag };
  return { file: flag, warning: `plugin/eventlog: '${planned}' is not used: the command line says -db ${flag}` };
}

/** @throws OperatorError: what is served comes from the log that was opened at the start. */
export function refuseToMove(database: string, next: string): void {
  if (next !== database)
    throw new OperatorError(`plugin/eventlog: the log can't move to '${next}' in a reload: restart for that`);
}
