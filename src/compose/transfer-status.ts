/** What `zonelog transfers` shows. */
import type { Serial } from '../dns/serial.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { SecondaryZoneStatus } from '../ingest/secondary/secondaries.ts';
import type { LastTransfer, Reached, SecondaryStatus } from '../transfer/secondaries.ts';
import type { Behind } from '../transfer/version-times.ts';

/** One secondary, and how far behind it is. */
export interface SecondaryNow extends SecondaryStatus {
  readonly behind?: Behind;
}

/** One zone, the version that is handed out, and who has which. */
export interface TransferStatus {
  readonly zone: ZoneId;
  readonly serial: Serial;
  readonly secondaries: readonly SecondaryNow[];
}

/** Transfers of both directions. */
export interface Transfers {
  /** Zones that are handed out, and their secondaries. */
  readonly outgoing: readonly TransferStatus[];
  /** Zones that are taken from other servers. */
  readonly incoming: readonly SecondaryZoneStatus[];
}

const OUTGOING = ['ZONE', 'SERIAL', 'SECONDARY', 'ACKNOWLEDGED', 'TAKEN', 'BEHIND', 'LAST TRANSFER'];
const INCOMING = ['ZONE', 'SERIAL', 'PRIMARY', 'REFRESHED', 'NEXT', 'EXPIRES', 'FAILURES', 'LAST TRANSFER'];

/** A table of what is handed out, and one of what is taken in, where anything is. */
export function transferLines({ outgoing, incoming }: Transfers): string[] {
  if (incoming.length === 0) return outgoingLines(outgoing);
  return [...(outgoing.length > 0 ? [...outgoingLines(outgoing), ''] : []), ...incomingLines(incoming)];
}

/** A line for each secondary; zones without any have one too. */
function outgoingLines(zones: readonly TransferStatus[]): string[] {
  const rows = zones.flatMap(({ zone, serial, secondaries }) => {
    const head = [zone, String(serial)];
    if (secondaries.length === 0) return [[...head, '-', '-', '-', '-', '-']];
    return secondaries.map((one) => [
      ...head,
      nameOf(one),
      textOf(one.acknowledged),
      textOf(one.transferred),
      behindText(one.behind),
      lastText(one.last),
    ]);
  });
  return tableLines([OUTGOING, ...rows]);
}

function incomingLines(zones: readonly SecondaryZoneStatus[]): string[] {
  const rows = zones.map(({ zone, serial, primaries, refreshedAt, nextRefreshAt, expiresAt, isExpired, ...rest }) => [
    zone,
    serial === undefined ? '-' : String(serial),
    rest.last?.primary ?? primaries.join(','),
    momentText(refreshedAt),
    nextRefreshAt === undefined ? 'now' : momentText(nextRefreshAt),
    isExpired ? 'has expired' : momentText(expiresAt),
    String(rest.failures),
    rest.last === undefined ? '-' : `${lastText(rest.last)} at ${momentText(rest.last.time)}`,
  ]);
  return tableLines([INCOMING, ...rows]);
}

/** @param milliseconds Unix time */
function momentText(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '-' : timeText(Math.floor(milliseconds / 1000));
}

function tableLines(table: readonly (readonly string[])[]): string[] {
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function nameOf({ address, port }: SecondaryStatus): string {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function textOf(reached: Reached | undefined): string {
  if (reached === undefined) return '-';
  return `${reached.serial} at ${timeText(reached.time)}`;
}

function timeText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000', '');
}

function behindText(behind: Behind | undefined): string {
  if (behind === undefined) return '-';
  if (behind.versions === 0) return 'no';
  return `${behind.versions} ${behind.versions === 1 ? 'version' : 'versions'}, ${Math.round(behind.seconds)} s`;
}

/** `incremental, 12 records, 1.3 kB in 4 ms`. */
function lastText(last: Pick<LastTransfer, 'kind' | 'records' | 'octets' | 'seconds'> | undefined): string {
  if (last === undefined) return '-';
  const { kind, records, octets, seconds } = last;
  return `${kind}, ${records} records, ${sizeText(octets)} in ${Math.round(seconds * 1000)} ms`;
}

function sizeText(octets: number): string {
  if (octets < 1000) return `${octets} B`;
  return octets < 1e6 ? `${(octets / 1e3).toFixed(1)} kB` : `${(octets / 1e6).toFixed(1)} MB`;
}
