/**
 * What a connection may cost before its request is whole: whoever sends nothing, or slowly, or no HTTP, is let go within
 * seconds. For plain servers and those with TLS alike.
 */
import type { Server, ServerOptions } from 'node:http';
import type { Socket } from 'node:net';
import { problemText, titleOf } from './problem.ts';

export interface ConnectionLimits {
  /** For a whole request to come in, milliseconds. */
  readonly requestTimeout: number;
  /** Between two requests, milliseconds. */
  readonly keepAliveTimeout: number;
  /** Between two looks at both, milliseconds. */
  readonly lookEvery: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  requestTimeout: 10_000,
  keepAliveTimeout: 20_000,
  lookEvery: 2_000,
};

/** At the same time; more are dropped. */
const MOST_CONNECTIONS = 256;
/** Octets of a request's head. */
const MAX_HEADER = 16 * 1024;

/** What the server of the socket must be made with. */
export function connectionOptions({ requestTimeout, lookEvery }: ConnectionLimits): ServerOptions {
  return {
    requestTimeout,
    headersTimeout: requestTimeout,
    connectionsCheckingInterval: lookEvery,
    maxHeaderSize: MAX_HEADER,
  };
}

/** What can only be said of a server that is there. */
export function limitConnections(server: Server, { requestTimeout, keepAliveTimeout }: ConnectionLimits): void {
  server.maxConnections = MOST_CONNECTIONS;
  server.requestTimeout = requestTimeout;
  server.headersTimeout = requestTimeout;
  server.keepAliveTimeout = keepAliveTimeout;
}

/** Tells a client why what it sent is no request, and lets it go. */
export function refuseConnection(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = refusalOf(error.code);
  const body = problemText(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${titleOf(problem.status)}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

function refusalOf(code: string | undefined) {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return { status: 408, detail: 'the request did not come in time' };
  if (code === 'HPE_HEADER_OVERFLOW') return { status: 431, detail: `a head has ${MAX_HEADER} octets at most` };
  return { status: 400, detail: 'this is no HTTP request' };
}
