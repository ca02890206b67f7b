/**
 * Is an observed answer as recorded, or right? The rules have the numbers of this folder's README.
 */
import { type Case, type Expected, type Observed, type Question, SECTIONS } from './case.ts';
import { transferFaults } from './compare-transfer.ts';

/** What is wrong with an answer, a line each; none when it passes. */
export function faultsOf(question: Question, got: Observed, corefile: Case['corefile']): string[] {
  const want = withPlainSerials(question.expect);
  const seen = withPlainSerials(got);
  const faults = differences(want, seen);
  if (faults.length === 0) return [];
  const { order, ttl_slack } = want;
  for (const alt of question.alt ?? []) {
    const also = { ...withPlainSerials(alt), ...(order && { order }), ...(ttl_slack !== undefined && { ttl_slack }) };
    if (differences(also, seen).length === 0) return [];
  }
  if (isBetter(question, want, seen)) return [];
  if (question.axfr !== undefined && want.rcode !== undefined) {
    return transferFaults(question.axfr.zone, corefile, want, seen);
  }
  return faults;
}

/** Fields that are compared by a rule of their own, or are no part of the answer. */
const OTHERWISE = new Set<string>([...SECTIONS, 'records', 'edns', 'order', 'ttl_slack', 'wire_size', 'full', 'any']);

function differences(want: Expected, got: Observed): string[] {
  if (want.any) return got.rcode !== undefined || got.no_answer !== undefined ? [] : ['no answer at all'];
  if (want.no_answer !== undefined || got.no_answer !== undefined || got.error !== undefined) {
    const isSame = want.no_answer !== undefined && got.no_answer !== undefined;
    return isSame ? [] : [`want ${kindOf(want)}, got ${kindOf(got)}`];
  }
  const faults: string[] = [];
  for (const [field, value] of Object.entries(want)) {
    if (OTHERWISE.has(field)) continue;
    const other = got[field as keyof Observed];
    if (!isEqual(value, other)) faults.push(`${field}: want ${JSON.stringify(value)}, got ${JSON.stringify(other)}`);
  }
  if (got.question !== undefined && want.question === undefined) {
    faults.push(`question: not the echo of what was asked: ${got.question}`);
  }
  if (want.status !== undefined) return faults;
  if (want.records !== undefined) return [...faults, ...recordFaults('records', want.records, got.records, want)];
  if (want.rcode === undefined) return faults;
  if (!isEqual(want.edns, got.edns)) {
    faults.push(`edns: want ${JSON.stringify(want.edns)}, got ${JSON.stringify(got.edns)}`);
  }
  if (want.tc && got.tc && want.full !== undefined) return [...faults, ...truncationFaults(want, got)];
  for (const section of SECTIONS) faults.push(...recordFaults(section, want[section], got[section], want));
  if (faults.length > 0) return faults;
  return [...orderFaults(want, got)];
}

function kindOf(answer: Observed): string {
  if (answer.no_answer !== undefined) return `no answer (${answer.no_answer})`;
  return answer.error ?? answer.rcode ?? 'an answer';
}

function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Rule 3: sections are multisets; rule 5: TTLs may differ by the slack. */
function recordFaults(
  section: string,
  want: readonly string[] = [],
  got: readonly string[] = [],
  { ttl_slack = 0 }: Expected,
): string[] {
  const missing = [...want];
  const extra: string[] = [];
  for (const record of got) {
    const at = missing.findIndex((other) => other === record || isNear(other, record, ttl_slack));
    if (at < 0) extra.push(record);
    else missing.splice(at, 1);
  }
  return [...missing.map((r) => `${section}: missing ${r}`), ...extra.map((r) => `${section}: extra   ${r}`)];
}

function isNear(a: string, b: string, slack: number): boolean {
  if (slack === 0 || withoutTtl(a) !== withoutTtl(b)) return false;
  return Math.abs(Number(a.split(' ')[1]) - Number(b.split(' ')[1])) <= slack;
}

function withoutTtl(record: string): string {
  const fields = record.split(' ');
  return fields.toSpliced(1, 1).join(' ');
}

/** Rule 4: a truncated answer is a part of the whole, of the recorded size. */
function truncationFaults(want: Expected, got: Observed): string[] {
  const faults: string[] = [];
  for (const section of SECTIONS) {
    const extra = recordFaults(section, want.full?.[section], got[section], want);
    faults.push(...extra.filter((fault) => fault.includes(': extra ')));
    const [wanted, seen] = [want[section]?.length ?? 0, got[section]?.length ?? 0];
    if (wanted !== seen) faults.push(`${section}: ${wanted} records wanted in the truncated answer, got ${seen}`);
  }
  return faults;
}

/** Rule 3: CNAME records keep their places, and all do where the recording asks for it. */
function orderFaults(want: Expected, got: Observed): string[] {
  const [wanted = [], seen = []] = [want.answer, got.answer];
  if (want.order === 'exact' && !isEqual(wanted.map(withoutTtl), seen.map(withoutTtl))) {
    return [`order: want ${wanted}, got ${seen}`];
  }
  return isEqual(aliasPlaces(wanted), aliasPlaces(seen)) ? [] : [`order of CNAMEs: want ${wanted}, got ${seen}`];
}

function aliasPlaces(records: readonly string[]): (readonly [number, string | undefined])[] {
  return records.flatMap((record, at) => {
    const [owner, , , type] = record.split(' ');
    return type === 'CNAME' ? [[at, owner?.toLowerCase()] as const] : [];
  });
}

/** Rule 8: serials that are none (0 before the first sync, k8s_gateway's 12345) compare like a current one. */
function withPlainSerials<A extends Expected>(answer: A): A {
  const plain = (records: readonly string[]) => records.map(withPlainSerial);
  const sections = [...SECTIONS, 'records' as const].flatMap((section) => {
    const records = answer[section];
    return records === undefined ? [] : [[section, plain(records)] as const];
  });
  const full = answer.full && {
    full: Object.fromEntries(Object.entries(answer.full).map(([section, records]) => [section, plain(records)])),
  };
  return { ...answer, ...Object.fromEntries(sections), ...full };
}

function withPlainSerial(record: string): string {
  const fields = record.split(' ');
  if (fields[3] === 'SOA' && (fields[6] === '0' || fields[6] === '12345')) fields[6] = 'NOW';
  return fields.join(' ');
}

/** Rule 9: right where CoreDNS can't be followed without giving up what zones and transfers need. */
function isBetter(question: Question, want: Expected, got: Observed): boolean {
  const { type, name = '' } = question.query ?? {};
  if (want.rcode === undefined || got.rcode === undefined) return false;
  const isEmpty = (want.answer?.length ?? 0) === 0 && (got.answer?.length ?? 0) === 0;
  if ((type === 'AXFR' || type === 'IXFR') && isEmpty && ['NOERROR', 'SERVFAIL', 'REFUSED'].includes(want.rcode)) {
    return ['REFUSED', 'NOTAUTH', 'FORMERR'].includes(got.rcode);
  }
  if (want.rcode === 'SERVFAIL' && got.rcode === 'SERVFAIL') return (got.answer?.length ?? 0) === 0;
  const isOf = (record: string, recordType: string) => {
    const fields = record.split(' ');
    return fields[0]?.toLowerCase() === name.toLowerCase() && fields[3] === recordType;
  };
  const isDeniedApex =
    type === 'NS' &&
    ['NOERROR', 'NXDOMAIN'].includes(want.rcode) &&
    want.answer?.length === 0 &&
    want.authority?.some((record) => isOf(record, 'SOA'));
  if (!isDeniedApex) return false;
  const { answer = [], authority = [] } = got;
  const isWhole = got.rcode === 'NOERROR' && got.aa === true && answer.length > 0 && authority.length === 0;
  return isWhole && answer.every((record) => isOf(record, 'NS'));
}
