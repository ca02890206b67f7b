import type { Token } from './lexer.ts';

interface Frame {
  readonly tokens: readonly Token[];
  /** The first token of an import begins a line, wherever it stood in its own file. */
  readonly isImport: boolean;
  at: number;
}

/** The tokens of a file, into which imports push others that are read before the rest. */
export class TokenStream {
  readonly #frames: Frame[] = [];
  #last: Token | undefined;

  constructor(tokens: readonly Token[]) {
    this.#frames.push({ tokens, isImport: false, at: 0 });
  }

  /** Puts tokens in front of those that are left. */
  push(tokens: readonly Token[]): void {
    this.#drop();
    this.#frames.push({ tokens, isImport: true, at: 0 });
  }

  /** The next token, undefined at the end. */
  peek(): Token | undefined {
    this.#drop();
    const frame = this.#frames.at(-1);
    const token = frame?.tokens[frame.at];
    if (!token || !frame) return undefined;
    return frame.isImport && frame.at === 0 && !token.isFirst ? { ...token, isFirst: true } : token;
  }

  /** Takes the next token. */
  take(): Token | undefined {
    const token = this.peek();
    const frame = this.#frames.at(-1);
    if (token && frame) {
      frame.at += 1;
      this.#last = token;
    }
    return token;
  }

  /** The token taken last. */
  get last(): Token | undefined {
    return this.#last;
  }

  #drop(): void {
    for (let top = this.#frames.at(-1); top && top.at >= top.tokens.length; top = this.#frames.at(-1)) {
      this.#frames.pop();
    }
  }
}
