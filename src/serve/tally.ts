/**
 * What one serve thread counts of its queries, under CoreDNS's metric names. A slot is one combination of all labels; a
 * kept answer holds its slot, so that counting a query is a few additions.
 */
import { type Rcode, RRType } from '../dns/rrset.ts';
import { rcodeText, typeText } from '../dns/type-text.ts';
import { createCounters, type HistogramValue, type MetricFamily, type MetricsSnapshot } from '../metrics.ts';

export type Family = '1' | '2';
export type Proto = 'udp' | 'tcp' | 'tls' | 'https';
/** As CoreDNS labels queries: dashboards ask for these two, and `server` names the scheme. */
export type CountedProto = 'udp' | 'tcp';

/** The labels that a query is counted under. */
export interface SlotLabels {
  /** `dns://ADDRESS:PORT`. */
  readonly server: string;
  /** The matched key's zone, or `dropped`. */
  readonly zone: string;
  readonly view: string;
  readonly proto: CountedProto;
  readonly family: Family;
  readonly type: RRType;
  readonly isDnssecOk: boolean;
  readonly rcode: Rcode;
  /** Who wrote the reply; empty: the server. */
  readonly writer: string;
}

/** Seconds: 0.25 ms, doubled 15 times. */
export const DURATION_BOUNDS: readonly number[] = Array.from({ length: 16 }, (_, i) => 0.00025 * 2 ** i);
/** Octets. */
export const SIZE_BOUNDS: readonly number[] = [
  0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16_000, 32_000, 48_000, 64_000,
];

export interface Slot {
  readonly labels: SlotLabels;
  count: number;
  requestBytes: number;
  responseBytes: number;
  seconds: number;
  readonly requestSizes: Float64Array;
  readonly responseSizes: Float64Array;
  readonly durations: Float64Array;
}

/** Place of a value among ascending upper bounds; the last place is above them all. */
export function bucketOf(bounds: readonly number[], value: number): number {
  let at = 0;
  while (at < bounds.length && value > (bounds[at] as number)) at += 1;
  return at;
}

/** Adds one to a bucket. */
export function bump(buckets: Float64Array, at: number): void {
  buckets[at] = (buckets[at] as number) + 1;
}

/** Counts one query. `seconds` from its arrival to its reply; sizes in octets. */
export function countQuery(slot: Slot, requestSize: number, responseSize: number, seconds: number): void {
  slot.count += 1;
  slot.requestBytes += requestSize;
  slot.responseBytes += responseSize;
  slot.seconds += seconds;
  bump(slot.requestSizes, bucketOf(SIZE_BOUNDS, requestSize));
  bump(slot.responseSizes, bucketOf(SIZE_BOUNDS, responseSize));
  bump(slot.durations, bucketOf(DURATION_BOUNDS, seconds));
}

/** Malformed, of an opcode that is not known here, or not to be answered at all. */
export type RejectReason = 'formerr' | 'notimp' | 'drop';

export interface Tally {
  slot(labels: SlotLabels): Slot;
  /** A handler threw. */
  countPanic(): void;
  /** A message that is no question. */
  countRejected(proto: Proto, reason: RejectReason): void;
  snapshot(): MetricsSnapshot;
}

/** Types that have a label value of their own, as in CoreDNS; all else is `other`. */
const COUNTED_TYPES: ReadonlySet<RRType> = new Set<RRType>([
  RRType.A,
  RRType.AAAA,
  RRType.ANY,
  RRType.AXFR,
  RRType.CNAME,
  48, // DNSKEY
  RRType.DS,
  65, // HTTPS
  RRType.IXFR,
  RRType.MX,
  47, // NSEC
  50, // NSEC3
  RRType.NS,
  RRType.PTR,
  46, // RRSIG
  RRType.SOA,
  RRType.SRV,
  RRType.TXT,
]);

export function createTally(): Tally {
  const slots = new Map<string, Slot>();
  const rejected = createCounters('zonelog_dns_rejected_messages_total', 'Messages that are no questions.', [
    'proto',
    'reason',
  ]);
  let panics = 0;
  return {
    slot(labels) {
      // A type without a label of its own must not make a slot of its own: clients choose types.
      const type = COUNTED_TYPES.has(labels.type) ? labels.type : 0;
      const key = `${labels.server} ${labels.zone} ${labels.view} ${labels.proto} ${labels.family} ${type} ${
        labels.isDnssecOk
      } ${labels.rcode} ${labels.writer}`;
      let slot = slots.get(key);
      if (!slot) {
        slot = {
          labels: { ...labels, type },
          count: 0,
          requestBytes: 0,
          responseBytes: 0,
          seconds: 0,
          requestSizes: new Float64Array(SIZE_BOUNDS.length + 1),
          responseSizes: new Float64Array(SIZE_BOUNDS.length + 1),
          durations: new Float64Array(DURATION_BOUNDS.length + 1),
        };
        slots.set(key, slot);
      }
      return slot;
    },
    countPanic() {
      panics += 1;
    },
    countRejected: (proto, reason) => rejected.add([proto, reason]),
    snapshot: () => [...familiesOf([...slots.values()], panics), rejected.family()],
  };
}

function familiesOf(slots: readonly Slot[], panics: number): MetricsSnapshot {
  const place = ['server', 'zone', 'view'];
  const at = ({ labels: l }: Slot) => [l.server, l.zone, l.view];
  return [
    {
      name: 'coredns_panics_total',
      help: 'Queries whose handler failed unexpectedly.',
      type: 'counter',
      labelNames: [],
      merge: 'sum',
      samples: [{ labels: [], value: panics }],
    },
    counterOf('coredns_dns_requests_total', 'DNS queries.', [...place, 'proto', 'family', 'type'], slots, (s) => [
      ...at(s),
      s.labels.proto,
      s.labels.family,
      s.labels.type === 0 ? 'other' : typeText(s.labels.type),
    ]),
    counterOf(
      'coredns_dns_do_requests_total',
      'DNS queries with the DO bit.',
      place,
      slots.filter((s) => s.labels.isDnssecOk),
      at,
    ),
    counterOf('coredns_dns_responses_total', 'DNS replies.', [...place, 'rcode', 'plugin'], slots, (s) => [
      ...at(s),
      rcodeText(s.labels.rcode),
      s.labels.writer,
    ]),
    histogramOf(
      'coredns_dns_request_duration_seconds',
      'Time from query to reply.',
      place,
      DURATION_BOUNDS,
      slots,
      at,
      {
        counts: (s) => s.durations,
        sum: (s) => s.seconds,
      },
    ),
    histogramOf(
      'coredns_dns_request_size_bytes',
      'Size of the queries.',
      [...place, 'proto'],
      SIZE_BOUNDS,
      slots,
      (s) => [...at(s), s.labels.proto],
      { counts: (s) => s.requestSizes, sum: (s) => s.requestBytes },
    ),
    histogramOf(
      'coredns_dns_response_size_bytes',
      'Size of the replies.',
      [...place, 'proto'],
      SIZE_BOUNDS,
      slots,
      (s) => [...at(s), s.labels.proto],
      { counts: (s) => s.responseSizes, sum: (s) => s.responseBytes },
    ),
  ];
}

function counterOf(
  name: string,
  help: string,
  labelNames: readonly string[],
  slots: readonly Slot[],
  labelsOf: (slot: Slot) => readonly string[],
): MetricFamily {
  const samples = new Map<string, { labels: readonly string[]; value: number }>();
  for (const slot of slots) {
    if (slot.count === 0) continue;
    const labels = labelsOf(slot);
    const key = labels.join('\0');
    const sample = samples.get(key);
    if (sample) sample.value += slot.count;
    else samples.set(key, { labels, value: slot.count });
  }
  return { name, help, type: 'counter', labelNames, merge: 'sum', samples: [...samples.values()] };
}

function histogramOf(
  name: string,
  help: string,
  labelNames: readonly string[],
  bounds: readonly number[],
  slots: readonly Slot[],
  labelsOf: (slot: Slot) => readonly string[],
  read: { counts: (slot: Slot) => Float64Array; sum: (slot: Slot) => number },
): MetricFamily {
  const samples = new Map<string, { labels: readonly string[]; value: HistogramValue }>();
  for (const slot of slots) {
    if (slot.count === 0) continue;
    const labels = labelsOf(slot);
    const key = labels.join('\0');
    const before = samples.get(key)?.value;
    const counts = [...read.counts(slot)].map((count, i) => count + (before?.counts[i] ?? 0));
    samples.set(key, { labels, value: { bounds, counts, sum: read.sum(slot) + (before?.sum ?? 0) } });
  }
  return { name, help, type: 'histogram', labelNames, merge: 'sum', samples: [...samples.values()] };
}
