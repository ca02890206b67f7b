/** Questions over HTTPS (RFC 8484), HTTP/2 and HTTP/1.1; without a certificate over HTTP, for who ends TLS before us. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { Server, Socket } from 'node:net';
import type { TLSSocket, Server as TlsServer } from 'node:tls';
import type { Entry, Outgoing } from '../entry.ts';
import type { TcpLimits, TcpListener } from '../tcp.ts';
import { isClientAllowed, serverOptions } from './certificate.ts';
import { guardConnections } from './connection-guard.ts';
import { type Declined, freshnessOf, MAX_QUESTION, MEDIA_TYPE, readDohRequest } from './doh-request.ts';
import { listen, type SecureOptions, type SecureParts } from './listening.ts';

type Incoming = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

/** Requests of one connection at a time. */
const MAX_STREAMS = 256;
const MAX_HEADER = 16 * 1024;

export interface DohListener extends TcpListener, SecureParts {}

/** @param countStatus called for each reply with its HTTP status */
export async function listenDoh(
  options: SecureOptions,
  countStatus: (status: number) => void,
  first: Entry,
): Promise<DohListener> {
  let { limits } = options;
  let entry = first;
  const take = (request: Incoming, response: Response): void => {
    answer(request, response, () => entry, limits, countStatus).catch((error: unknown) => {
      options.onFailure(error);
      response.destroy();
    });
  };
  const server = makeServer(options, () => limits, take);
  const guard = guardConnections(server, limits);
  const secure = await listen(server, options);
  return {
    port: secure.port,
    use(next) {
      entry = next;
    },
    setLimits(next) {
      limits = next;
      guard.setLimits(next);
    },
    setCertificate: (certificate) => secure.keeper?.use(certificate),
    counts: () => ({ open: guard.open, refused: guard.refused }),
    stop: (graceMs) => secure.stop(graceMs, () => guard.destroyAll()),
  };
}

function makeServer(
  { certificate, limits }: SecureOptions,
  current: () => TcpLimits,
  take: (request: Incoming, response: Response) => void,
): Server {
  const http1 = { headersTimeout: limits.readMs, requestTimeout: limits.readMs, maxHeaderSize: MAX_HEADER };
  const watchIdle = (socket: Socket) => socket.setTimeout(current().idleMs, () => socket.destroy());
  if (certificate === undefined) {
    const server = createServer({ ...http1, keepAliveTimeout: limits.idleMs }, take);
    server.on('connection', watchIdle);
    return server;
  }
  const server = createSecureServer(
    {
      ...serverOptions(certificate),
      ...http1,
      allowHTTP1: true,
      handshakeTimeout: limits.readMs,
      settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: MAX_HEADER },
    },
    take,
  );
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => {});
    if (!isClientAllowed(socket, certificate.options.clientAuth)) socket.destroy();
    else if (socket.alpnProtocol !== 'h2') watchIdle(socket);
  });
  server.on('session', (session) => {
    session.on('error', () => {});
    session.setTimeout(current().idleMs, () => session.destroy());
  });
  server.on('sessionError', () => {});
  return server as TlsServer;
}

async function answer(
  request: Incoming,
  response: Response,
  entry: () => Entry,
  limits: TcpLimits,
  countStatus: (status: number) => void,
): Promise<void> {
  request.on('error', () => {});
  response.on('error', () => {});
  const decline = ({ status, reason }: Declined): void => {
    countStatus(status);
    send(response, status, 'text/plain', Buffer.from(`${reason}\n`));
    request.resume();
  };
  const read = readDohRequest(request.method ?? '', request.url ?? '', request.headers['content-type']);
  if ('status' in read) return decline(read);
  const packet = 'packet' in read ? read.packet : await readBody(request, limits.readMs);
  if (packet === 'broken') return;
  if (packet === 'late' || packet === 'large') {
    // What is still to come is of no use.
    response.on('finish', () => request.destroy());
    const [status, reason] = packet === 'late' ? [408, 'the question did not come in time'] : [413, 'too large'];
    return decline({ status, reason });
  }
  const { remoteAddress = '', remotePort = 0 } = request.socket;
  const outgoing = await entry().answer(packet, { address: remoteAddress, port: remotePort });
  const message = messageOf(outgoing);
  if (message === undefined) return decline({ status: 400, reason: 'no question that is answered over HTTPS' });
  countStatus(200);
  send(response, 200, MEDIA_TYPE, message, { 'cache-control': `max-age=${freshnessOf(message)}` });
}

/** A transfer has many messages, HTTP takes one. */
function messageOf(outgoing: Outgoing): Buffer | undefined {
  if (outgoing === undefined || Buffer.isBuffer(outgoing)) return outgoing;
  outgoing.messages.return?.();
  outgoing.onEnd?.('broken');
  return undefined;
}

function send(
  response: Response,
  status: number,
  type: string,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.destroyed || response.headersSent) return;
  // One of two classes with the same methods, which can't be called as a union.
  const one = response as ServerResponse;
  one.writeHead(status, { 'content-type': type, 'content-length': body.length, ...headers });
  one.end(body);
}

/** The whole body, unless it is too large, does not come in time, or the client goes away. */
function readBody(request: Incoming, withinMs: number): Promise<Buffer | 'large' | 'late' | 'broken'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const end = (result: Buffer | 'large' | 'late' | 'broken'): void => {
      clearTimeout(timer);
      resolve(result);
    };
    const timer = setTimeout(() => end('late'), withinMs);
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_QUESTION) end('large');
      else chunks.push(chunk);
    });
    request.on('end', () => end(Buffer.concat(chunks)));
    request.on('close', () => end('broken'));
  });
}
