/** Bodies that are written in pieces: lists and watches. An interface, so that tests can slow, hold or cut them. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

export interface Body {
  /** Bytes accepted that are not yet handed to the network. */
  readonly buffered: number;
  /** A promise when the writer had better wait; it is kept also when the client goes away. */
  write(text: string): Promise<void> | undefined;
  end(): void;
  /** Cuts the connection without ending the body. */
  destroy(): void;
}

export class ResponseBody implements Body {
  readonly #response: ServerResponse;
  /** One promise for all who wait. */
  #drained: Promise<void> | undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  get buffered(): number {
    return this.#response.writableLength;
  }

  write(text: string): Promise<void> | undefined {
    const response = this.#response;
    if (response.destroyed || response.writableEnded || response.write(text)) return undefined;
    this.#drained ??= drained(response).then(() => {
      this.#drained = undefined;
    });
    return this.#drained;
  }

  end(): void {
    if (!this.#response.writableEnded) this.#response.end();
  }

  destroy(): void {
    this.#response.destroy();
  }
}

async function drained(response: ServerResponse): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]).catch(() => undefined);
  settled.abort();
}
