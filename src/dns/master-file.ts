/**
 * Master files (RFC 1035 §5) as operators write them: `$ORIGIN`, `$TTL` (RFC 2308 §4), `$INCLUDE`, `$GENERATE` as BIND has
 * it, names relative to the origin, owner, TTL and class left out, records over several lines.
 */
import { expandGenerate } from './master-generate.ts';
import { type MasterEntry, readEntries } from './master-words.ts';
import type { DomainName } from './name.ts';
import { parseRdata, parseTtl, qualify, type Token } from './rdata-text.ts';
import type { ResourceRecord } from './rrset.ts';
import { parseType, typeText } from './type-text.ts';
import type { ZoneFileError } from './zonefile.ts';

export interface MasterFileOptions {
  /** What relative names are completed with, until `$ORIGIN` says otherwise. */
  readonly origin: DomainName;
  /** The text of a file that `$INCLUDE` names; undefined: it can't be had. Absent: `$INCLUDE` is refused. */
  readonly include?: (file: string) => string | undefined;
}

/** A record of the file; `class` where it is not IN. */
export interface MasterRecord extends ResourceRecord {
  readonly class?: string;
}

/** Where the file stands: what a record that leaves something out takes from those before it. */
interface State {
  origin: DomainName;
  owner: DomainName | undefined;
  ttl: number;
  isTtlDirective: boolean;
  class: string;
}

/** RFC 1035 knows no default; this is what CoreDNS takes. */
const DEFAULT_TTL = 3600;
const MAX_DEPTH = 7;
const CLASSES: ReadonlyMap<string, string> = new Map([
  ['IN', 'IN'],
  ['CLASS1', 'IN'],
  ['CS', 'CS'],
  ['CH', 'CH'],
  ['HS', 'HS'],
]);

/**
 * The records of a master file, and an error for each entry that is none. Reading may go on after an error: the next
 * entry is looked at by itself.
 */
export function readMasterFile(
  text: string,
  options: MasterFileOptions,
): Generator<MasterRecord | ZoneFileError, void, undefined> {
  const state: State = {
    origin: options.origin,
    owner: undefined,
    ttl: DEFAULT_TTL,
    isTtlDirective: false,
    class: 'IN',
  };
  return readText(text, options, state, 0);
}

function* readText(
  text: string,
  options: MasterFileOptions,
  state: State,
  depth: number,
): Generator<MasterRecord | ZoneFileError, void, undefined> {
  for (const entry of readEntries(text)) {
    if (entry.problem !== undefined) {
      yield { line: entry.line, problem: entry.problem };
      continue;
    }
    const [first] = entry.words;
    const directive = first?.isQuoted === false && first.text.startsWith('$') ? first.text.toUpperCase() : undefined;
    if (directive === '$INCLUDE') yield* include(entry, options, state, depth);
    else if (directive === '$GENERATE') yield* generate(entry, state);
    else {
      const read = directive === undefined ? readRecord(entry, state) : applyDirective(directive, entry, state);
      if (typeof read === 'string') yield { line: entry.line, problem: read };
      else if (read !== undefined) yield read;
    }
  }
}

/** @returns what is wrong with it */
function applyDirective(directive: string, { words }: MasterEntry, state: State): string | undefined {
  const [, value] = words;
  if (value === undefined || words.length !== 2) return `${directive} takes one word`;
  if (directive === '$ORIGIN') {
    const origin = qualify(value.text, state.origin);
    if (origin === undefined) return `${value.text}: no name`;
    state.origin = origin;
    return undefined;
  }
  if (directive !== '$TTL') return `${directive}: no directive`;
  const ttl = ttlOf(value.text);
  if (ttl === undefined) return `${value.text}: no TTL`;
  state.ttl = ttl;
  state.isTtlDirective = true;
  return undefined;
}

function* include(
  { words, line }: MasterEntry,
  options: MasterFileOptions,
  state: State,
  depth: number,
): Generator<MasterRecord | ZoneFileError, void, undefined> {
  const [, file, originWord] = words;
  const origin = originWord === undefined ? state.origin : qualify(originWord.text, state.origin);
  if (file === undefined || words.length > 3 || origin === undefined) {
    yield { line, problem: '$INCLUDE takes a file, and a name as its origin' };
    return;
  }
  if (options.include === undefined || depth >= MAX_DEPTH) {
    yield { line, problem: `$INCLUDE ${file.text}: ${depth >= MAX_DEPTH ? 'too deep' : 'not allowed'}` };
    return;
  }
  const text = options.include(file.text);
  if (text === undefined) {
    yield { line, problem: `$INCLUDE ${file.text}: the file can't be read` };
    return;
  }
  // What the file sets is its own (RFC 1035 §5.1).
  for (const found of readText(text, options, { ...state, origin }, depth + 1)) {
    yield 'problem' in found ? { line, problem: `in ${file.text}, line ${found.line}: ${found.problem}` } : found;
  }
}

function* generate({ words, line }: MasterEntry, state: State): Generator<MasterRecord | ZoneFileError> {
  for (const made of expandGenerate(words)) {
    const read = typeof made === 'string' ? made : readRecord({ words: made, line, isContinued: false }, state);
    if (typeof read === 'string') {
      yield { line, problem: read };
      return;
    }
    yield read;
  }
}

/** `[owner] [TTL] [class] type data`, TTL and class in any order. */
function readRecord({ words, isContinued }: MasterEntry, state: State): MasterRecord | string {
  let at = 0;
  if (!isContinued) {
    const text = words[at++]?.text ?? '';
    const owner = qualify(text, state.origin);
    if (owner === undefined) return `${text}: no name`;
    state.owner = owner;
  }
  if (state.owner === undefined) return 'a record without an owner';
  let ttl: number | undefined;
  for (let seen = 0; seen < 2; seen++) {
    const word = words[at] as Token | undefined;
    if (word === undefined || word.isQuoted) break;
    const named = CLASSES.get(word.text.toUpperCase());
    const number = ttl === undefined ? ttlOf(word.text) : undefined;
    if (named !== undefined) state.class = named;
    else if (number !== undefined) ttl = number;
    else break;
    at += 1;
  }
  const typeWord = words[at++]?.text;
  if (typeWord === undefined) return 'a record is: owner TTL IN TYPE data';
  const type = parseType(typeWord);
  if (type === undefined) return `${typeWord}: no type`;
  if (ttl !== undefined && !state.isTtlDirective) state.ttl = ttl;
  const rdata = parseRdata(type, words.slice(at), state.origin);
  if (rdata === undefined) return `no data for type ${typeText(type)}`;
  const record = { owner: state.owner, type, ttl: ttl ?? state.ttl, rdata };
  return state.class === 'IN' ? record : { ...record, class: state.class };
}

/** A TTL has 31 bits (RFC 2181 §8). */
function ttlOf(text: string): number | undefined {
  const seconds = parseTtl(text);
  return seconds === undefined || seconds > 0x7fffffff ? undefined : seconds;
}
