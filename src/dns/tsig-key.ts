/** TSIG keys: their algorithms, and key files as `tsig-keygen` and `rndc-confgen` of BIND write them. */
import { fail, ok, type Result } from '../errors.ts';
import { type DomainName, parseName } from './name.ts';

export interface TsigAlgorithm {
  /** As it stands in TSIG records. */
  readonly name: DomainName;
  /** The hash, in the words of node:crypto. */
  readonly hash: 'sha256' | 'sha384' | 'sha512' | 'sha1' | 'md5';
  /** Octets of a whole MAC. */
  readonly octets: number;
  /** Only for requests of others that nothing better can be had from, and only where the operator says so. */
  readonly isWeak: boolean;
}

function algorithm(name: string, hash: TsigAlgorithm['hash'], octets: number, isWeak = false): TsigAlgorithm {
  return { name: name as DomainName, hash, octets, isWeak };
}

/** RFC 8945 §6; by the names that operators use. */
const ALGORITHMS: ReadonlyMap<string, TsigAlgorithm> = new Map([
  ['hmac-sha256', algorithm('hmac-sha256.', 'sha256', 32)],
  ['hmac-sha384', algorithm('hmac-sha384.', 'sha384', 48)],
  ['hmac-sha512', algorithm('hmac-sha512.', 'sha512', 64)],
  ['hmac-sha1', algorithm('hmac-sha1.', 'sha1', 20, true)],
  ['hmac-md5', algorithm('hmac-md5.sig-alg.reg.int.', 'md5', 16, true)],
]);

/** What is signed with when nobody says otherwise. */
export const DEFAULT_ALGORITHM = ALGORITHMS.get('hmac-sha256') as TsigAlgorithm;

const BY_NAME: ReadonlyMap<DomainName, TsigAlgorithm> = new Map([...ALGORITHMS.values()].map((a) => [a.name, a]));

/** The algorithm that a TSIG record names; undefined when it is none of ours. */
export function algorithmOfName(name: DomainName): TsigAlgorithm | undefined {
  return BY_NAME.get(name);
}

/** The algorithm that an operator names: `hmac-sha256`, with or without a final dot, any letter case. */
export function parseAlgorithm(text: string): TsigAlgorithm | undefined {
  const name = parseName(text);
  return ALGORITHMS.get(text.toLowerCase().replace(/\.$/, '')) ?? (name && BY_NAME.get(name));
}

export interface TsigKey {
  readonly name: DomainName;
  readonly secret: Uint8Array;
  /** The only one that it is used with; undefined: whichever a request names. */
  readonly algorithm: TsigAlgorithm | undefined;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The octets of a secret in base64; undefined when it is none, or empty. */
export function parseSecret(text: string): Uint8Array | undefined {
  return text !== '' && BASE64.test(text) ? new Uint8Array(Buffer.from(text, 'base64')) : undefined;
}

const TOKEN = /\s+|\/\/[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\/|"([^"\n]*)"|([{};])|([^\s{};"]+)/y;

/** Words, and `{`, `}`, `;` as themselves; comments left out. Undefined where the text can't be read. */
function tokensOf(text: string): string[] | undefined {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    const match = TOKEN.exec(text);
    if (match === null) return undefined;
    const token = match[1] ?? match[2] ?? match[3];
    if (token !== undefined) tokens.push(token);
  }
  return tokens;
}

/**
 * Reads a key file: `key "NAME" { algorithm hmac-sha256; secret "BASE64"; };`, any number of them.
 * @returns what is wrong with it, without the file's name and without any secret
 */
export function parseKeyFile(text: string): Result<TsigKey[], string> {
  const tokens = tokensOf(text);
  if (tokens === undefined) return fail('a quotation mark is not closed');
  const keys = new Map<DomainName, TsigKey>();
  for (let at = 0; at < tokens.length; ) {
    const end = tokens.indexOf('}', at);
    const [word, nameText = '', open] = tokens.slice(at, at + 3);
    if (word !== 'key' || open !== '{' || end < 0)
      return fail(`statement ${keys.size + 1}: not of the form key NAME { … };`);
    const name = parseName(nameText);
    if (name === undefined) return fail(`invalid key name ${JSON.stringify(nameText)}`);
    const key = readKey(name, tokens.slice(at + 3, end));
    if (!key.ok) return key;
    if (keys.has(name)) return fail(`key '${name}' redefined`);
    keys.set(name, key.value);
    at = end + (tokens[end + 1] === ';' ? 2 : 1);
  }
  return ok([...keys.values()]);
}

/** @param tokens between the braces: `WORD VALUE ;` again and again */
function readKey(name: DomainName, tokens: readonly string[]): Result<TsigKey, string> {
  let algorithm: TsigAlgorithm | undefined;
  let secret: Uint8Array | undefined;
  for (let at = 0; at < tokens.length; at += 3) {
    const [word, value = '', end] = tokens.slice(at, at + 3);
    if (end !== ';') return fail(`key '${name}': a semicolon is missing`);
    if (word === 'algorithm') {
      algorithm = parseAlgorithm(value);
      if (algorithm === undefined) return fail(`key '${name}': unknown algorithm ${JSON.stringify(value)}`);
    } else if (word === 'secret') {
      secret = parseSecret(value);
      if (secret === undefined) return fail(`key '${name}': its secret is not base64`);
    } else return fail(`key '${name}': unknown statement ${JSON.stringify(word)}`);
  }
  if (secret === undefined) return fail(`key '${name}' has no secret`);
  return ok({ name, secret, algorithm });
}
