/**
 * What questions about the past are answered with: plain data, as commands print it and the HTTP API sends it. Times are
 * RFC 3339 in UTC with milliseconds; names are absolute; lists of pages are newest first unless they say otherwise.
 */

/** A record as its line in a master file has it. */
export interface TextRecord {
  readonly owner: string;
  /** Seconds. */
  readonly ttl: number;
  /** `A`, `SRV`, … */
  readonly type: string;
  readonly data: string;
}

/** A place in the log. */
export interface Instant {
  /** When the batch was committed; of `at`: the moment that was asked for. */
  readonly time: string;
  readonly batch: number;
}

/** A version of a zone, or a place in the log with the serial that the zone had there. */
export interface VersionRef extends Instant {
  /** Absent before the zone's first version. */
  readonly serial?: number;
  /** It was so at that place already, which is where the log begins now: since when has been removed. */
  readonly isBeforeLog?: true;
}

/** Part of a long answer. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Given back as `cursor`, it brings what follows; absent when that was all. */
  readonly next?: string;
}

/** One event of the log. */
export interface LoggedEvent extends Instant {
  readonly position: number;
  /** `EndpointSliceUpserted`, `ClusterLost`, `PlanApplied`, … */
  readonly event: string;
  /** Empty for `PlanApplied`. */
  readonly cluster: string;
  /** The kind of the object: `Service`, …; `Cluster`, `Guard` and `Plan` for events about these. */
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly resourceVersion?: string;
  /** Who wrote the object last: `kubectl`, a controller … */
  readonly manager?: string;
  /** What else there is to tell of an event about a cluster or the guard, in a few words. */
  readonly detail?: string;
}

/** A member of an object's facts that an event changed: a path like `endpoints[2].addresses` and both values. */
export interface FactChange {
  readonly path: string;
  /** Absent: there was none. */
  readonly old?: unknown;
  readonly new?: unknown;
}

/** An event that made a record what it was. */
export interface Cause extends LoggedEvent {
  /** Old → new. */
  readonly changes: readonly FactChange[];
}

/** What a set of records was, from one version of its zone to another. */
export interface RecordValue {
  readonly zone: string;
  readonly name: string;
  readonly type: string;
  /** Empty while the set was not there. */
  readonly records: readonly TextRecord[];
  readonly from: VersionRef;
  /** Absent: it is so still. */
  readonly to?: VersionRef;
  /** In which it differs from the value before. */
  readonly removed: readonly TextRecord[];
  readonly added: readonly TextRecord[];
  /** What brought it about; empty where it came with the first version that the log knows. */
  readonly causes: readonly Cause[];
}

export type AnswerOutcome =
  | 'answer'
  | 'nodata'
  | 'nxdomain'
  /** A cluster that was never listed may have it. */
  | 'servfail'
  /** The zone has not got it, and hands the question on (`fallthrough`). */
  | 'passedOn';

/** Why one stanza had, or had not, a name. */
export interface StanzaReason {
  /** Place in the zone, from 1. */
  readonly stanza: number;
  readonly plugin: string;
  readonly cluster: string;
  readonly verdict: 'has' | 'denies' | 'unsure' | 'notAsked';
  readonly code:
    | 'object'
    | 'noNamespace'
    | 'namespaceFiltered'
    | 'noService'
    | 'serviceEmpty'
    | 'noEndpoint'
    | 'noPort'
    | 'podsHidden'
    | 'noPod'
    | 'noAddress'
    | 'noHost'
    | 'noTarget'
    | 'neverResolved'
    | 'noSuchForm'
    | 'neverSynced'
    | 'transferred'
    | 'notTransferred'
    | 'expired'
    | 'earlierStanza'
    | 'noFallthrough';
  /** One sentence. */
  readonly text: string;
  /** Contact with the API server had been lost then: what was known was served on. */
  readonly lost?: string;
  /** Which of the objects were only there because the guard held their deletion, since when, and what ends that. */
  readonly held?: string;
  /** The objects that decided, each with the event that made it what it was. */
  readonly events: readonly LoggedEvent[];
}

export interface Explanation {
  readonly name: string;
  readonly type: string;
  readonly at: VersionRef;
  readonly zone: string;
  readonly apex: string;
  readonly outcome: AnswerOutcome;
  readonly records: readonly TextRecord[];
  /** All of it in one line. */
  readonly summary: string;
  readonly stanzas: readonly StanzaReason[];
}

/** A whole zone; its records are made as they are walked. */
export interface ZoneAt {
  readonly zone: string;
  readonly apex: string;
  readonly version: VersionRef;
  /** In the order of a transfer, the SOA record first and once. */
  readonly records: Iterable<TextRecord>;
}

export interface ZoneDifference {
  readonly zone: string;
  readonly apex: string;
  readonly from: VersionRef;
  readonly to: VersionRef;
  readonly soaFrom: TextRecord;
  readonly soaTo: TextRecord;
  /** Canonical order. */
  readonly removed: readonly TextRecord[];
  readonly added: readonly TextRecord[];
}

export interface AddressHolder {
  readonly cluster: string;
  /** `Service`, `EndpointSlice`, `Pod`, … */
  readonly kind: string;
  /** Empty for an object without one. */
  readonly namespace: string;
  readonly name: string;
  readonly role: 'clusterIP' | 'external' | 'endpoint' | 'pod';
  /** The service of a slice. */
  readonly service?: string;
  /** The pod or host name of an endpoint. */
  readonly pod?: string;
  /** The event that made the object what it was; absent where it has been removed from the log. */
  readonly since?: LoggedEvent;
}

export interface AddressAnswer {
  readonly address: string;
  readonly at: Instant;
  readonly holders: readonly AddressHolder[];
  readonly names: readonly (TextRecord & { readonly zone: string })[];
  /** Where nobody held it: who did last, and the event that ended it. */
  readonly last?: Omit<AddressHolder, 'since'> & { readonly until: LoggedEvent };
}

/** A published version, with what it changed. */
export interface ZoneChange {
  /** Resumes after this change. */
  readonly cursor: string;
  readonly zone: string;
  readonly version: VersionRef;
  /** Absent: the zone's first version, whose records are not listed. */
  readonly from?: VersionRef;
  readonly removedCount: number;
  readonly addedCount: number;
  /** The records, or as many as were asked for. */
  readonly removed: readonly TextRecord[];
  readonly added: readonly TextRecord[];
  readonly events: readonly LoggedEvent[];
}

export interface ChangePage {
  /** Oldest first. */
  readonly items: readonly ZoneChange[];
  /** Given back as `after`, it brings what comes later; changes before it are done with even where none is listed. */
  readonly cursor: string;
  /** There is more to read at once. */
  readonly isMore: boolean;
}

/** A version of a zone, in few words. */
export interface TimelineEntry extends VersionRef {
  readonly serial: number;
  /** Absent for a first version, and where the journal has dropped the change. */
  readonly removed?: number;
  readonly added?: number;
}

/** How many versions a zone got in each part of a time. */
export interface VersionDensity {
  readonly zone: string;
  readonly from: string;
  readonly to: string;
  /** Milliseconds of one part. */
  readonly bucketMs: number;
  readonly versions: number;
  readonly counts: readonly number[];
}

export interface KindState {
  readonly kind: string;
  readonly state: 'never' | 'synced' | 'lost';
  readonly since?: string;
  readonly reason?: string;
}

/** What the guard holds of a cluster. */
export interface HeldOverview {
  /** Objects that are answered although the last list did not have them. */
  readonly deletions: number;
  readonly kinds: readonly string[];
  readonly since: string;
  /** They are deleted then, if nothing happens before. */
  readonly until: string;
}

export interface ClusterOverview {
  readonly cluster: string;
  readonly zones: readonly string[];
  readonly kinds: readonly KindState[];
  readonly held?: HeldOverview;
  readonly events: number;
  readonly lastEvent?: Instant;
}

export interface ZoneOverview {
  readonly zone: string;
  readonly apex: string;
  readonly kind: string;
  readonly serial?: number;
  /** The SOA record counted once. */
  readonly records: number;
  readonly versions: number;
  readonly lastChange?: VersionRef;
}

export interface Overview {
  readonly log: {
    readonly batches: number;
    readonly events: number;
    readonly first: Instant;
    readonly last: Instant;
    /** Octets of the database. */
    readonly octets: number;
  };
  readonly clusters: readonly ClusterOverview[];
  readonly zones: readonly ZoneOverview[];
}

export interface SearchHit {
  readonly what: 'name' | 'address' | 'zone' | 'object';
  /** A name to ask the history of, an address to ask `who` of, a zone, or `namespace/name`. */
  readonly text: string;
  readonly zone?: string;
  readonly cluster?: string;
  readonly kind?: string;
  /** It is there now; otherwise it was once. */
  readonly isCurrent: boolean;
}
