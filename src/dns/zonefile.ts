/**
 * Records as text, one a line, as dig prints them: `owner TTL IN TYPE rdata`, separated by tabs, names absolute. Every
 * name server reads it as a master file (RFC 1035 §5).
 */
import { absolute, parseNumber, parseRdata, rdataText, type Token, tokens } from './rdata-text.ts';
import { type ResourceRecord, RRClass } from './rrset.ts';
import { classText, parseType, typeText } from './type-text.ts';

/** One record as a line, without the line's end. */
export function recordText({ owner, ttl, type, rdata }: ResourceRecord): string {
  return `${owner}\t${ttl}\t${classText(RRClass.IN)}\t${typeText(type)}\t${rdataText(rdata)}`;
}

/** The records as lines, each with its line's end. */
export function* writeZoneFile(records: Iterable<ResourceRecord>): Generator<string> {
  for (const record of records) yield `${recordText(record)}\n`;
}

/** A line that is no record: what is wrong, and where (lines count from 1). */
export interface ZoneFileError {
  readonly line: number;
  readonly problem: string;
}

/**
 * Reads what `writeZoneFile` writes and dig prints: one record a line, absolute names; blank lines and comments are
 * skipped. Directives, relative names, omitted fields and records over several lines are not taken.
 */
export function* readZoneFile(text: string): Generator<ResourceRecord | ZoneFileError> {
  let line = 0;
  for (const content of text.split(/\r?\n/)) {
    line += 1;
    const words = tokens(content);
    if (words?.length === 0) continue;
    const record = words === undefined ? 'a quote or an escape that has no end' : parseRecord(words);
    yield typeof record === 'string' ? { line, problem: record } : record;
  }
}

/** The records of a text that must have no fault in it: for tests and for text of our own. @throws SyntaxError */
export function parseZoneText(text: string): ResourceRecord[] {
  return [...readZoneFile(text)].map((found) => {
    if ('problem' in found) throw new SyntaxError(`line ${found.line}: ${found.problem}`);
    return found;
  });
}

function parseRecord(words: readonly Token[]): ResourceRecord | string {
  const [ownerText, ttlText, classWord, typeWord] = words.map(({ text }) => text);
  if (ownerText === undefined || ttlText === undefined || classWord === undefined || typeWord === undefined) {
    return 'a record is: owner TTL IN TYPE rdata';
  }
  const owner = absolute(ownerText);
  if (owner === undefined) return `${ownerText}: no absolute name`;
  const ttl = parseNumber(ttlText, 0x7fffffff);
  if (ttl === undefined) return `${ttlText}: no TTL in seconds`;
  if (classWord.toUpperCase() !== 'IN') return `${classWord}: only class IN is known`;
  const type = parseType(typeWord);
  if (type === undefined) return `${typeWord}: no type`;
  const rdata = parseRdata(type, words.slice(4));
  if (rdata === undefined) return `no data for type ${typeText(type)}`;
  return { owner, type, ttl, rdata };
}
