/** What `zonelog transfers` shows. */
import type { Serial } from '../dns/serial.ts';
import type { ZoneId } from '../ingest/plan.ts';
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

const HEAD = ['ZONE', 'SERIAL', 'SECONDARY', 'ACKNOWLEDGED', 'TAKEN', 'BEHIND', 'LAST TRANSFER'];

/** A table with a line for each secondary; zones without any have one too. */
export function transferLines(zones: readonly TransferStatus[]): string[] {
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
  const table = [HEAD, ...rows];
  const widths = HEAD.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
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
function lastText(last: LastTransfer | undefined): string {
  if (last === undefined) return '-';
  const { kind, records, octets, seconds } = last;
  return `${kind}, ${records} records, ${sizeText(octets)} in ${Math.round(seconds * 1000)} ms`;
}

function sizeText(octets: number): string {
  if (octets < 1000) return `${octets} B`;
  return octets < 1e6 ? `${(octets / 1e3).toFixed(1)} kB` : `${(octets / 1e6).toFixed(1)} MB`;
}
