/** A journal in memory: a list of changesets that follow on each other. */
import { packRecords } from '../../src/dns/canonical.ts';
import type { Changeset } from '../../src/projection/diff.ts';
import type { ChangesetSource } from '../../src/transfer/plan.ts';

export function changesetSource(changesets: readonly Changeset[]): ChangesetSource {
  return {
    chain(_, from, to) {
      const start = changesets.findIndex(({ soaFrom }) => soaFrom.rdata.serial === from);
      const end = changesets.findIndex(({ soaTo }) => soaTo.rdata.serial === to);
      if (start < 0 || end < start) return undefined;
      const part = changesets.slice(start, end + 1);
      const records = part.flatMap(({ removed, added }) => [...removed, ...added]);
      const soas = part.flatMap(({ soaFrom, soaTo }) => [soaFrom, soaTo]);
      return {
        changesets: part.length,
        records: records.length,
        octets: packRecords([...soas, ...records]).length,
        read: () => readInSteps(part, 0),
      };
    },
  };
}

/** What `ChangesetChain.read` gives after so many steps. */
export function* readInSteps<T>(value: T, steps: number): Generator<undefined, T> {
  for (let i = 0; i < steps; i++) yield;
  return value;
}
