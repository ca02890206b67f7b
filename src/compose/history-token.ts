/** The bearer token of `history`, kept as its file has it. */
import { readFileSync, statSync } from 'node:fs';
import { OperatorError } from '../errors.ts';
import { describeSystemError } from './files.ts';

/** Characters: a shorter one could be found by trying. */
const SHORTEST = 16;
/** Between two looks at the file, milliseconds. */
const LOOK_EVERY = 10_000;

export interface TokenFileOptions {
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** The file has become useless: the last token stays. */
  readonly onFault: (fault: string) => void;
}

/**
 * Reads a token, and gives it as the file has it when it is asked for, ten seconds late at most.
 * @throws OperatorError when it can't be read, or holds no token
 */
export function openTokenFile(file: string, { now, onFault }: TokenFileOptions): () => string {
  let token = readToken(file);
  let seen = markOf(file);
  let looked = now();
  return () => {
    if (now() - looked < LOOK_EVERY) return token;
    looked = now();
    const mark = markOf(file);
    if (mark === seen) return token;
    seen = mark;
    try {
      token = readToken(file);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      onFault(`${error.message}; the token stays as it was`);
    }
    return token;
  };
}

function readToken(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new OperatorError(`plugin/history: token: open ${file}: ${describeSystemError(error)}`);
  }
  const token = text.trim();
  if (!/^[\w.~+/-]+=*$/.test(token)) {
    throw new OperatorError(
      `plugin/history: token: ${file}: one line of letters, digits and -._~+/ is wanted (RFC 6750)`,
    );
  }
  if (token.length < SHORTEST) {
    throw new OperatorError(`plugin/history: token: ${file}: shorter than ${SHORTEST} characters`);
  }
  return token;
}

/** Changes when the file does. */
function markOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
}
