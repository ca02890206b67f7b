/**
 * Changes as they happen, as server-sent events: each has its cursor as its id, so a client that was cut off goes on where
 * it was (`Last-Event-ID`). The database is looked at a few times a second, and only while somebody listens; every client
 * reads for itself, as far as its connection takes it.
 */
import type { Writable } from 'node:stream';
import type { ZoneChange } from '../history/answers.ts';
import type { Answered } from '../history/problem.ts';
import type { History } from '../history/questions.ts';
import type { Problem } from './problem.ts';
import { problemFor } from './route.ts';

export interface FeedOptions {
  readonly history: History;
  /** Calls back after so many milliseconds. @returns cancels it */
  readonly after: (milliseconds: number, callback: () => void) => () => void;
}

/** What one client wants. */
export interface FeedQuery {
  readonly zone?: string | undefined;
  readonly name?: string | undefined;
  /** A cursor; absent: from now on. */
  readonly after?: string | undefined;
}

/** Milliseconds between two looks. */
export const LOOK_EVERY = 250;
/** Looks after which a silent client gets a comment, so that nobody between us takes the connection for dead. */
const LOOKS_OF_SILENCE = 60;
export const MOST_CLIENTS = 64;
/** Changes that are read for one client at one look. */
const STEP = 50;
/** Octets that may wait for a client before it gets more. */
const MOST_WAITING = 256 * 1024;
/** Looks at which nothing of that was taken: then the client is let go. It can come back with its last id. */
const MOST_STUCK = 120;
const MOST_RECORDS = 50;

interface Client {
  readonly response: Writable;
  readonly query: FeedQuery;
  cursor: string;
  silence: number;
  stuck: number;
  /** It has read all that there was at the last look. */
  isAtEnd: boolean;
}

export class Feed {
  readonly #history: History;
  readonly #after: FeedOptions['after'];
  readonly #clients = new Set<Client>();
  #cancel: (() => void) | undefined;
  #seen: number | undefined;

  constructor({ history, after }: FeedOptions) {
    this.#history = history;
    this.#after = after;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** What is wrong with a client's question, or where it begins. */
  begin(query: FeedQuery): Answered<string> | Problem {
    if (this.#clients.size >= MOST_CLIENTS) return { status: 503, detail: 'too many clients listen' };
    const first = this.#history.changes({ ...query, limit: 1, mostRecords: 0 });
    if (!first.ok) return first;
    // A cursor that was given is where it begins; without one it is the end of what there is.
    return { ok: true, value: query.after ?? first.value.cursor };
  }

  /** Takes over a response whose head has been sent. */
  add(response: Writable, query: FeedQuery, cursor: string): void {
    const client: Client = { response, query, cursor, silence: 0, stuck: 0, isAtEnd: false };
    this.#clients.add(client);
    response.once('close', () => {
      this.#clients.delete(client);
      if (this.#clients.size === 0) this.#stop();
    });
    // Clients come back after two seconds; the first id is where they would go on.
    response.write(`retry: 2000\nid: ${cursor}\n: zonelog\n\n`);
    this.#read(client);
    this.#wait();
  }

  close(): void {
    this.#stop();
    for (const { response } of this.#clients) response.end();
    this.#clients.clear();
  }

  #wait(): void {
    this.#cancel ??= this.#after(LOOK_EVERY, () => {
      this.#cancel = undefined;
      this.#look();
      if (this.#clients.size > 0) this.#wait();
    });
  }

  #stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(): void {
    const version = this.#history.dataVersion();
    const isNew = version !== this.#seen;
    this.#seen = version;
    for (const client of this.#clients) {
      if (isNew || !client.isAtEnd) this.#read(client);
      if (++client.silence < LOOKS_OF_SILENCE) continue;
      client.silence = 0;
      client.response.write(': still here\n\n');
    }
  }

  #read(client: Client): void {
    const { response, query } = client;
    if (response.writableLength > MOST_WAITING) {
      client.isAtEnd = false;
      client.stuck += 1;
      if (client.stuck >= MOST_STUCK) response.destroy();
      return;
    }
    client.stuck = 0;
    const page = this.#history.changes({ ...query, after: client.cursor, limit: STEP, mostRecords: MOST_RECORDS });
    if (!page.ok) {
      response.end(`event: problem\ndata: ${JSON.stringify(problemFor(page.error))}\n\n`);
      return;
    }
    const { items, cursor, isMore } = page.value;
    if (items.length > 0) response.write(items.map(eventText).join(''));
    // What did not fit the client's pattern is done with as well.
    if (items.at(-1)?.cursor !== cursor && cursor !== client.cursor) response.write(`id: ${cursor}\n\n`);
    if (cursor !== client.cursor) client.silence = 0;
    client.cursor = cursor;
    client.isAtEnd = !isMore;
  }
}

function eventText(change: ZoneChange): string {
  return `id: ${change.cursor}\nevent: change\ndata: ${JSON.stringify(change)}\n\n`;
}
