/** The difference between two versions of a zone: what an IXFR between them brings. */
import { ok } from '../errors.ts';
import { diffZones } from '../projection/diff.ts';
import { soaRecord } from '../projection/zone.ts';
import type { ZoneDifference } from './answers.ts';
import type { Answered } from './problem.ts';
import { type HistorySource, versionRef } from './source.ts';
import { textRecord } from './text.ts';
import { publishedZone, versionAt, zoneIdOf } from './zone-at.ts';

/** @param to may be the earlier one: then the difference leads back */
export function diff(
  source: HistorySource,
  zone: string,
  from: string,
  to: string | undefined,
): Answered<ZoneDifference> {
  const id = zoneIdOf(source, zone);
  if (!id.ok) return id;
  const [older, newer] = [versionAt(source, id.value, from), versionAt(source, id.value, to)];
  if (!older.ok) return older;
  if (!newer.ok) return newer;
  const [before, after] = [publishedZone(source, id.value, older.value), publishedZone(source, id.value, newer.value)];
  if (!before.ok) return before;
  if (!after.ok) return after;
  const { removed, added } = diffZones(before.value, after.value, undefined);
  return ok({
    zone: id.value,
    apex: after.value.apex,
    from: versionRef(older.value),
    to: versionRef(newer.value),
    soaFrom: textRecord(soaRecord(before.value)),
    soaTo: textRecord(soaRecord(after.value)),
    removed: removed.map(textRecord),
    added: added.map(textRecord),
  });
}
