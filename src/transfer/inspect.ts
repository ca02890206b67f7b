/**
 * Looks at a zone while it is handed out whole, for what some kind of secondary takes no zone with. It refuses nothing:
 * there is a line in the log, once, and a metric.
 */
import { type DomainName, isSubdomain } from '../dns/name.ts';
import { type RRset, RRType } from '../dns/rrset.ts';
import { typeText } from '../dns/type-text.ts';
import type { Logger } from '../logger.ts';
import { gaugeFamily, type MetricsSnapshot } from '../metrics.ts';

const KINDS = ['many records', 'CNAME and other data', 'no glue'] as const;
type FindingKind = (typeof KINDS)[number];

/** BIND's `max-records-per-type` where it is not set: it takes no set of more. */
const BIND_RECORDS = 100;
/** Findings of one kind that are written out for one zone; more of them are only counted. */
const MOST_LINES = 10;
/** Name servers that are looked after in one zone. */
const MOST_SERVERS = 1000;

/** What stands beside a CNAME record where zones are signed (RFC 4034 §2.5). */
const BESIDE_CNAME: ReadonlySet<number> = new Set([RRType.CNAME, 46, 47]);

type Counts = Record<FindingKind, number>;

/** What was found in a part of a zone. */
export interface Findings {
  readonly counts: Readonly<Counts>;
  readonly lines: readonly { readonly kind: FindingKind; readonly text: string }[];
  /** Name servers in the zone that records of this part name. */
  readonly servers: readonly DomainName[];
}

/** Of most parts: one object for all of them. */
export const NOTHING_FOUND: Findings = { counts: noCounts(), lines: [], servers: [] };

/** Looks at the sets of a part: those of one owner, and the parts of one set, one after the other. A SOA set tells nothing. */
export class PartInspection {
  readonly #apex: DomainName;
  readonly #lines: { readonly kind: FindingKind; readonly text: string }[] = [];
  readonly #counts: Counts = noCounts();
  readonly #servers = new Set<DomainName>();
  #owner: DomainName | undefined;
  #type = 0;
  #inSet = 0;
  #isAlias = false;
  #hasOther = false;

  constructor(apex: DomainName) {
    this.#apex = apex;
  }

  look({ owner, type, rdatas }: RRset): void {
    if (type === RRType.SOA) return;
    if (owner !== this.#owner) this.#endOwner();
    else if (type !== this.#type) this.#endSet();
    this.#owner = owner;
    this.#type = type;
    this.#inSet += rdatas.length;
    if (type === RRType.CNAME) this.#isAlias = true;
    if (!BESIDE_CNAME.has(type)) this.#hasOther = true;
    if (type === RRType.NS) for (const rdata of rdatas) this.#addServer(rdata);
  }

  end(): Findings {
    this.#endOwner();
    if (this.#lines.length === 0 && this.#servers.size === 0) return NOTHING_FOUND;
    return { counts: this.#counts, lines: this.#lines, servers: [...this.#servers] };
  }

  #endSet(): void {
    if (this.#inSet > BIND_RECORDS) {
      const what = `"${this.#owner}" has ${this.#inSet} ${typeText(this.#type)} records`;
      this.#note('many records', `${what}, BIND takes 100 (max-records-per-type)`);
    }
    this.#inSet = 0;
  }

  #endOwner(): void {
    this.#endSet();
    if (this.#isAlias && this.#hasOther) {
      this.#note('CNAME and other data', `"${this.#owner}" has a CNAME and other records`);
    }
    this.#isAlias = false;
    this.#hasOther = false;
  }

  #note(kind: FindingKind, text: string): void {
    this.#counts[kind] += 1;
    if (this.#counts[kind] <= MOST_LINES) this.#lines.push({ kind, text });
  }

  #addServer(rdata: RRset['rdatas'][number]): void {
    if (rdata.type !== 'NS' || this.#servers.size >= MOST_SERVERS) return;
    if (isSubdomain(rdata.target, this.#apex)) this.#servers.add(rdata.target);
  }
}

export class Inspector {
  readonly #logger: Logger;
  /** What was found in each zone, the last time that it was handed out. */
  readonly #counts = new Map<DomainName, Counts>();
  /** What was written, by zone: as many lines as `MOST_LINES` allows. */
  readonly #written = new Map<DomainName, Map<FindingKind, Set<string>>>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /**
   * Tells what was found in a zone that was handed out whole.
   * @param parts of all its parts
   * @param hasAddress whether a name of the zone has an address record
   */
  conclude(apex: DomainName, parts: Iterable<Findings>, hasAddress: (name: DomainName) => boolean): void {
    const counts = noCounts();
    const servers = new Set<DomainName>();
    const lines: Findings['lines'][number][] = [];
    for (const part of parts) {
      for (const kind of KINDS) counts[kind] += part.counts[kind];
      for (const line of part.lines) lines.push(line);
      for (const server of part.servers) if (servers.size < MOST_SERVERS) servers.add(server);
    }
    for (const server of servers) {
      if (hasAddress(server)) continue;
      counts['no glue'] += 1;
      lines.push({ kind: 'no glue', text: `"${server}" is a name server without an address` });
    }
    this.#counts.set(apex, counts);
    for (const { kind, text } of lines) this.#write(apex, kind, text);
  }

  snapshot(): MetricsSnapshot {
    const samples = [...this.#counts].flatMap(([zone, counts]) =>
      KINDS.map((kind) => [[zone, kind], counts[kind]] as const),
    );
    return [
      gaugeFamily(
        'zonelog_transfer_findings',
        'What some secondaries would refuse, in the last whole transfer of a zone.',
        ['zone', 'finding'],
        samples,
        'max',
      ),
    ];
  }

  #write(apex: DomainName, kind: FindingKind, text: string): void {
    const kinds = this.#written.get(apex) ?? new Map<FindingKind, Set<string>>();
    this.#written.set(apex, kinds);
    const lines = kinds.get(kind) ?? new Set();
    kinds.set(kind, lines);
    // A number in the text changes with every version: it is one finding all the same.
    const key = text.replaceAll(/\d+/g, '0');
    if (lines.has(key) || lines.size >= MOST_LINES) return;
    lines.add(key);
    this.#logger.warning(`Zone "${apex}": ${text}`);
  }
}

function noCounts(): Counts {
  return { 'many records': 0, 'CNAME and other data': 0, 'no glue': 0 };
}
