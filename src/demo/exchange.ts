/** One request and its answer, and the seam where tests put faults between the two. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Body } from './body.ts';
import type { Route } from './route.ts';
import type { StoredObject } from './store.ts';

/** One request on its way, as hooks see it. */
export interface Exchange {
  readonly route: Route;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Where tests put faults in. */
export interface ExchangeHooks {
  /** Sees each request first; true: it has been answered. */
  intercept?(exchange: Exchange): Promise<boolean>;
  /** Stands between a list or watch and its connection. */
  wrapBody?(exchange: Exchange, body: Body): Body;
  /** May change what a list shows. */
  chooseItems?(exchange: Exchange, items: readonly StoredObject[]): readonly StoredObject[];
}

/** Answers with a JSON value. */
export function reply(response: ServerResponse, code: number, value: object, retryAfterSeconds?: number): undefined {
  if (retryAfterSeconds !== undefined) response.setHeader('retry-after', String(retryAfterSeconds));
  return replyText(response, code, JSON.stringify(value));
}

export function replyText(response: ServerResponse, code: number, text: string): undefined {
  response.writeHead(code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
  return undefined;
}
