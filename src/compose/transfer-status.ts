/** What `zonelog transfers` shows. */
import type { Serial } from '../dns/serial.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { Reached, SecondaryStatus } from '../transfer/secondaries.ts';

/** One zone, the version that is handed out, and who has which. */
export interface TransferStatus {
  readonly zone: ZoneId;
  readonly serial: Serial;
  readonly secondaries: readonly SecondaryStatus[];
}

const HEAD = ['ZONE', 'SERIAL', 'SECONDARY', 'ACKNOWLEDGED', 'TAKEN'];

/** A table with a line for each secondary; zones without any have one too. */
export function transferLines(zones: readonly TransferStatus[]): string[] {
  const rows = zones.flatMap(({ zone, serial, secondaries }) => {
    const head = [zone, String(serial)];
    if (secondaries.length === 0) return [[...head, '-', '-', '-']];
    return secondaries.map((one) => [...head, nameOf(one), textOf(one.acknowledged), textOf(one.transferred)]);
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
  return `${reached.serial} at ${new Date(reached.time * 1000).toISOString().replace('.000', '')}`;
}
