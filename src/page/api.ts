/** Questions to the server. */
import type { ZoneChange } from '../history/answers.ts';
import { EventParser } from './sse.ts';
import { askToken } from './token.ts';

/** What the server says instead of an answer. */
export class ApiProblem extends Error {
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

type Query = Readonly<Record<string, string | number | undefined>>;

const TOKEN = 'zonelog token';

/** Path segments are escaped by `path`. */
export function path(strings: TemplateStringsArray, ...values: readonly string[]): string {
  return String.raw({ raw: strings }, ...values.map(encodeURIComponent));
}

/**
 * Asks for JSON.
 * @throws ApiProblem; DOMException `AbortError` when nobody wants it any more
 */
export async function ask<T>(url: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const response = await send(url, query, { accept: 'application/json' }, signal);
  return response.json() as Promise<T>;
}

/** Saves an answer as a file. */
export async function save(url: string, query: Query, name: string): Promise<void> {
  const blob = await (await send(url, query, { accept: 'text/dns' })).blob();
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function send(
  url: string,
  query: Query,
  headers: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<Response> {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  for (;;) {
    const token = sessionStorage.getItem(TOKEN);
    const response = await fetch(`api/v1${url}${search === '' ? '' : `?${search}`}`, {
      headers: { ...headers, ...(token && { authorization: `Bearer ${token}` }) },
      ...(signal && { signal }),
    }).catch((error: unknown) => {
      if (signal?.aborted) throw error;
      throw new ApiProblem(0, 'the server can’t be reached');
    });
    if (response.ok) return response;
    if (response.status !== 401) throw await problemOf(response);
    // Given to another question while this one was on its way: whether it is right is not known from this answer.
    if (sessionStorage.getItem(TOKEN) !== token) continue;
    sessionStorage.setItem(TOKEN, await askToken(token !== null));
  }
}

async function problemOf(response: Response): Promise<ApiProblem> {
  const text = await response.text();
  try {
    return new ApiProblem(response.status, String(JSON.parse(text).detail));
  } catch {
    return new ApiProblem(response.status, `${response.status} ${response.statusText}`);
  }
}

export interface FeedHandlers {
  readonly onChange: (change: ZoneChange) => void;
  /** @param trouble why nothing comes at the moment; undefined: connected */
  readonly onState: (trouble: string | undefined) => void;
}

/** Milliseconds between two tries to connect. */
const RECONNECT_AFTER = 2_000;

/** Follows the live feed until the signal ends it; comes back after a break, without missing anything. */
export async function follow(query: Query, { onChange, onState }: FeedHandlers, signal: AbortSignal): Promise<void> {
  let lastId = '';
  while (!signal.aborted) {
    try {
      const headers = { accept: 'text/event-stream', ...(lastId && { 'last-event-id': lastId }) };
      const response = await send('/live', query, headers, signal);
      onState(undefined);
      const parser = new EventParser();
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
        for (const { event, data } of parser.push(part.value)) if (event === 'change') onChange(JSON.parse(data));
        lastId = parser.lastId || lastId;
      }
      onState('the connection has ended; trying again');
    } catch (error) {
      if (signal.aborted) return;
      onState(error instanceof Error ? error.message : String(error));
      // What came meanwhile has been removed from the log: it goes on with what comes from now on.
      if (error instanceof ApiProblem && error.status === 410 && lastId !== '') lastId = '';
      else if (error instanceof ApiProblem && error.status >= 400 && error.status < 500) return;
    }
    await new Promise((resolve) => setTimeout(resolve, RECONNECT_AFTER));
  }
}
