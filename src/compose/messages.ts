/** What the threads say to each other. Everything here is structured-clonable. */
import type { MessagePort } from 'node:worker_threads';
import type { ClusterId } from '../ingest/event.ts';
import type { ZoneId, ZonePlan } from '../ingest/plan.ts';
import type { SecondarySource } from '../ingest/secondary/primary.ts';
import type { SecondaryZoneStatus } from '../ingest/secondary/secondaries.ts';
import type { MetricsSnapshot } from '../metrics.ts';
import type { SoaRecord } from '../projection/diff.ts';
import type { JournalLimits } from '../projection/journal.ts';
import type { ReplicaUpdate } from '../projection/replica.ts';
import type { Keeping } from '../retention/policy.ts';
import type { ServingBlock } from '../serve/blocks.ts';
import type { PastQuestion, PastReply } from '../serve/plugins/asof.ts';
import type { Taken } from '../transfer/respond.ts';
import type { FoundAddresses } from './found.ts';
import type { OfferedPlace, OfferedVersion } from './offered.ts';
import type { BlockZones } from './plan.ts';
import type { CompactionOutcome } from './retention.ts';
import type { ZoneExpiry } from './secondary-side.ts';
import type { ClusterView } from './views.ts';

/** Main to the writer. */
export type ToWriter =
  | {
      readonly kind: 'configure';
      readonly plan: ZonePlan;
      readonly clusters: readonly ClusterView[];
      readonly journal: JournalLimits;
      /** Zones that are kept as other servers have them. */
      readonly secondaries: readonly SecondarySource[];
      readonly eventLog: EventLogLimits;
      readonly isDebug: boolean;
    }
  /** What is known is served: the clusters may be followed now. */
  | { readonly kind: 'begin' }
  /** A server says that it has a new version of a zone (RFC 1996). */
  | { readonly kind: 'notified'; readonly zone: ZoneId; readonly address: string }
  /** A serving thread follows the log through this port. */
  | { readonly kind: 'follow'; readonly port: MessagePort }
  | { readonly kind: 'metrics'; readonly request: number }
  /** How do things stand now? What is sent by itself is of the last event that is about clusters. */
  | { readonly kind: 'look'; readonly request: number }
  | { readonly kind: 'release'; readonly request: number; readonly cluster: string | undefined }
  | { readonly kind: 'snapshot'; readonly request: number }
  /** Remove what is older than `keep` milliseconds. */
  | { readonly kind: 'compact'; readonly request: number; readonly keep: number; readonly reason: string }
  | { readonly kind: 'stop' };

/** What the Corefile says of the log, but for its file. */
export interface EventLogLimits extends Keeping {
  /** Events between two snapshots; undefined: the default. */
  readonly snapshotEvery: number | undefined;
}

/** How a cluster stands. */
export interface ClusterStatus {
  readonly id: ClusterId;
  /** Every kind that is needed was listed once, now or in the log. */
  readonly isSynced: boolean;
  /** The batch that made it so, for as long as a serving thread has not folded it. */
  readonly unservedSince?: number;
  /** Why it can't be reached at the moment, by kind. */
  readonly lost: readonly string[];
  /** Kinds that the server has not got or does not let us list: nothing of them is served. */
  readonly lacking: readonly { readonly kind: string; readonly reason: string }[];
  /** Objects that are answered although the last list did not have them: the guard holds their deletion. */
  readonly held: number;
}

export interface WriterStatus {
  /** The last batch that was handed to the serving threads. */
  readonly batch: number;
  readonly clusters: readonly ClusterStatus[];
  /** Zones of the configuration that other servers are the primaries of; members of catalogs are not among them. */
  readonly secondaries: readonly SecondaryZoneStatus[];
  /** Why the log can't be written at the moment. */
  readonly logFailure?: string;
}

/** How all stands at one moment. */
export interface WriterLook {
  readonly status: WriterStatus;
  /** Zones that other servers are the primaries of, members of catalogs too. */
  readonly incoming: readonly SecondaryZoneStatus[];
}

/** The writer to main. */
export type FromWriter =
  /** The database is open and its schema is up to date. */
  | { readonly kind: 'opened' }
  /** The configuration is in force: its plan is in the log, its clusters are followed. */
  | { readonly kind: 'configured'; readonly status: WriterStatus }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'status'; readonly status: WriterStatus }
  /** Until when zones of other servers are good. */
  | { readonly kind: 'expiry'; readonly changed: readonly ZoneExpiry[] }
  | { readonly kind: 'looked'; readonly request: number; readonly look: WriterLook }
  | { readonly kind: 'released'; readonly request: number; readonly clusters: readonly string[] }
  | { readonly kind: 'snapshotted'; readonly request: number; readonly isWritten: boolean }
  | { readonly kind: 'compacted'; readonly request: number; readonly outcome: CompactionOutcome }
  | { readonly kind: 'metrics'; readonly request: number; readonly snapshot: MetricsSnapshot }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'stopped' };

/** The last version of each zone that may be served: serials, and ZONEMD records where there are any. */
export type ReleasedVersions = Pick<ReplicaUpdate, 'serials' | 'zonemds'>;

/** The writer to a serving thread. */
export type ToFollower =
  /** Up to this batch the thread reads the log by itself; what comes after is sent. */
  | ({ readonly kind: 'position'; readonly batch: number } & ReleasedVersions)
  | { readonly kind: 'update'; readonly update: ReplicaUpdate }
  /** The shared number of the batch that may be shown has grown. No answer is wanted. */
  | { readonly kind: 'visible' };

/** A serving thread to the writer: the last update was folded, the next may come. */
export interface FromFollower {
  readonly kind: 'next';
  /** The last batch that was folded whole. */
  readonly batch: number;
}

/** Main to a serving thread. */
export type ToServer =
  | { readonly kind: 'database'; readonly file: string }
  /** To be in force once that batch is folded: the zones are there, and as far as the start waited for. */
  | { readonly kind: 'serve'; readonly configuration: ServerConfiguration; readonly batch: number }
  /** Until when zones of other servers are good. */
  | { readonly kind: 'expiry'; readonly changed: readonly ZoneExpiry[] }
  /** What was asked of the past was answered; undefined: not in time. */
  | { readonly kind: 'past'; readonly request: number; readonly reply: PastReply | undefined }
  | { readonly kind: 'metrics'; readonly request: number }
  | { readonly kind: 'stop' };

/** What a serving thread builds its listeners and chains from. */
export interface ServerConfiguration {
  readonly blocks: readonly ServingBlock[];
  /** UDP sockets that the serving threads share; empty when each has its own. */
  readonly descriptors: ReadonlyMap<string, number>;
  /** What the blocks serve of clusters; in the order of `blocks`. */
  readonly zones: readonly BlockZones[];
}

/** A serving thread to main. */
export type FromServer =
  /** Zones went over to versions, which are answered and transferred from now on. */
  | { readonly kind: 'versions'; readonly soas: readonly (readonly [ZoneId, SoaRecord])[] }
  /** Clusters tell other addresses of secondaries. */
  | { readonly kind: 'found'; readonly changed: readonly FoundAddresses[] }
  /** Zones that plugins offer for transfers have come, changed or gone. */
  | { readonly kind: 'offered'; readonly versions: readonly OfferedVersion[] }
  /** A client took a version of a zone. */
  | {
      readonly kind: 'transferred';
      readonly zone: ZoneId | OfferedPlace;
      readonly address: string;
      readonly taken: Taken;
    }
  /** A server says that it has a new version of a zone. */
  | { readonly kind: 'notified'; readonly zone: ZoneId; readonly address: string }
  /** A client asks for the past (`asof`). */
  | { readonly kind: 'past'; readonly request: number; readonly question: PastQuestion }
  /** The zones are as of the log: answers can be given. */
  | { readonly kind: 'loaded' }
  | { readonly kind: 'serving'; readonly lines: readonly string[] }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'metrics'; readonly request: number; readonly snapshot: MetricsSnapshot }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'stopped' };
