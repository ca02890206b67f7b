/** A connection to a primary, for one transfer: TCP (RFC 5936 §4), or TLS 1.3 with ALPN `dot` (RFC 9103). */
import { readFile } from 'node:fs/promises';
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { FrameReader, frameMessages } from '../../dns/framing.ts';
import { fail, ok, type Result } from '../../errors.ts';
import type { Clock } from '../clock.ts';
import type { Primary, PrimaryTls } from './primary.ts';

export interface SessionOptions {
  readonly primary: Primary;
  /** The address to connect from. */
  readonly source: string | undefined;
  readonly after: Clock['after'];
  /** Milliseconds until the connection is there. */
  readonly connectTime: number;
  /** Milliseconds in which the next message must have come, whole. */
  readonly idleTime: number;
  /** Milliseconds in all. */
  readonly totalTime: number;
  readonly signal: AbortSignal;
}

/** Questions over one connection, one after the other. */
export interface Session {
  /**
   * Sends a question and hands on what comes until `take` says that it was all. Messages are taken one in a turn of the
   * event loop, and no more is read from the connection in the meantime.
   * @returns the reason where the connection did not last for that long
   */
  ask(query: Uint8Array, take: (message: Buffer) => 'more' | 'done'): Promise<Result<undefined, string>>;
  close(): void;
}

const DOT = 'dot';

/** @returns the reason where there is no connection to be had */
export async function openSession(options: SessionOptions): Promise<Result<Session, string>> {
  const { primary, after, connectTime, signal } = options;
  if (signal.aborted) return fail('stopped');
  const opened = await openSocket(options);
  if (!opened.ok) return opened;
  const { socket, isReady } = opened.value;
  const ready = Promise.withResolvers<string | undefined>();
  const onError = (error: Error) => ready.resolve(error.message || 'connection failed');
  const onAbort = () => ready.resolve('stopped');
  socket.once('error', onError);
  socket.once(primary.tls === undefined ? 'connect' : 'secureConnect', () => ready.resolve(isReady()));
  socket.once('close', () => ready.resolve('connection closed'));
  signal.addEventListener('abort', onAbort);
  const cancel = after(connectTime, () => ready.resolve('no connection in time'));
  const problem = await ready.promise;
  cancel();
  signal.removeEventListener('abort', onAbort);
  if (problem !== undefined) {
    socket.on('error', () => {});
    socket.destroy();
    return fail(problem);
  }
  socket.off('error', onError);
  return ok(new OpenSession(socket, options));
}

/** @returns with what tells, once it is connected, what is wrong with the connection */
async function openSocket({
  primary,
  source,
}: SessionOptions): Promise<Result<{ socket: Socket; isReady: () => string | undefined }, string>> {
  const { address: host, port, tls } = primary;
  const from = source !== undefined && source.includes(':') === host.includes(':') ? { localAddress: source } : {};
  if (tls === undefined) {
    return ok({ socket: connectTcp({ host, port, noDelay: true, ...from }), isReady: () => undefined });
  }
  const files = await readFiles(tls);
  if (!files.ok) return files;
  const { serverName } = tls;
  const opened = connectOverTls({
    host,
    port,
    ...from,
    ...files.value,
    minVersion: 'TLSv1.3',
    ALPNProtocols: [DOT],
    ...(serverName !== undefined && { servername: serverName }),
  });
  if (!opened.ok) return opened;
  const socket = opened.value;
  socket.setNoDelay(true);
  return ok({
    socket,
    // RFC 9103 §7.1: who does not choose `dot` does not speak DNS here.
    isReady: () => (socket.alpnProtocol === DOT ? undefined : 'the server does not choose ALPN dot'),
  });
}

/** @returns the reason where a file is no certificate or key */
function connectOverTls(options: ConnectionOptions): Result<TLSSocket, string> {
  try {
    return ok(connectTls(options));
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

async function readFiles({ ca, cert, key }: PrimaryTls): Promise<Result<SecureContextOptions, string>> {
  try {
    const [caText, certText, keyText] = await Promise.all(
      [ca, cert, key].map((file) => (file === undefined ? undefined : readFile(file, 'utf8'))),
    );
    return ok({
      ...(caText !== undefined && { ca: caText }),
      ...(certText !== undefined && { cert: certText }),
      ...(keyText !== undefined && { key: keyText }),
    });
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

class OpenSession implements Session {
  readonly #socket: Socket;
  readonly #options: SessionOptions;
  readonly #frames = new FrameReader();
  readonly #cancelTotal: () => void;
  readonly #onAbort = () => this.#end('stopped');
  #cancelIdle: () => void = () => {};
  #isTaking = false;
  #asked: { readonly take: (message: Buffer) => 'more' | 'done'; readonly end: (problem?: string) => void } | undefined;
  #problem: string | undefined;

  constructor(socket: Socket, options: SessionOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', (chunk: Buffer) => {
      this.#frames.push(chunk);
      this.#pump();
    });
    socket.on('error', (error) => this.#end(error.message || 'connection broken'));
    socket.on('close', () => this.#end('connection closed'));
    options.signal.addEventListener('abort', this.#onAbort);
    this.#cancelTotal = options.after(options.totalTime, () => this.#end('it took too long'));
  }

  ask(query: Uint8Array, take: (message: Buffer) => 'more' | 'done'): Promise<Result<undefined, string>> {
    if (this.#problem !== undefined) return Promise.resolve(fail(this.#problem));
    return new Promise((resolve, reject) => {
      this.#asked = {
        take: (message) => {
          try {
            return take(message);
          } catch (error) {
            // A bug of ours ends this one transfer, and is seen by who asked for it.
            reject(error);
            return 'done';
          }
        },
        end: (problem) => resolve(problem === undefined ? ok(undefined) : fail(problem)),
      };
      this.#wait();
      this.#socket.write(frameMessages([query]));
      this.#pump();
    });
  }

  close(): void {
    this.#end('closed');
  }

  /** A server that sends octet by octet gets no more time than one that sends nothing. */
  #wait(): void {
    this.#cancelIdle();
    this.#cancelIdle = this.#options.after(this.#options.idleTime, () => this.#end('no answer in time'));
  }

  #pump(): void {
    if (this.#isTaking || this.#asked === undefined || this.#problem !== undefined) return;
    const message = this.#frames.next();
    if (message === undefined) {
      this.#socket.resume();
      return;
    }
    this.#wait();
    const asked = this.#asked;
    if (asked.take(message) === 'done') {
      this.#cancelIdle();
      this.#asked = undefined;
      // What nobody asked for stays where it is.
      this.#socket.pause();
      asked.end();
      return;
    }
    if (this.#frames.length < 2) {
      this.#socket.resume();
      return;
    }
    // Other work of the thread comes between two messages; what the server sends meanwhile waits in the network.
    this.#isTaking = true;
    this.#socket.pause();
    setImmediate(() => {
      this.#isTaking = false;
      this.#pump();
    });
  }

  #end(problem: string): void {
    if (this.#problem !== undefined) return;
    this.#problem = problem;
    this.#cancelIdle();
    this.#cancelTotal();
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    this.#socket.destroy();
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.end(problem);
  }
}
