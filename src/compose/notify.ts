/** NOTIFY, joined to the threads: versions that all serving threads hand out are told to the targets of `transfer`. */
import { createSocket, type Socket } from 'node:dgram';
import { DEFAULT_NOTIFY } from '../corefile/config.ts';
import { compareSerial } from '../dns/serial.ts';
import type { ClusterId } from '../ingest/event.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { Logger } from '../logger.ts';
import type { MetricsSnapshot } from '../metrics.ts';
import type { SoaRecord } from '../projection/diff.ts';
import { startTimeout } from '../timeout.ts';
import { Notifier, type NotifyTarget, type NotifyZone } from '../transfer/notify.ts';
import type { Taken } from '../transfer/respond.ts';
import type { SecondaryStatus } from '../transfer/secondaries.ts';
import { type Behind, VersionTimes } from '../transfer/version-times.ts';
import type { FoundAddresses } from './found.ts';
import { OfferedIds, type OfferedPlace, type OfferedVersion, placeKey } from './offered.ts';
import { type OfferedTold, type ToldZone, targetsNow } from './told.ts';
import type { TransferStatus } from './transfer-status.ts';

export interface NotifySideOptions {
  /** Serving threads. */
  readonly threads: number;
  readonly logger: Logger;
  /** Seconds, monotonic. */
  readonly now: () => number;
  /** Unix seconds. */
  readonly clock: () => number;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
  /** Where what is known of secondaries outlives the process. */
  readonly kept: { load(): readonly SecondaryStatus[]; save(statuses: readonly SecondaryStatus[]): void };
}

/** Between two looks whether there is something to be kept, milliseconds. */
const KEEP_EVERY = 5_000;

export interface NotifySide {
  /**
   * Goes over to these zones: all of the plan.
   * @param offered who is told of a zone that a plugin offers
   */
  configure(zones: readonly ToldZone[], offered: OfferedTold): void;
  /** A serving thread went over to versions. */
  publish(thread: number, soas: readonly (readonly [ZoneId, SoaRecord])[]): void;
  /** A serving thread has versions of zones that plugins offer. */
  publishOffered(thread: number, versions: readonly OfferedVersion[]): void;
  /** Clusters tell other addresses of secondaries. */
  setFound(changed: readonly FoundAddresses[]): void;
  /** A client took a version. */
  noteTransfer(zone: ZoneId | OfferedPlace, address: string, taken: Taken): void;
  status(): readonly TransferStatus[];
  snapshot(): MetricsSnapshot;
  close(): void;
}

/** A zone's id, or the place of one that a plugin offers: these are known by ids that a plan may take from them. */
type ZoneKey = string;

export function createNotifySide({ threads, logger, now, clock, random, kept }: NotifySideOptions): NotifySide {
  const sockets = createSockets((packet, from) => notifier.receive(packet, from), logger);
  const notifier = new Notifier({
    send: sockets.send,
    after: (milliseconds, callback) => startTimeout(callback, milliseconds),
    now: () => now() * 1000,
    clock,
    random,
    logger,
  });
  const seen = Array.from({ length: threads }, () => new Map<ZoneKey, SoaRecord>());
  /** The version of each zone that all threads have. */
  const published = new Map<ZoneKey, SoaRecord>();
  const times = new Map<ZoneKey, VersionTimes>();
  notifier.secondaries.restore(kept.load());
  let keptChanges = notifier.secondaries.changes;
  const keep = () => {
    const { changes } = notifier.secondaries;
    if (changes === keptChanges) return;
    keptChanges = changes;
    kept.save(notifier.secondaries.all());
  };
  const keeping = setInterval(keep, KEEP_EVERY).unref();
  const ids = new OfferedIds();
  let isConfigured = false;
  let planned: readonly ToldZone[] = [];
  let offered: OfferedTold = () => ({ timing: DEFAULT_NOTIFY, targets: [], found: [] });
  const found = new Map<ClusterId, readonly string[]>();
  /** What the notifier goes by, and what it was told of last. */
  let zones = new Map<ZoneKey, { readonly id: ZoneId; soa: SoaRecord | undefined }>();

  const configure = () => {
    // Versions may come before the plan that has their zones; what is known of them is kept until it is in force.
    if (!isConfigured) return;
    const others = ids
      .all()
      .map((place) => ({ zone: place.id, key: placeKey(place), apex: place.apex, ...offered(place) }));
    const all = [...planned.map((zone) => ({ ...zone, key: zone.zone })), ...others];
    notifier.configure(
      all.map(({ zone, apex, timing, ...told }): NotifyZone => {
        return { zone, apex, timing, targets: targetsNow(told, (cluster) => found.get(cluster) ?? []) };
      }),
    );
    notifier.secondaries.keepOnly(new Set(all.map(({ zone }) => zone)));
    const before = zones;
    zones = new Map(
      all.map(({ key, zone: id }) => {
        const old = before.get(key);
        return [key, { id, soa: old?.id === id ? old.soa : undefined }];
      }),
    );
    for (const key of zones.keys()) tell(key);
  };
  const tell = (key: ZoneKey) => {
    const zone = zones.get(key);
    const soa = published.get(key);
    if (zone === undefined || soa === undefined || zone.soa === soa) return;
    zone.soa = soa;
    notifier.publish(zone.id, soa);
  };
  const publish = (thread: number, key: ZoneKey, soa: SoaRecord) => {
    seen[thread]?.set(key, soa);
    const oldest = oldestOf(seen.map((versions) => versions.get(key)));
    if (oldest === undefined || oldest.rdata.serial === published.get(key)?.rdata.serial) return;
    published.set(key, oldest);
    const history = times.get(key) ?? new VersionTimes();
    times.set(key, history);
    history.add(oldest.rdata.serial, clock());
    tell(key);
  };
  const forget = (key: ZoneKey) => {
    for (const map of [published, times, ...seen]) map.delete(key);
  };
  /** Takes back what a thread has no more. @returns whether no thread has it */
  const withdraw = (thread: number, place: OfferedPlace): boolean => {
    if (ids.find(place) === undefined) return false;
    const key = placeKey(place);
    seen[thread]?.delete(key);
    if (seen.some((versions) => versions.has(key))) return false;
    ids.delete(place);
    forget(key);
    return true;
  };
  const behind = (key: ZoneKey, { transferred }: SecondaryStatus): Behind | undefined =>
    transferred && times.get(key)?.since(transferred.serial, clock());
  return {
    configure(next, offeredZones) {
      isConfigured = true;
      planned = next;
      offered = offeredZones;
      const inPlan = new Set(next.map(({ zone }) => zone));
      ids.yieldTo((id) => inPlan.has(id));
      const known = new Set<ZoneKey>([...inPlan, ...ids.all().map(placeKey)]);
      for (const map of [published, ...seen]) for (const key of map.keys()) if (!known.has(key)) forget(key);
      configure();
    },
    publish(thread, soas) {
      for (const [zone, soa] of soas) publish(thread, zone, soa);
    },
    setFound(changed) {
      const isNew = changed.filter(({ cluster, addresses }) => found.get(cluster)?.join() !== addresses.join());
      for (const { cluster, addresses } of isNew) found.set(cluster, addresses);
      if (isNew.length > 0) configure();
    },
    publishOffered(thread, versions) {
      const before = ids.all().length;
      const isTaken = (id: ZoneId) => planned.some(({ zone }) => zone === id);
      const gone = versions.filter((version) => version.soa === undefined && withdraw(thread, version));
      const there = versions.flatMap(({ soa, ...place }) => (soa === undefined ? [] : [{ ...place, soa }]));
      for (const place of there) ids.idOf(place, isTaken);
      if (gone.length > 0 || ids.all().length !== before) configure();
      for (const { soa, ...place } of there) publish(thread, placeKey(place), soa);
    },
    noteTransfer(zone, address, taken) {
      const id = typeof zone === 'string' ? zone : ids.find(zone);
      if (id !== undefined) notifier.secondaries.transfer(id, address, taken);
    },
    status: () =>
      [...zones].flatMap(([key, { id, soa }]) => {
        if (soa === undefined) return [];
        const secondaries = notifier.secondaries.of(id).map((secondary) => {
          const lag = behind(key, secondary);
          return lag === undefined ? secondary : { ...secondary, behind: lag };
        });
        return [{ zone: id, serial: soa.rdata.serial, secondaries }];
      }),
    snapshot() {
      const keys = new Map([...zones].map(([key, { id }]) => [id, key]));
      return notifier.snapshot((secondary) => behind(keys.get(secondary.zone) ?? secondary.zone, secondary)?.seconds);
    },
    close() {
      clearInterval(keeping);
      keep();
      notifier.close();
      sockets.close();
    },
  };
}

/** The version that every thread has, or a later one. Undefined: some have none yet. */
function oldestOf(soas: readonly (SoaRecord | undefined)[]): SoaRecord | undefined {
  return soas.reduce((oldest, soa) => {
    if (oldest === undefined || soa === undefined) return undefined;
    return compareSerial(soa.rdata.serial, oldest.rdata.serial) === 'lower' ? soa : oldest;
  });
}

interface Sockets {
  send(message: Uint8Array, target: NotifyTarget): void;
  close(): void;
}

/** One socket for each address to send from, opened when it is needed and again when it broke. */
function createSockets(
  receive: (packet: Buffer, from: { readonly address: string; readonly port: number }) => void,
  logger: Logger,
): Sockets {
  const sockets = new Map<string, Socket>();
  const open = (key: string, { address, source }: NotifyTarget): Socket => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    sockets.set(key, socket);
    socket.unref();
    socket.on('message', receive);
    socket.on('error', (error) => {
      logger.error(`NOTIFY from ${source ?? 'any address'}: ${error.message}`);
      if (sockets.get(key) === socket) sockets.delete(key);
      socket.close();
    });
    socket.bind(source === undefined ? { port: 0 } : { port: 0, address: source });
    return socket;
  };
  return {
    send(message, target) {
      const key = target.source ?? (target.address.includes(':') ? 'IPv6' : 'IPv4');
      const socket = sockets.get(key) ?? open(key, target);
      // What can't be sent is lost like what nobody answers: it is sent again.
      socket.send(message, target.port, target.address, () => {});
    },
    close() {
      for (const socket of sockets.values()) socket.close();
      sockets.clear();
    },
  };
}
