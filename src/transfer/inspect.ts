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
/** Records of a zone that is walked once more for addresses of name servers that did not come after them. */
const MOST_WALKED = 50_000;

/** What stands beside a CNAME record where zones are signed (RFC 4034 §2.5). */
const BESIDE_CNAME: ReadonlySet<number> = new Set([RRType.CNAME, 46, 47]);

/** What was found in one zone, the last time that it was handed out. */
type Counts = Record<FindingKind, number>;

export class Inspector {
  readonly #logger: Logger;
  readonly #counts = new Map<DomainName, Counts>();
  /** What was written, by zone: as many lines as `MOST_LINES` allows. */
  readonly #written = new Map<DomainName, Map<FindingKind, Set<string>>>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /**
   * The same sets, looked at as they pass. A walk that is not gone to its end finds nothing.
   * @param rrsets can be walked more than once; all but the SOA; those of one owner, and the parts of one set, one after the other
   */
  *inspect(apex: DomainName, rrsets: Iterable<RRset>): Generator<RRset> {
    const found: { readonly kind: FindingKind; readonly text: string }[] = [];
    const counts: Counts = { 'many records': 0, 'CNAME and other data': 0, 'no glue': 0 };
    const note = (kind: FindingKind, text: string) => {
      counts[kind] += 1;
      if (counts[kind] <= MOST_LINES) found.push({ kind, text });
    };
    const servers = new Set<DomainName>();
    let owner: DomainName | undefined;
    let type = 0;
    let inSet = 0;
    let isAlias = false;
    let hasOther = false;
    let records = 0;
    const endSet = () => {
      if (inSet > BIND_RECORDS) {
        note(
          'many records',
          `"${owner}" has ${inSet} ${typeText(type)} records, BIND takes 100 (max-records-per-type)`,
        );
      }
      inSet = 0;
    };
    const endOwner = () => {
      endSet();
      if (isAlias && hasOther) note('CNAME and other data', `"${owner}" has a CNAME and other records`);
      isAlias = false;
      hasOther = false;
    };
    for (const set of rrsets) {
      if (set.owner !== owner) endOwner();
      else if (set.type !== type) endSet();
      ({ owner, type } = set);
      inSet += set.rdatas.length;
      records += set.rdatas.length;
      if (type === RRType.CNAME) isAlias = true;
      if (!BESIDE_CNAME.has(type)) hasOther = true;
      if (type === RRType.NS) for (const rdata of set.rdatas) addServer(servers, rdata, apex);
      else if (servers.size > 0 && isAddress(type)) servers.delete(owner);
      yield set;
    }
    endOwner();
    if (servers.size > 0 && records <= MOST_WALKED) {
      for (const set of rrsets) if (isAddress(set.type)) servers.delete(set.owner);
      for (const server of servers) note('no glue', `"${server}" is a name server without an address`);
    }
    this.#counts.set(apex, counts);
    for (const { kind, text } of found) this.#write(apex, kind, text);
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

function addServer(servers: Set<DomainName>, rdata: RRset['rdatas'][number], apex: DomainName): void {
  if (rdata.type !== 'NS' || servers.size >= MOST_SERVERS) return;
  if (isSubdomain(rdata.target, apex)) servers.add(rdata.target);
}

function isAddress(type: number): boolean {
  return type === RRType.A || type === RRType.AAAA;
}
