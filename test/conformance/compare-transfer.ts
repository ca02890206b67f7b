/** Rule 6b: a transfer that differs from CoreDNS's passes if it is a better one. */
import type { Expected, Observed } from './case.ts';

/** What is wrong with a transfer that is not as recorded. */
export function transferFaults(apex: string, corefile: string, want: Expected, got: Observed): string[] {
  const zone = apex.toLowerCase();
  const isServed = mentions(corefile, zone);
  const wanted = want.records ?? [];
  if (got.rcode === 'REFUSED' || got.rcode === 'NOTAUTH') {
    const mayRefuse = !isServed || want.rcode !== 'NOERROR' || wanted.length === 0;
    return mayRefuse ? [] : [`rcode: want ${want.rcode}, got ${got.rcode}`];
  }
  if (want.rcode === 'REFUSED' || !isServed) return [`rcode: want REFUSED, got ${got.rcode}`];
  const records = got.records ?? [];
  if (got.rcode !== 'NOERROR' || got.aa !== true || got.soa_first_last !== true) {
    const ends = `SOA first and last: ${got.soa_first_last}`;
    return [`no whole transfer: rcode ${got.rcode}, aa ${got.aa}, ${records.length} records, ${ends}`];
  }
  const faults: string[] = [];
  const fields = records.map((record) => record.toLowerCase().split(' '));
  if (!fields.some(([owner, , , type]) => owner === zone && type === 'ns')) faults.push('no NS record at the apex');
  for (const [owner = ''] of fields) {
    if (!`.${owner}`.endsWith(zone === '.' ? zone : `.${zone}`)) faults.push(`outside the zone: ${owner}`);
  }
  if (zone.endsWith('arpa.')) return [...faults, ...reverseFaults(records, corefile)];
  const seen = new Set(records.map(keyOf));
  const isImported = corefile.split('\n').some((line) => {
    const at = line.indexOf('multicluster');
    return at >= 0 && mentions(line.slice(at).split('{')[0] ?? '', zone);
  });
  for (const record of wanted) {
    if (!isExcused(record, zone, isImported) && !seen.has(keyOf(record))) faults.push(`records: missing ${record}`);
  }
  return faults;
}

/** A reverse zone holds PTR records, where CoreDNS sends those of the forward zone. */
function reverseFaults(records: readonly string[], corefile: string): string[] {
  const types = new Set(['SOA', 'NS', 'PTR', 'A', 'AAAA', 'ZONEMD']);
  const typeOf = (record: string) => record.split(' ')[3] ?? '';
  const foreign = records.filter((record) => !types.has(typeOf(record)));
  const hasPointers = records.some((record) => typeOf(record) === 'PTR') || corefile.includes('noendpoints');
  return [...foreign.map((record) => `not of a reverse zone: ${record}`), ...(hasPointers ? [] : ['no PTR record'])];
}

/** Records of CoreDNS's transfer that are wrong, or that a better one may have otherwise. */
function isExcused(record: string, zone: string, isImported: boolean): boolean {
  const [owner = '', , , type, , , port] = record.split(' ');
  if (type === 'SOA' || type === 'NS' || owner.toLowerCase().startsWith('ns.dns.')) return true;
  if (type === 'SRV' && port === '65535') return true;
  // Endpoint names of ServiceImport zones lack the label of their cluster there.
  const isServiceName = dotsOf(owner) === dotsOf(zone) + 3;
  return isImported && (type === 'SRV' || !isServiceName);
}

function dotsOf(name: string): number {
  return name.split('.').length - 1;
}

/** Owner, type and data without TTL and SRV weight. */
function keyOf(record: string): string {
  const [owner, , ...rest] = record.toLowerCase().split(' ');
  if (rest[1] === 'srv') rest[3] = '*';
  return [owner, ...rest].join(' ');
}

/** Is the zone named in this part of a Corefile, by itself and not as the end of a longer name? */
function mentions(text: string, zone: string): boolean {
  const words = text.toLowerCase().split(/[^\w.-]+/);
  return words.includes(zone.replace(/\.$/, ''));
}
