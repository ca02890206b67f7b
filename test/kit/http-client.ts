/** A bare HTTP client for tests of the fixture API server: whole answers, and watches line by line. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';

/** Long enough for a machine that does much else: it is waited out only where a test fails. */
const PATIENCE = 60_000;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

export interface HttpOptions {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

/** Rejects when the connection breaks before the answer is whole. */
export async function fetchText(url: string, options: HttpOptions = {}): Promise<HttpAnswer> {
  const { response } = await send(url, options);
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text: Buffer.concat(pieces).toString(),
  };
}

export interface Item {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly resourceVersion: string };
}

export interface ListAnswer {
  readonly metadata: {
    readonly resourceVersion: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly items: readonly Item[];
}

export async function fetchList(url: string): Promise<ListAnswer> {
  const { status, text } = await fetchText(url);
  if (status !== 200) throw new Error(`${status}: ${text}`);
  return JSON.parse(text);
}

export interface WatchLine {
  readonly type: string;
  readonly object: Item & {
    readonly code?: number;
    readonly metadata: { readonly annotations?: Record<string, string> };
  };
}

/** An open watch: `next` gives its lines, and undefined once it has ended. */
export class WatchReader {
  readonly status: number;
  readonly #response: IncomingMessage;
  readonly #request: ClientRequest;
  readonly #lines: string[] = [];
  #rest = '';
  #isEnded = false;
  #wake: (() => void) | undefined;

  constructor(clientRequest: ClientRequest, response: IncomingMessage) {
    this.#request = clientRequest;
    this.#response = response;
    this.status = response.statusCode ?? 0;
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.#take(text));
    for (const event of ['end', 'error', 'close']) response.on(event, () => this.#end());
  }

  static async open(url: string): Promise<WatchReader> {
    const { clientRequest, response } = await send(url, {});
    return new WatchReader(clientRequest, response);
  }

  async nextText(timeoutMs = PATIENCE): Promise<string | undefined> {
    const deadline = Date.now() + timeoutMs;
    while (this.#lines.length === 0 && !this.#isEnded) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`nothing from the watch in ${timeoutMs} ms`);
      await this.#change(left);
    }
    return this.#lines.shift();
  }

  async next(timeoutMs?: number): Promise<WatchLine | undefined> {
    const text = await this.nextText(timeoutMs);
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** True when nothing comes for so long, not even the end. */
  async isSilentFor(milliseconds: number): Promise<boolean> {
    const before = this.#lines.length;
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    return this.#lines.length === before && !this.#isEnded;
  }

  close(): void {
    this.#request.destroy();
    this.#response.destroy();
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    this.#lines.push(...lines);
    this.#wake?.();
  }

  #end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function send(url: string, options: HttpOptions): Promise<{ clientRequest: ClientRequest; response: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = options;
    const clientRequest = request(url, { method, headers, agent: false });
    clientRequest.once('error', reject);
    clientRequest.once('response', (response) => resolve({ clientRequest, response }));
    clientRequest.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
