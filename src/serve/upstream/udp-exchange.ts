/**
 * Questions to one server by UDP.
 *
 * Who wants to forge a reply has to guess the id and the port (RFC 5452): ids come from the system's randomness, and a
 * socket, whose port the system picks at random, serves a few questions only and one at a time, unless very many wait.
 * Sockets are connected, so that the system drops what comes from other addresses, and tells when nobody listens.
 */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { fail } from '../../errors.ts';
import {
  type Exchange,
  type ExchangeOptions,
  type ExchangeResult,
  type ExchangeTools,
  hostPort,
  reasonOf,
  Waiting,
} from './exchange.ts';

/** Questions over one socket: then another port. */
const MAX_USES = 16;
/** Sockets to one server. When all are in use, questions share them. */
const MAX_SOCKETS = 512;
/** Questions that wait on one socket. */
const MAX_WAITING = 32;

interface Channel {
  readonly socket: Socket;
  readonly waiting: Waiting;
  readonly openedAt: number;
  uses: number;
  idleSince: number;
  /** No more questions go over it. */
  isSpent: boolean;
  /** Undefined once the socket is connected. */
  unsent: Buffer[] | undefined;
}

export class UdpExchange implements Exchange {
  readonly proto = 'udp';
  readonly #options: ExchangeOptions;
  readonly #tools: ExchangeTools;
  readonly #remote: string;
  readonly #busy = new Set<Channel>();
  /** In the order in which they fell idle. */
  #idle: Channel[] = [];
  #cancelSweep: (() => void) | undefined;
  #isClosed = false;

  constructor(options: ExchangeOptions, tools: ExchangeTools) {
    this.#options = options;
    this.#tools = tools;
    this.#remote = hostPort(options.address, options.port);
  }

  ask(query: Buffer, timeoutMs: number): Promise<ExchangeResult> {
    const channel = this.#take();
    if (channel === undefined) return Promise.resolve(fail('too many questions are waiting'));
    channel.uses += 1;
    this.#busy.add(channel);
    const { message, reply } = channel.waiting.add(query, timeoutMs, () => this.#release(channel));
    if (channel.unsent === undefined) send(channel.socket, message);
    else channel.unsent.push(message);
    return reply;
  }

  close(): void {
    this.#isClosed = true;
    for (const channel of this.#idle) channel.socket.close();
    this.#idle = [];
    this.#cancelSweep?.();
  }

  #take(): Channel | undefined {
    this.#dropOld();
    const { random, counts } = this.#tools;
    const at = Math.floor(random() * this.#idle.length);
    const [idle] = this.#idle.splice(at, 1);
    if (idle === undefined && this.#busy.size >= MAX_SOCKETS) {
      const shared = [...this.#busy].find(({ waiting, isSpent }) => !isSpent && waiting.size < MAX_WAITING);
      if (shared) {
        // The others first, next time.
        this.#busy.delete(shared);
        counts.countSocket('udp', true);
      }
      return shared;
    }
    counts.countSocket('udp', idle !== undefined);
    return idle ?? this.#open();
  }

  #open(): Channel {
    const { address, port, sourceAddress } = this.#options;
    const isV6 = isIPv6(address);
    const socket = createSocket({
      type: isV6 ? 'udp6' : 'udp4',
      lookup: (host, _options, callback) => callback(null, host, isV6 ? 6 : 4),
    });
    const channel: Channel = {
      socket,
      waiting: new Waiting(this.#tools, () => this.#giveUp(channel)),
      openedAt: this.#tools.now(),
      uses: 0,
      idleSince: 0,
      isSpent: false,
      unsent: [],
    };
    socket.on('message', (message) => channel.waiting.take(message));
    socket.on('error', (error) => {
      channel.isSpent = true;
      channel.waiting.failAll(`${this.#describe(channel)}: ${reasonOf(error)}`);
    });
    const connect = () =>
      socket.connect(port, address, (error?: Error) => {
        if (error) {
          socket.emit('error', error);
          return;
        }
        const { unsent = [] } = channel;
        channel.unsent = undefined;
        for (const message of unsent) send(socket, message);
      });
    if (sourceAddress === undefined) connect();
    else socket.bind({ address: sourceAddress, port: 0, exclusive: true }, connect);
    return channel;
  }

  /** A late reply must not find an open port, nor one who guesses on. */
  #giveUp(channel: Channel): string {
    channel.isSpent = true;
    return `${this.#describe(channel)}: i/o timeout`;
  }

  #describe({ socket, unsent }: Channel): string {
    if (unsent !== undefined) return `dial udp ${this.#remote}`;
    const { address, port } = socket.address();
    return `read udp ${hostPort(address, port)}->${this.#remote}`;
  }

  #release(channel: Channel): void {
    if (channel.waiting.size > 0) return;
    this.#busy.delete(channel);
    const { maxIdle } = this.#options;
    const isFull = maxIdle > 0 && this.#idle.length >= maxIdle;
    if (this.#isClosed || channel.isSpent || isFull || channel.uses >= MAX_USES || this.#isTooOld(channel)) {
      channel.isSpent = true;
      // Not in the middle of the socket's own event.
      process.nextTick(() => channel.socket.close());
      return;
    }
    channel.idleSince = this.#tools.now();
    this.#idle.push(channel);
    this.#cancelSweep ??= this.#tools.timer(() => this.#sweep(), this.#options.expireMs);
  }

  #isTooOld({ openedAt }: Channel): boolean {
    const { maxAgeMs } = this.#options;
    return maxAgeMs !== undefined && (this.#tools.now() - openedAt) * 1000 > maxAgeMs;
  }

  #sweep(): void {
    this.#cancelSweep = undefined;
    this.#dropOld();
    if (this.#idle.length > 0) this.#cancelSweep = this.#tools.timer(() => this.#sweep(), this.#options.expireMs);
  }

  #dropOld(): void {
    if (this.#idle.length === 0) return;
    const before = this.#tools.now() - this.#options.expireMs / 1000;
    const isOld = (channel: Channel) => channel.idleSince <= before || channel.isSpent || this.#isTooOld(channel);
    if (!this.#idle.some(isOld)) return;
    for (const channel of this.#idle) if (isOld(channel)) channel.socket.close();
    this.#idle = this.#idle.filter((channel) => !isOld(channel));
  }
}

/**
 * What the system can't send is a question without a reply: its time runs out, or the socket's error comes first. No callback:
 * a connected socket then tells nobody of it, and each question is spared a turn of the queue.
 */
function send(socket: Socket, message: Buffer): void {
  socket.send(message, 0, message.length);
}
