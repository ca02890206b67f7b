/**
 * The door to the past: every question that commands, the HTTP API and `why` in DNS put to a log, over a read-only
 * connection beside the server that writes it, or over a copy. Each question sees one state of the database. What is
 * expected to go wrong is a value (`HistoryProblem`).
 *
 * Questions are synchronous and may take up to a second: a server asks them in a thread of their own.
 */
import { existsSync } from 'node:fs';
import { openReadOnly } from '../database.ts';
import type { DomainName } from '../dns/name.ts';
import type { RRType } from '../dns/rrset.ts';
import { OperatorError, ok } from '../errors.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { Zone } from '../projection/zone.ts';
import { type DensityQuery, dataVersion, density, eventRates } from './activity.ts';
import type {
  AddressAnswer,
  ChangePage,
  Explanation,
  LoggedEvent,
  Overview,
  Page,
  RecordValue,
  SearchHit,
  TimelineEntry,
  VersionDensity,
  ZoneAt,
  ZoneDifference,
} from './answers.ts';
import { zoneForName } from './as-of.ts';
import { type ChangeQuery, changes } from './changes.ts';
import { diff } from './diff.ts';
import { EventCounts } from './event-counts.ts';
import { type EventQuery, events } from './events.ts';
import { overview } from './overview.ts';
import { type Answered, problem } from './problem.ts';
import { RecordCounts } from './record-counts.ts';
import { type RecordQuery, recordHistory } from './record-history.ts';
import { search } from './search.ts';
import { HistorySource } from './source.ts';
import { type TimelineQuery, timeline } from './timeline.ts';
import { who } from './who.ts';
import { type WhyQuery, why } from './why.ts';
import { zoneAt } from './zone-at.ts';

export type { ChangeQuery, DensityQuery, EventQuery, RecordQuery, TimelineQuery, WhyQuery };

/** Moments are text: RFC 3339, `-15m`, a serial; absent: now. */
export interface History {
  /** The log, the clusters that the zones look at, the zones. */
  overview(): Answered<Overview>;
  /** What a name was, newest first. */
  recordHistory(query: RecordQuery): Answered<Page<RecordValue>>;
  /** Why a name was answered as it was: the zones that were asked, of which the last decided. */
  why(query: WhyQuery): Answered<readonly Explanation[]>;
  /** A zone as a transfer gave it then. The records may be walked after other questions were asked. */
  zoneAt(zone: string, at?: string): Answered<ZoneAt>;
  /** A zone to answer questions about one name from, as it was then: of other names it may know nothing. */
  zoneForName(zone: ZoneId, name: DomainName, type: RRType, at?: string): Answered<Zone>;
  /** What an incremental transfer between two versions brings. */
  diff(zone: string, from: string, to?: string): Answered<ZoneDifference>;
  /** Every name, service and pod that held an address. */
  who(address: string, at?: string): Answered<AddressAnswer>;
  /** What was published after a cursor, oldest first; names of changes that the journal has dropped are not found. */
  changes(query: ChangeQuery): Answered<ChangePage>;
  /** The raw log, newest first unless told otherwise. */
  events(query: EventQuery): Answered<Page<LoggedEvent>>;
  /** Zones, names and objects whose text holds this one. */
  search(text: string, limit?: number): Answered<readonly SearchHit[]>;
  /** The versions of a zone, newest first. */
  timeline(query: TimelineQuery): Answered<Page<TimelineEntry>>;
  /** How many versions a zone got in each part of a time. */
  density(query: DensityQuery): Answered<VersionDensity>;
  /** Events per minute of each cluster, over the last so many milliseconds. */
  eventRates(windowMs: number): ReadonlyMap<string, number>;
  /** Another number whenever something was committed since; costs next to nothing. */
  dataVersion(): number;
  close(): void;
}

export interface HistoryOptions {
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** Opens the database of a server, which may be running, or a copy of one. Writes nothing. */
export function openHistory(file: string, { now }: HistoryOptions): Answered<History> {
  if (!existsSync(file)) return problem('noLog', `${file}: there is no such file; -db FILE says where the log is`);
  let source: HistorySource;
  try {
    source = new HistorySource(openReadOnly(file), now);
  } catch (error) {
    if (error instanceof OperatorError) return problem('unusable', error.message);
    throw error;
  }
  const counts = { records: new RecordCounts(), events: new EventCounts() };
  return ok({
    overview: () => source.ask(() => overview(source, counts)),
    recordHistory: (query) => source.ask(() => recordHistory(source, query)),
    why: (query) => source.ask(() => why(source, query)),
    zoneAt: (zone, at) => source.ask(() => zoneAt(source, zone, at)),
    zoneForName: (zone, name, type, at) => source.ask(() => zoneForName(source, zone, name, type, at)),
    diff: (zone, from, to) => source.ask(() => diff(source, zone, from, to)),
    who: (address, at) => source.ask(() => who(source, address, at)),
    changes: (query) => source.ask(() => changes(source, query)),
    events: (query) => source.ask(() => events(source, query)),
    search: (text, limit) => source.ask(() => search(source, text, limit)),
    timeline: (query) => source.ask(() => timeline(source, query)),
    density: (query) => source.ask(() => density(source, query)),
    eventRates: (windowMs) => eventRates(source, windowMs),
    dataVersion: () => dataVersion(source),
    close: () => source.db.close(),
  });
}
