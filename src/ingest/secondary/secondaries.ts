/**
 * All zones that are kept as their primaries have them, and the members of the catalogs among them: transfers in → events
 * in the log. Everything here waits for the network between two short steps; nothing of it holds up the thread.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DomainName } from '../../dns/name.ts';
import { RecordStore } from '../../dns/record-store.ts';
import { fail, ok, type Result } from '../../errors.ts';
import { LimitedLines } from '../../log-limit.ts';
import type { Logger } from '../../logger.ts';
import type { MetricsSnapshot } from '../../metrics.ts';
import type { Clock } from '../clock.ts';
import { equalJson } from '../delta.ts';
import type { TransferEvent } from '../event.ts';
import type { ZoneId } from '../plan.ts';
import { type CurrentMember, type FollowedCatalog, planMembers, readCatalog } from './catalog.ts';
import { eventsBetween } from './changes.ts';
import { createSecondaryCounters, describeZones } from './metrics.ts';
import { nameOfPrimary, type Primary, type SecondarySource } from './primary.ts';
import { Refresher, type ZoneTimes } from './refresher.ts';
import { Slots } from './slots.ts';
import { type TransferResult, transferZone } from './transfer.ts';
import { askVersion } from './version-query.ts';

/** The fold of the log, and the way into it. */
export interface SecondaryStore {
  /** What is known of a zone; undefined: nothing, or the zone is not asked for any more. */
  known(zone: ZoneId): { readonly records: RecordStore; readonly isExpired: boolean } | undefined;
  /** The members of all catalogs. */
  members(): Iterable<readonly [apex: DomainName, CurrentMember]>;
  /** Is there a zone of that name in the configuration? */
  isOwn(apex: DomainName): boolean;
  /** Logs events as one batch, and folds it. @returns the reason where the log takes nothing; nothing is done then */
  commit(events: readonly TransferEvent[]): Result<undefined, string>;
  times(zone: ZoneId): ZoneTimes | undefined;
  /** Notes the times of a zone; undefined: it is gone. */
  keepTimes(zone: ZoneId, times: ZoneTimes | undefined): void;
}

export interface SecondariesOptions {
  readonly store: SecondaryStore;
  readonly clock: Clock;
  /** 0 ≤ n < 1; nobody outside may be able to guess it. */
  readonly random: () => number;
  readonly logger: Logger;
}

/** The last transfer of a zone since the start that counted. */
export interface LastInTransfer {
  /** Who it came from. */
  readonly primary: string;
  readonly kind: 'full' | 'incremental';
  readonly serial: number;
  /** Received, SOA records too. */
  readonly records: number;
  readonly octets: number;
  /** From the first question for it until it was stored. */
  readonly seconds: number;
  /** When it was stored, Unix milliseconds. */
  readonly time: number;
}

/** How a zone stands, for operators. */
export interface SecondaryZoneStatus {
  readonly zone: ZoneId;
  readonly primaries: readonly string[];
  readonly serial?: number;
  /** Unix milliseconds. */
  readonly refreshedAt?: number;
  readonly expiresAt?: number;
  readonly isExpired: boolean;
  readonly memberOf?: ZoneId;
  /** When primaries are asked next, Unix milliseconds; absent: they are being asked. */
  readonly nextRefreshAt?: number;
  /** Refreshes that failed one after the other, up to now. */
  readonly failures: number;
  readonly trouble?: string;
  readonly last?: LastInTransfer;
}

export interface Secondaries {
  /** Goes over to these zones; those that stay the same go on undisturbed. */
  configure(sources: readonly SecondarySource[]): Promise<void>;
  /** A server says that a zone has a new version (RFC 1996). */
  notify(zone: ZoneId, address: string): void;
  /** Until when zones are good, Unix milliseconds. */
  times(): Iterable<readonly [ZoneId, ZoneTimes]>;
  status(): SecondaryZoneStatus[];
  metrics(): MetricsSnapshot;
  stop(): Promise<void>;
}

/** Questions for versions, and transfers, at once: in all, and with one primary. */
const POLLS = [64, 16] as const;
const TRANSFERS = [10, 4] as const;
/** Milliseconds for which the thread may be busy with one zone's differences. */
const STEP = 4;

interface RunningZone {
  readonly source: SecondarySource;
  readonly memberOf: SecondarySource | undefined;
  readonly refresher: Refresher;
  /** When the transfer that goes on, or was the last, began; Unix milliseconds. */
  began: number;
  last: LastInTransfer | undefined;
}

export function createSecondaries({ store, clock, random, logger }: SecondariesOptions): Secondaries {
  const zones = new Map<ZoneId, RunningZone>();
  const counters = createSecondaryCounters();
  const polls = new Slots(...POLLS);
  const transfers = new Slots(...TRANSFERS);
  const lines = new LimitedLines(
    (text) => logger.warning(text),
    () => clock.now() / 1000,
  );
  /** Those of the configuration; members of catalogs come and go beside them. */
  let configured: readonly SecondarySource[] = [];
  let isStopped = false;

  function start(source: SecondarySource, memberOf: SecondarySource | undefined): void {
    const label = memberOf?.apex ?? source.apex;
    const refresher = new Refresher(
      source,
      {
        clock,
        random,
        logger,
        known: () => store.known(source.zone),
        askVersion: async (primary, signal) =>
          (await polls.run(primary.address, signal, () =>
            askVersion({ apex: source.apex, primary, source: source.source, clock, random, signal }),
          )) ?? fail('stopped'),
        transfer: async (primary, known, signal) => {
          const result = await transfers.run(primary.address, signal, () => {
            running.began = clock.now();
            return transfer(source, label, primary, known, signal);
          });
          if (result?.ok !== true) counters.transfers.add([label, 'failed']);
          return result ?? fail('stopped');
        },
        async store(result, primary) {
          const stored = await storeVersion(source, label, result, primary);
          if (stored.ok) running.last = lastOf(result, primary, running.began);
          return stored;
        },
        mark(kind, primary) {
          const events: TransferEvent[] =
            kind === 'expired'
              ? [{ kind: 'ZoneExpired', zone: source.zone }]
              : [{ kind: 'ZoneRefreshed', zone: source.zone, primary }];
          const done = store.commit(events);
          if (done.ok && kind === 'expired') counters.expiries.add([label]);
          return done.ok;
        },
        keep: (times) => store.keepTimes(source.zone, times),
        count: (result) => counters.refreshes.add([label, result]),
      },
      store.times(source.zone),
    );
    const running: RunningZone = { source, memberOf, refresher, began: 0, last: undefined };
    zones.set(source.zone, running);
    refresher.start();
  }

  function lastOf(
    { version, octets }: TransferResult & { kind: 'transferred' },
    primary: Primary,
    began: number,
  ): LastInTransfer {
    const { kind, soa, received: records } = version;
    const time = clock.now();
    const seconds = (time - began) / 1000;
    return { primary: nameOfPrimary(primary), kind, serial: soa.rdata.serial, records, octets, seconds, time };
  }

  function transfer(
    source: SecondarySource,
    label: string,
    primary: Primary,
    known: RecordStore | undefined,
    signal: AbortSignal,
  ): Promise<Result<TransferResult, string>> {
    return transferZone({
      source,
      primary,
      known,
      clock,
      random,
      signal,
      onFallback(reason) {
        counters.fallbacks.add([label]);
        const from = nameOfPrimary(primary);
        logger.info(`zone "${source.apex}": no differences from ${from}: ${reason}; asking for the whole zone`);
      },
    });
  }

  async function storeVersion(
    source: SecondarySource,
    label: string,
    { version, octets }: TransferResult & { kind: 'transferred' },
    primary: Primary,
  ): Promise<Result<undefined, string>> {
    const { zone, apex } = source;
    const before = store.known(zone)?.records;
    const from = nameOfPrimary(primary);
    const { serial } = version.soa.rdata;
    const steps = eventsBetween(before ?? RecordStore.empty(apex), version.records, { zone, primary: from, serial });
    let step = steps.next();
    for (let until = clock.now() + STEP; !step.done; step = steps.next()) {
      if (clock.now() < until) continue;
      await nextTurn();
      until = clock.now() + STEP;
    }
    const { events, removed, added } = step.value;
    if (isStopped || zones.get(zone)?.source !== source || store.known(zone)?.records !== before) {
      return fail('the configuration has changed meanwhile');
    }
    const committed = store.commit(events);
    if (!committed.ok) return fail(`the event log can't be written: ${committed.error}`);
    counters.transfers.add([label, version.kind]);
    counters.records.add([label], version.received);
    counters.octets.add([label], octets);
    logger.info(
      `Transferred zone "${apex}" from ${from}: ${version.kind}, serial ${serial}, ` +
        `${added} records added, ${removed} removed, ${version.records.size} in all`,
    );
    if (source.catalog !== undefined) followCatalogs();
    return ok(undefined);
  }

  /** Makes the members of catalogs what these list. */
  function followCatalogs(): void {
    const catalogs = configured.flatMap((source): FollowedCatalog[] => {
      const { zone: id, apex, catalog } = source;
      if (catalog === undefined) return [];
      const content = store.known(id)?.records;
      const read = content && readCatalog(content);
      if (read?.ok === false) logger.error(`catalog "${apex}" is not followed: ${read.error}`);
      const admission = { ...catalog, groups: catalog.groups.map(({ name }) => name) };
      return [{ id, apex, admission, listing: read?.ok ? read.value : undefined }];
    });
    const { events, refused } = planMembers(catalogs, new Map(store.members()), store.isOwn);
    for (const { catalog, apex, reason } of refused) {
      counters.refused.add([catalog]);
      lines.write(
        `member "${apex}" of catalog "${catalog}" is not taken: ${reason}`,
        (count) => `${count} more members of catalogs are not taken`,
      );
    }
    if (events.length > 0) {
      const committed = store.commit(events);
      if (!committed.ok) {
        // With the next version of a catalog, or the next start.
        logger.error(`members of catalogs stay as they are: the event log can't be written: ${committed.error}`);
        return;
      }
      for (const event of events) {
        if (event.kind === 'MemberZoneMoved') continue;
        const what = event.kind === 'MemberZoneAdded' ? 'Added' : 'Removed';
        logger.info(`${what} member zone "${event.apex}" of catalog "${event.catalog}"`);
        store.keepTimes(event.apex, undefined);
      }
    }
    void followMembers(new Set(events.flatMap((event) => (event.kind === 'MemberZoneAdded' ? [event.apex] : []))));
  }

  /** @param fresh members that begin anew */
  async function followMembers(fresh: ReadonlySet<ZoneId>): Promise<void> {
    const wanted = wantedMembers();
    const gone = [...zones.values()].filter(
      ({ source, memberOf }) =>
        memberOf !== undefined && (fresh.has(source.zone) || !isSameSource(source, wanted.get(source.zone)?.source)),
    );
    await Promise.all(gone.map(stopZone));
    if (isStopped) return;
    // Members may have come and gone meanwhile.
    for (const [zone, { source, memberOf }] of wantedMembers()) if (!zones.has(zone)) start(source, memberOf);
  }

  function wantedMembers() {
    const wanted = new Map<ZoneId, { readonly source: SecondarySource; readonly memberOf: SecondarySource }>();
    const catalogs = new Map(configured.map((source) => [source.zone, source]));
    for (const [apex, member] of store.members()) {
      const memberOf = catalogs.get(member.catalog);
      if (memberOf?.catalog !== undefined)
        wanted.set(apex, { source: sourceOfMember(apex, member, memberOf), memberOf });
    }
    return wanted;
  }

  async function stopZone({ source, refresher }: RunningZone): Promise<void> {
    zones.delete(source.zone);
    await refresher.stop();
  }

  return {
    async configure(sources) {
      configured = sources;
      const wanted = new Map(sources.map((source) => [source.zone, source]));
      const gone = [...zones.values()].filter(({ source, memberOf }) =>
        memberOf === undefined ? !isSameSource(source, wanted.get(source.zone)) : wanted.has(source.zone),
      );
      await Promise.all(gone.map(stopZone));
      if (isStopped) return;
      for (const { source } of gone) if (!wanted.has(source.zone)) store.keepTimes(source.zone, undefined);
      for (const source of sources) if (!zones.has(source.zone)) start(source, undefined);
      followCatalogs();
    },
    notify(zone, address) {
      zones.get(zone)?.refresher.notify(address);
    },
    *times() {
      for (const [zone, { refresher }] of zones) {
        const { times } = refresher.status;
        if (times !== undefined) yield [zone, times];
      }
    },
    status: () =>
      [...zones.values()].map(({ source, memberOf, refresher, last }): SecondaryZoneStatus => {
        const { times, trouble, nextAt, failures } = refresher.status;
        const known = store.known(source.zone);
        const serial = known?.records.soa()?.rdata.serial;
        return {
          zone: source.zone,
          primaries: source.primaries.map(nameOfPrimary),
          ...(serial !== undefined && { serial }),
          ...times,
          isExpired: known?.isExpired ?? false,
          ...(memberOf && { memberOf: memberOf.zone }),
          ...(nextAt !== undefined && { nextRefreshAt: nextAt }),
          failures,
          ...(trouble !== undefined && { trouble }),
          ...(last && { last }),
        };
      }),
    metrics() {
      const own = [...zones.values()].filter(({ memberOf }) => memberOf === undefined);
      const measures = own.map(({ source, refresher }) => {
        const known = store.known(source.zone);
        const { times } = refresher.status;
        return {
          zone: source.zone,
          serial: known?.records.soa()?.rdata.serial,
          records: known?.records.size ?? 0,
          octets: known?.records.octets ?? 0,
          refreshedAt: times && times.refreshedAt / 1000,
          expiresAt: times && times.expiresAt / 1000,
          isExpired: known?.isExpired ?? false,
        };
      });
      return [...counters.families(), ...describeZones(measures, transfers.running, transfers.waiting)];
    },
    async stop() {
      isStopped = true;
      await Promise.all([...zones.values()].map(stopZone));
    },
  };
}

/** A member comes from where its catalog comes from, or from where its group does. */
function sourceOfMember(apex: DomainName, { group }: CurrentMember, catalogSource: SecondarySource): SecondarySource {
  const { catalog, ...same } = catalogSource;
  const primaries = catalog?.groups.find(({ name }) => name === group)?.primaries ?? same.primaries;
  return { ...same, zone: apex, apex, primaries };
}

function isSameSource(a: SecondarySource, b: SecondarySource | undefined): boolean {
  return b !== undefined && equalJson(plain(a), plain(b));
}

/** Secrets are octets, which JSON has no equal of. */
function plain(source: SecondarySource): unknown {
  return JSON.parse(
    JSON.stringify(source, (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value,
    ),
  );
}
