/** Records as text, and back into lines of a master file. */
import { rdataText } from '../dns/rdata-text.ts';
import { type ResourceRecord, type RRset, recordsOf } from '../dns/rrset.ts';
import { typeText } from '../dns/type-text.ts';
import type { TextRecord } from './answers.ts';

export function textRecord({ owner, ttl, type, rdata }: ResourceRecord): TextRecord {
  return { owner, ttl, type: typeText(type), data: rdataText(rdata) };
}

export function textRecords(sets: Iterable<RRset>): TextRecord[] {
  return [...sets].flatMap((set) => recordsOf(set).map(textRecord));
}

/** The line of a record, as dig prints it. */
export function lineOf({ owner, ttl, type, data }: TextRecord): string {
  return `${owner}\t${ttl}\tIN\t${type}\t${data}`;
}
