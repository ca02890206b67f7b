/**
 * Changesets in a row: what they do to a zone's records, and one changeset that does the same (RFC 1995 §6).
 */
import { canonicalOrder } from '../dns/canonical.ts';
import { rdataText } from '../dns/rdata-text.ts';
import type { ResourceRecord } from '../dns/rrset.ts';
import type { Changeset, SoaRecord } from '../projection/diff.ts';
import type { PackedChangeset } from '../projection/journal.ts';

/** Records removed and added, SOAs not counted. */
export function countChanges(changesets: readonly Changeset[]): number {
  return changesets.reduce((sum, { removed, added }) => sum + removed.length + added.length, 0);
}

/**
 * One changeset from the first one's old version to the last one's new version, without what was added and removed
 * again in between, in canonical order.
 * @param changesets at least one, each following on the one before
 * @throws RangeError when they are none or no chain
 */
export function condense(changesets: Iterable<PackedChangeset>): Changeset {
  const steps = condenseInSteps(changesets);
  for (;;) {
    const step = steps.next();
    if (!step.done) continue;
    const { removed, added } = step.value;
    return { ...step.value, removed: canonicalOrder(removed), added: canonicalOrder(added) };
  }
}

/** Records looked at in one step. */
const STEP = 1000;

/** As `condense`, a part at each step, in the order in which the changes came. */
export function* condenseInSteps(changesets: Iterable<PackedChangeset>): Generator<undefined, Changeset> {
  const removed = new Map<string, ResourceRecord>();
  const added = new Map<string, ResourceRecord>();
  let soaFrom: SoaRecord | undefined;
  let soaTo: SoaRecord | undefined;
  let records = 0;
  for (const changeset of changesets) {
    soaFrom ??= changeset.soaFrom;
    if (soaTo !== undefined && changeset.soaFrom.rdata.serial !== soaTo.rdata.serial) {
      throw new RangeError('changesets that are no chain');
    }
    soaTo = changeset.soaTo;
    for (const [list, opposite, own] of [
      [changeset.removed, added, removed],
      [changeset.added, removed, added],
    ] as const) {
      for (const record of list) {
        cancelOrKeep(record, opposite, own);
        records += 1;
        if (records % STEP === 0) yield;
      }
    }
  }
  if (soaFrom === undefined || soaTo === undefined) throw new RangeError('no changesets to condense');
  return { apex: soaTo.owner, soaFrom, soaTo, removed: [...removed.values()], added: [...added.values()] };
}

/** What undoes an earlier change takes it back; anything else is a change. */
function cancelOrKeep(
  record: ResourceRecord,
  opposite: Map<string, ResourceRecord>,
  own: Map<string, ResourceRecord>,
): void {
  const key = recordKey(record);
  if (!opposite.delete(key)) own.set(key, record);
}

/** Equal for equal records, TTL included: a new TTL is a record removed and another one added. */
export function recordKey({ owner, type, ttl, rdata }: ResourceRecord): string {
  return `${owner} ${type} ${ttl} ${rdataText(rdata)}`;
}

/**
 * What a secondary does with a changeset: the records of the new version, SOA included, by their keys.
 * @throws RangeError when a record to be removed isn't there, or one to be added is: the secondary is out of step
 */
export function applyChangeset(
  records: ReadonlyMap<string, ResourceRecord>,
  { soaFrom, soaTo, removed, added }: Changeset,
): Map<string, ResourceRecord> {
  const result = new Map(records);
  for (const record of [soaFrom, ...removed]) {
    if (!result.delete(recordKey(record))) throw new RangeError(`not there: ${record.owner} type ${record.type}`);
  }
  for (const record of [soaTo, ...added]) {
    const key = recordKey(record);
    if (result.has(key)) throw new RangeError(`there already: ${record.owner} type ${record.type}`);
    result.set(key, record);
  }
  return result;
}
