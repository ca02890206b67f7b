/**
 * A primary for tests of `secondary`: it serves one zone by UDP and TCP, whole or by differences, sends NOTIFY, and can be
 * told to answer anything else.
 */
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { MAX_MESSAGE, MessageEncoder } from '../../src/dns/encode.ts';
import { FrameReader, frameMessages } from '../../src/dns/framing.ts';
import { readMasterFile } from '../../src/dns/master-file.ts';
import { Opcode, type Query, readQuery } from '../../src/dns/query.ts';
import { Rcode, type ResourceRecord, RRClass, RRType, type SoaRdata } from '../../src/dns/rrset.ts';
import { ReplySigner, type TsigKeys, verifyRequest } from '../../src/dns/tsig.ts';
import { signRequest } from '../../src/dns/tsig-client.ts';
import type { TsigKey } from '../../src/dns/tsig-key.ts';
import { readMessage } from '../../src/dns/wire.ts';
import { recordText } from '../../src/dns/zonefile.ts';
import { freePorts } from './free-ports.ts';
import { name } from './records.ts';

/** What a primary is asked. */
export interface Asked {
  readonly type: number;
  readonly transport: 'udp' | 'tcp';
  /** Of an IXFR request. */
  readonly serial?: number;
  readonly key?: string;
}

/** What it may do in place of an answer. */
export interface Exchange {
  readonly query: Query;
  readonly asked: Asked;
  /** One message with these records in its answer section, signed where the request was. */
  message(records: readonly ResourceRecord[], parts?: { readonly rcode?: Rcode; readonly id?: number }): Buffer;
  /** Sends octets over TCP as they are. */
  send(octets: Uint8Array): void;
  /** Sends whole messages over TCP. */
  sendMessages(...messages: readonly Uint8Array[]): void;
  hangUp(): void;
  readonly isOpen: boolean;
}

export interface PrimaryOptions {
  readonly address?: string;
  readonly port?: number;
  readonly key?: TsigKey;
  /** Transfers are over TLS; then there is no UDP. */
  readonly tls?: TlsOptions;
  /** Records in one message. */
  readonly perMessage?: number;
}

interface Version {
  readonly soa: ResourceRecord & { readonly rdata: SoaRdata };
  readonly records: readonly ResourceRecord[];
}

export class TestPrimary {
  readonly asked: Asked[] = [];
  readonly versions: Version[] = [];
  port = 0;
  /** Answers in its place; false: it did not. */
  trick: ((exchange: Exchange) => boolean | Promise<boolean>) | undefined;
  /** Has it no differences? */
  isFullOnly = false;
  readonly address: string;
  readonly #options: PrimaryOptions;
  readonly #encoder = new MessageEncoder();
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #datagrams: Datagrams | undefined;

  private constructor(options: PrimaryOptions) {
    this.#options = options;
    this.address = options.address ?? '127.0.0.1';
  }

  /** @param text all records of the first version, its SOA record too */
  static async open(text: string, options: PrimaryOptions = {}): Promise<TestPrimary> {
    const primary = new TestPrimary(options);
    const [port = 0] = options.port === undefined ? await freePorts(1) : [options.port];
    primary.port = port;
    primary.publish(text);
    await primary.start();
    return primary;
  }

  get apex(): string {
    return this.#now.soa.owner;
  }

  get serial(): number {
    return this.#now.soa.rdata.serial;
  }

  /** The zone as a client would have it: all records but the SOA, sorted. */
  get lines(): string[] {
    return this.#now.records.map(recordText).sort();
  }

  /** From now on the zone is this. */
  publish(text: string): void {
    const records = [...readMasterFile(text, { origin: name('.') })].map((read) => {
      if ('problem' in read) throw new SyntaxError(`line ${read.line}: ${read.problem}`);
      return read;
    });
    const soa = records.find((record) => record.rdata.type === 'SOA');
    if (soa?.rdata.type !== 'SOA') throw new SyntaxError('a version needs a SOA record');
    this.versions.push({ soa: { ...soa, rdata: soa.rdata }, records: records.filter((record) => record !== soa) });
  }

  async start(): Promise<void> {
    const { tls } = this.#options;
    const take = (socket: Socket) => this.#serve(socket);
    const server = tls === undefined ? createServer(take) : createTlsServer({ ALPNProtocols: ['dot'], ...tls }, take);
    this.#server = server;
    server.listen(this.port, this.address);
    await once(server, 'listening');
    if (tls !== undefined) return;
    const datagrams = createSocket(this.address.includes(':') ? 'udp6' : 'udp4');
    this.#datagrams = datagrams;
    datagrams.on('message', (packet, from) => {
      const reply = (message: Uint8Array) => datagrams.send(message, from.port, from.address);
      void this.#answer(packet, 'udp', { write: (octets) => reply(octets), close: () => {}, isOpen: () => true });
    });
    datagrams.bind(this.port, this.address);
    await once(datagrams, 'listening');
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const server = this.#server;
    const datagrams = this.#datagrams;
    this.#server = undefined;
    this.#datagrams = undefined;
    if (server?.listening) await new Promise((resolve) => server.close(resolve));
    if (datagrams !== undefined) await new Promise<void>((resolve) => datagrams.close(resolve));
  }

  /** How often it was asked for that type. */
  count(type: number, transport?: 'udp' | 'tcp'): number {
    return this.asked.filter((one) => one.type === type && (transport ?? one.transport) === one.transport).length;
  }

  /**
   * Tells a server of the zone.
   * @param from the address to send it from
   * @returns the rcode; undefined: no answer in time
   */
  async notify(
    port: number,
    { from = this.address, key = this.#options.key, zone = this.apex, timeoutMs = 5000 } = {},
  ): Promise<number | undefined> {
    this.#encoder.begin(77, Opcode.NOTIFY << 11, Rcode.NOERROR, questionOf(zone, RRType.SOA), MAX_MESSAGE);
    const plain = Buffer.from(this.#encoder.finish().message);
    const message = key === undefined ? plain : signRequest(plain, key, Date.now() / 1000).message;
    const socket = createSocket('udp4');
    try {
      socket.bind(0, from);
      await once(socket, 'listening');
      socket.send(message, port, '127.0.0.1');
      const [reply] = (await once(socket, 'message', { signal: AbortSignal.timeout(timeoutMs) })) as [Buffer];
      return readMessage(reply)?.rcode;
    } catch {
      return undefined;
    } finally {
      socket.close();
    }
  }

  get #now(): Version {
    return this.versions.at(-1) as Version;
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    const frames = new FrameReader();
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      frames.push(chunk);
      for (let packet = frames.next(); packet !== undefined; packet = frames.next()) {
        void this.#answer(packet, 'tcp', {
          write: (octets) => void socket.write(octets),
          close: () => socket.destroy(),
          isOpen: () => !socket.destroyed,
        });
      }
    });
  }

  async #answer(
    packet: Buffer,
    transport: 'udp' | 'tcp',
    to: { write(octets: Uint8Array): void; close(): void; isOpen(): boolean },
  ): Promise<void> {
    const query = readQuery(packet);
    if ('reject' in query) return;
    const [client] = query.authority;
    const key = query.tsigOffset === undefined ? undefined : this.#options.key;
    const asked: Asked = {
      type: query.question.type,
      transport,
      ...(client?.rdata.type === 'SOA' && { serial: client.rdata.serial }),
      ...(query.tsigOffset !== undefined && { key: 'signed' }),
    };
    this.asked.push(asked);
    const keys: TsigKeys = new Map(key === undefined ? [] : [[key.name, key]]);
    const now = () => Date.now() / 1000;
    const verified =
      query.tsigOffset === undefined
        ? undefined
        : verifyRequest(packet, query.tsigOffset, { keys, isAllowed: () => true, now: now() });
    const signer = verified?.kind === 'good' ? new ReplySigner(verified.signature, now) : undefined;
    const exchange: Exchange = {
      query,
      asked,
      message: (records, { rcode = Rcode.NOERROR, id = query.id } = {}) => {
        const content = { rcode, isAuthoritative: true, answer: records, authority: [], additional: [] };
        const { message } = this.#encoder.encodeReply({ ...query, id }, content, MAX_MESSAGE);
        return signer?.apply(Buffer.from(message)) ?? Buffer.from(message);
      },
      send: (octets) => to.write(octets),
      sendMessages: (...messages) => {
        if (transport === 'tcp') to.write(frameMessages(messages));
        else for (const message of messages) to.write(message);
      },
      hangUp: () => to.close(),
      get isOpen() {
        return to.isOpen();
      },
    };
    if (await this.trick?.(exchange)) return;
    if (this.#options.key !== undefined && signer === undefined) {
      exchange.sendMessages(exchange.message([], { rcode: verified === undefined ? Rcode.REFUSED : Rcode.NOTAUTH }));
      return;
    }
    for (const records of this.#honest(asked)) exchange.sendMessages(exchange.message(records));
  }

  /** The messages of an honest answer. */
  *#honest({ type, serial }: Asked): Generator<readonly ResourceRecord[]> {
    const { soa, records } = this.#now;
    if (type === RRType.SOA) {
      yield [soa];
      return;
    }
    const from = this.versions.findIndex((version) => version.soa.rdata.serial === serial);
    const all =
      type === RRType.IXFR && from >= 0 && !this.isFullOnly ? this.#differences(from) : [soa, ...records, soa];
    const { perMessage = 100 } = this.#options;
    for (let at = 0; at < all.length; at += perMessage) yield all.slice(at, at + perMessage);
  }

  #differences(from: number): ResourceRecord[] {
    const { soa } = this.#now;
    if (from === this.versions.length - 1) return [soa];
    const steps = this.versions.slice(from, -1).flatMap((before, i) => {
      const after = this.versions[from + i + 1] as Version;
      const without = (a: Version, b: Version) => {
        const lines = new Set(b.records.map(recordText));
        return a.records.filter((record) => !lines.has(recordText(record)));
      };
      return [before.soa, ...without(before, after), after.soa, ...without(after, before)];
    });
    return [soa, ...steps, soa];
  }
}

function questionOf(zone: string, type: number) {
  const owner = name(zone);
  return { name: owner, spelling: owner, type, class: RRClass.IN };
}
