/** Copies of zones, record by record. */
import { CHURN_ZONE, type Churn } from '../kit/churn.ts';
import type { DnsClient, TransferredZone } from '../kit/dns-client.ts';
import { eventually } from '../kit/wait.ts';

/** A zone on one server. Both reject while there is none. */
export interface Side {
  serial(): Promise<number>;
  zone(): Promise<TransferredZone>;
}

/** The serial is asked for by TCP: Knot DNS refuses questions for catalogs by UDP. */
export function sideOf(dns: DnsClient, zone: string): Side {
  return { serial: () => dns.serial(zone, { tcp: true }), zone: () => dns.axfr(zone) };
}

export interface Copying {
  /** For messages. */
  readonly zone: string;
  readonly original: Side;
  readonly copy: Side;
  /** What the servers have said, for messages. */
  readonly said: () => readonly string[];
  /** Milliseconds. */
  readonly timeout: number;
}

/** Milliseconds. */
const LOOK_EVERY = 100;

/**
 * Waits until the zone of a changing cluster is what the cluster is. Before that a copy of what the zone was is a copy too.
 * @param look gives CHURN_ZONE as it is served
 */
export async function waitForChanges(churn: Churn, look: () => Promise<TransferredZone>): Promise<void> {
  const wanted = churn.expected();
  const isOfService = (line: string) => line.includes(`.svc.${CHURN_ZONE}`) && !line.includes('PTR');
  await eventually(
    async () => (await look()).records.filter(isOfService),
    (lines) => lines.length === wanted.length && lines.every((line, i) => line === wanted[i]),
    'our zone is the cluster',
  );
}

/**
 * Waits until the copy is what the original is then: there may still come a version of a change that was long made. The
 * whole zone is asked for only where the serials are the same: PowerDNS can't write to SQLite while it reads from it, and
 * gives up.
 */
export async function waitForCopy({ zone, original, copy, said, timeout }: Copying): Promise<void> {
  const look = async () => {
    const [wanted, serial] = [await original.serial(), await copy.serial()];
    if (serial !== wanted) return [`serial ${serial}, not ${wanted}`];
    return differences(await original.zone(), await copy.zone());
  };
  try {
    await eventually(look, (found) => found.length === 0, `the copy of ${zone} is the original`, timeout, LOOK_EVERY);
  } catch (error) {
    throw new Error([String(error), ...said()].join('\n---\n'));
  }
}

/** In words; none when the zones are the same, serial included. */
function differences(wanted: TransferredZone, copy: TransferredZone): string[] {
  const [theirs, ours] = [new Set([wanted.soa, ...wanted.records]), new Set([copy.soa, ...copy.records])];
  return [
    ...(wanted.records.length === copy.records.length ? [] : ['another number of records']),
    ...[...theirs.difference(ours)].map((line) => `- ${line}`),
    ...[...ours.difference(theirs)].map((line) => `+ ${line}`),
  ].slice(0, 10);
}
