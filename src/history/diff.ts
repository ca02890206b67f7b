/** The difference between two versions of a zone: what an IXFR between them brings. */
import type { ResourceRecord } from '../dns/rrset.ts';
import { ok } from '../errors.ts';
import { OBJECT_KINDS, type ObjectKind } from '../ingest/event.ts';
import type { ZoneDefinition, ZoneId } from '../ingest/plan.ts';
import { type Changeset, diffZones, makeChangeset } from '../projection/diff.ts';
import { foldEvents } from '../projection/fold.ts';
import { Touched } from '../projection/touched.ts';
import { condense } from '../transfer/changesets.ts';
import type { ZoneDifference } from './answers.ts';
import type { ObjectRef, ObjectStates } from './object-states.ts';
import type { Answered } from './problem.ts';
import { ScopeBuilder } from './scope-builder.ts';
import { eventsIn } from './scope-events.ts';
import { type HistorySource, type Version, versionRef } from './source.ts';
import { addressesOf } from './subject.ts';
import { textRecord } from './text.ts';
import { zoneOf } from './worlds.ts';
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
  const [start, end] = [versionAt(source, id.value, from), versionAt(source, id.value, to)];
  if (!start.ok) return start;
  if (!end.ok) return end;
  const isForward = start.value.batch <= end.value.batch;
  const [older, newer] = isForward ? [start.value, end.value] : [end.value, start.value];
  const changeset = changesBetween(source, id.value, older, newer);
  if (!changeset.ok) return changeset;
  const { apex, soaFrom, soaTo, removed, added } = changeset.value;
  const texts = (records: readonly ResourceRecord[]) => records.map(textRecord);
  return ok({
    zone: id.value,
    apex,
    from: versionRef(start.value),
    to: versionRef(end.value),
    soaFrom: textRecord(isForward ? soaFrom : soaTo),
    soaTo: textRecord(isForward ? soaTo : soaFrom),
    removed: texts(isForward ? removed : added),
    added: texts(isForward ? added : removed),
  });
}

/** What leads from a version of a zone to a later one, or to itself. */
export function changesBetween(source: HistorySource, id: ZoneId, older: Version, newer: Version): Answered<Changeset> {
  const told = fromJournal(source, id, older, newer);
  return told !== undefined ? ok(told) : (fromEvents(source, id, older, newer) ?? fromZones(source, id, older, newer));
}

/** Records of changes up to which these are put together instead of comparing whole zones: a quarter of a second of work. */
const MOST_CHANGES = 50_000;

/** From what the journal still has. */
function fromJournal(source: HistorySource, id: ZoneId, older: Version, newer: Version): Changeset | undefined {
  const chain = source.journal.chainBetween(id, older.batch, newer.batch);
  if (chain === undefined || chain.records > MOST_CHANGES) return undefined;
  const steps = chain.read();
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value && condense(step.value);
}

/** Both zones as wholes. */
function fromZones(source: HistorySource, id: ZoneId, older: Version, newer: Version): Answered<Changeset> {
  const before = publishedZone(source, id, older);
  if (!before.ok) return before;
  const after = publishedZone(source, id, newer);
  if (!after.ok) return after;
  return ok(makeChangeset(before.value, after.value, diffZones(before.value, after.value, undefined)));
}

/** Events up to which their objects are looked at instead of whole zones. */
const MOST_EVENTS = 500;

/**
 * From the objects of the events in between.
 * @returns undefined when these are too many, or change more than their own records: a plan, a namespace, another server's zone
 */
function fromEvents(
  source: HistorySource,
  id: ZoneId,
  older: Version,
  newer: Version,
): Answered<Changeset> | undefined {
  const states = source.states();
  const [from, to] = [states.endOf(older.batch) + 1, states.endOf(newer.batch)];
  if (to - from >= MOST_EVENTS || states.plans.between(from, to).length > 0) return undefined;
  const [definition] = states.plans.definitions(id, to, to);
  if (definition === undefined || !isOfObjects(definition)) return undefined;
  const objects = states.log.objectsIn(from, to);
  if (objects.some(({ kind }) => kind === 'Namespace')) return undefined;

  const builder = new ScopeBuilder(states, from, to);
  for (const address of definition.localAddresses) builder.address(address);
  for (const object of objects) {
    if (!isObjectKind(object.kind)) continue;
    const ref: ObjectRef = { ...object, kind: object.kind };
    builder.object(ref);
    if (object.kind !== 'Pod') continue;
    const namespace = object.key.slice(0, object.key.indexOf('/'));
    for (const position of [from - 1, to]) {
      for (const address of addressesOf(states.factsAt(ref, position))) builder.pods(address, namespace);
    }
  }
  let folded = fold(states, builder, older.batch, newer.batch);
  if (definition.kind !== 'clusterset') {
    // Who else has the addresses decides about the names that they lead to.
    for (const { addresses } of folded.touched.clusters.values()) for (const each of addresses) builder.address(each);
    folded = fold(states, builder, older.batch, newer.batch);
  }
  const before = zoneOf(folded.start, id, older.serial);
  const after = zoneOf(folded.end, id, newer.serial);
  if (before === undefined || after === undefined) return undefined;
  return ok(makeChangeset(before, after, diffZones(before, after, folded.touched)));
}

/** A digest is of the whole zone. */
function isOfObjects({ kind, zonemd }: ZoneDefinition): boolean {
  return zonemd === undefined && (kind === 'cluster' || kind === 'clusterset' || kind === 'reverse');
}

function isObjectKind(kind: string): kind is ObjectKind {
  return (OBJECT_KINDS as readonly string[]).includes(kind);
}

function fold(states: ObjectStates, { refs }: ScopeBuilder, after: number, until: number) {
  const start = states.worldAt(refs, states.endOf(after));
  const touched = new Touched();
  const events = eventsIn(
    states,
    { refs, around: [], others: [], isWhole: false },
    start,
    states.endOf(after) + 1,
    states.endOf(until),
  );
  const end = foldEvents(
    start,
    events.map(({ event }) => event),
    touched,
  );
  return { start, end, touched };
}
