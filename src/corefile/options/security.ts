import type { DomainName } from '../../dns/name.ts';
import { parseName } from '../../dns/name.ts';
import { parseAlgorithm, parseSecret, type TsigAlgorithm, type TsigKey } from '../../dns/tsig-key.ts';
import type { BlockContext } from '../controller.ts';
import { Controller } from '../controller.ts';
import { normalizeZones } from '../keys.ts';
import { opcodeNumber, typeNumber } from '../mnemonics.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';

/** Which queries must be signed. */
export type TsigRequirement = 'all' | 'none' | ReadonlySet<number>;

/**
 * `tsig [ZONES…] { secret NAME KEY; secrets FILE; require …; require_opcode … }`, all stanzas together.
 *
 * zonelog also takes the key's algorithm (`secret NAME KEY hmac-sha512`), and `allow ALGORITHM…`: weak algorithms that
 * requests with keys of no particular algorithm may use.
 */
export interface TsigOptions {
  readonly zones: readonly DomainName[];
  readonly secrets: ReadonlyMap<DomainName, TsigKey>;
  /** Files with more of them, relative to `root`. */
  readonly secretFiles: readonly string[];
  readonly allowed: readonly TsigAlgorithm[];
  /** By type. */
  readonly require: TsigRequirement;
  readonly requireOpcode: TsigRequirement;
}

/** `tls CERT KEY [CA] { client_auth MODE; keylog FILE }` */
export interface TlsOptions {
  /** Relative to `root`. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string | undefined;
  readonly clientAuth: 'nocert' | 'request' | 'require' | 'verify_if_given' | 'require_and_verify';
  readonly keylog: string | undefined;
}

export function parseTsig(stanzas: readonly Directive[], block: BlockContext): Outcome<TsigOptions> {
  const c = new Controller('tsig', stanzas);
  const zones: DomainName[] = [];
  const secrets = new Map<DomainName, TsigKey>();
  const secretFiles: string[] = [];
  const allowed: TsigAlgorithm[] = [];
  let require: TsigRequirement = 'none';
  let requireOpcode: TsigRequirement = 'none';
  while (c.next()) {
    zones.push(...normalizeZones(c.remainingArgs(), block.zones));
    while (c.nextBlock()) {
      if (c.value === 'secret') readSecret(c, secrets);
      else if (c.value === 'secrets') secretFiles.push(c.oneArg());
      else if (c.value === 'allow') for (const word of c.args(1)) allowed.push(...readAlgorithm(c, word));
      else if (c.value === 'require') require = readRequirement(c, typeNumber, 'query type');
      else if (c.value === 'require_opcode') requireOpcode = readRequirement(c, opcodeNumber, 'opcode');
      else c.unknownProperty();
    }
  }
  return c.finish({ zones: [...new Set(zones)], secrets, secretFiles, allowed, require, requireOpcode });
}

function readSecret(c: Controller, secrets: Map<DomainName, TsigKey>): void {
  const [text = '', base64 = '', algorithmText] = c.args(2, 3);
  const name = parseName(text);
  if (name === undefined) {
    c.err(`invalid key name ${JSON.stringify(text)}`);
    return;
  }
  const secret = parseSecret(base64);
  if (secret === undefined) c.err(`invalid secret of key '${name}': not base64`);
  if (secrets.has(name)) c.err(`key '${name}' redefined`);
  const [algorithm] = algorithmText === undefined ? [] : readAlgorithm(c, algorithmText);
  if (secret !== undefined) secrets.set(name, { name, secret, algorithm });
}

/** One algorithm, or none where the word is no algorithm. */
function readAlgorithm(c: Controller, word: string): TsigAlgorithm[] {
  const algorithm = parseAlgorithm(word);
  if (algorithm !== undefined) return [algorithm];
  c.err(`unknown algorithm '${word}'`);
  return [];
}

function readRequirement(c: Controller, numberOf: (word: string) => number | undefined, what: string): TsigRequirement {
  const words = c.args(1);
  // As the peer, which looks no further.
  if (words[0] === 'all' || words[0] === 'none') return words[0];
  const numbers = new Set<number>();
  for (const word of words) {
    const number = numberOf(word);
    if (number === undefined) c.err(`unknown ${what} '${word}'`);
    else numbers.add(number);
  }
  return numbers;
}

export function parseTls(stanzas: readonly Directive[]): Outcome<TlsOptions> {
  const c = new Controller('tls', stanzas);
  let options: TlsOptions = { cert: '', key: '', ca: undefined, clientAuth: 'nocert', keylog: undefined };
  while (c.nextOnly()) {
    const [cert = '', key = '', ca] = c.args(2, 3);
    let { clientAuth, keylog } = options;
    while (c.nextBlock()) {
      if (c.value === 'client_auth') clientAuth = readClientAuth(c);
      else if (c.value === 'keylog') keylog = c.oneArg();
      else c.err(`unknown option '${c.value}'`);
    }
    options = { cert, key, ca, clientAuth, keylog };
  }
  return c.finish(options);
}

function readClientAuth(c: Controller): TlsOptions['clientAuth'] {
  const mode = c.oneArg();
  switch (mode) {
    case 'nocert':
    case 'request':
    case 'require':
    case 'verify_if_given':
    case 'require_and_verify':
      return mode;
    default:
      c.err(`unknown authentication type '${mode}'`);
      return 'nocert';
  }
}
