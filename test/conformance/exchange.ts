/** Questions over real sockets, and what came back in the words of the case files. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { decode } from 'dns-packet';
import type { Observed, Query, TransferQuery } from './case.ts';
import { describe, encodeQuery } from './message.ts';

/** Where the server's ports are: `{{port:NAME}}`, `dns` for that of `-dns.port`. */
export type PortOf = (name: string) => number;

/** Long enough for a machine that does much else: questions that must get no answer say themselves how long is waited. */
const QUERY_TIMEOUT = 20_000;
const PIPELINE_TIMEOUT = 20_000;
const TRANSFER_TIMEOUT = 20_000;
/** Between two messages of one transfer. */
const NEXT_MESSAGE_TIMEOUT = 10_000;
const HTTP_TIMEOUT = 20_000;

/** Nothing, or not all, came back. */
class NoAnswer extends Error {
  readonly why: 'timeout' | 'closed';

  constructor(why: 'timeout' | 'closed') {
    super(why);
    this.why = why;
  }
}

/** Asks one question. */
export async function ask(query: Query, portOf: PortOf): Promise<Observed> {
  try {
    return observe(await exchange(query, portOf), query);
  } catch (error) {
    if (error instanceof NoAnswer) return { no_answer: error.why };
    throw error;
  }
}

/** Asks all questions at once over one TCP connection; the answers in the order of the questions. */
export async function askPipeline(queries: readonly Query[], portOf: PortOf): Promise<Observed[]> {
  const ids = queries.map((_, at) => at + 1);
  const got = new Map<number, Buffer>();
  const [first] = queries;
  if (first === undefined) return [];
  const stream = new MessageStream(first, portOf);
  try {
    await stream.open(PIPELINE_TIMEOUT);
    stream.send(...queries.map((query, at) => encodeQuery(query, ids[at] as number)));
    while (got.size < queries.length) {
      const message = await stream.next(PIPELINE_TIMEOUT);
      got.set(message.readUInt16BE(0), message);
    }
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
  } finally {
    stream.close();
  }
  return queries.map((query, at) => {
    const message = got.get(ids[at] as number);
    return message === undefined ? { no_answer: 'missing' } : observe(message, query);
  });
}

/** AXFR, or IXFR where a serial is given, over TCP; the records sorted. */
export async function transfer(wanted: TransferQuery, portOf: PortOf): Promise<Observed> {
  const query: Query = {
    name: wanted.zone,
    type: wanted.serial === undefined ? 'AXFR' : 'IXFR',
    flags: [],
    proto: 'tcp',
    ...(wanted.from !== undefined && { from: wanted.from }),
  };
  const serial = wanted.serial === 'current' ? await currentSerial(query, portOf) : wanted.serial;
  const records: string[] = [];
  let first: Observed | undefined;
  const stream = new MessageStream(query, portOf);
  try {
    await stream.open(TRANSFER_TIMEOUT);
    stream.send(encodeQuery(query, 1, serial));
    for (;;) {
      const got = observe(await stream.next(first === undefined ? TRANSFER_TIMEOUT : NEXT_MESSAGE_TIMEOUT), query);
      if (got.error !== undefined) return got;
      first = { ...(first ?? got), ...(got.rcode !== undefined && { rcode: got.rcode }) };
      records.push(...(got.answer ?? []));
      const soas = records.filter((record) => record.includes(' IN SOA ')).length;
      const isNoop = serial !== undefined && records.length === 1;
      if (got.rcode !== 'NOERROR' || records.length === 0 || soas > 1 || isNoop) break;
    }
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    if (first === undefined) return { no_answer: error.why };
  } finally {
    stream.close();
  }
  const [head = ''] = records;
  return {
    ...(first?.rcode !== undefined && { rcode: first.rcode }),
    aa: first?.aa ?? null,
    records: records.toSorted(),
    soa_first_last: records.length > 1 && head === records.at(-1) && head.includes(' IN SOA '),
  };
}

async function currentSerial(query: Query, portOf: PortOf): Promise<number> {
  const { proto: _, ...plain } = query;
  const message = await exchange({ ...plain, type: 'SOA' }, portOf);
  const soa = decode(message).answers?.find((record) => record.type === 'SOA');
  return soa?.type === 'SOA' ? (soa.data.serial ?? 1) : 1;
}

/** GET on 127.0.0.1. */
export async function getHttp(port: number, path: string): Promise<Observed> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(HTTP_TIMEOUT) });
    const text = await response.text();
    return { status: response.status, body: text.slice(0, 300).trim() };
  } catch (error) {
    if (error instanceof Error && (error.name === 'TypeError' || error.name === 'TimeoutError')) {
      return { no_answer: 'closed' };
    }
    throw error;
  }
}

async function exchange(query: Query, portOf: PortOf): Promise<Buffer> {
  const id = 1 + Math.floor(Math.random() * 65535);
  const message = encodeQuery(query, id);
  const timeout = query.timeout_ms ?? QUERY_TIMEOUT;
  if (query.proto !== 'tcp') return exchangeUdp(query, message, id, timeout, portOf(query.port ?? 'dns'));
  const stream = new MessageStream(query, portOf);
  try {
    await stream.open(timeout);
    stream.send(message);
    return await stream.next(timeout);
  } finally {
    stream.close();
  }
}

async function exchangeUdp(query: Query, message: Buffer, id: number, timeout: number, port: number): Promise<Buffer> {
  const to = query.to ?? '127.0.0.1';
  const socket = createSocket(to.includes(':') ? 'udp6' : 'udp4');
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      const timer = setTimeout(() => reject(new NoAnswer('timeout')), timeout);
      socket.on('message', (reply) => {
        if (reply.length < 2 || reply.readUInt16BE(0) !== id) return;
        clearTimeout(timer);
        resolve(reply);
      });
      socket.on('error', () => {
        clearTimeout(timer);
        reject(new NoAnswer('closed'));
      });
      socket.bind(0, query.from, () => {
        socket.connect(port, to, () => socket.send(message));
      });
    });
  } finally {
    socket.close();
  }
}

/** One TCP connection of length-prefixed messages (RFC 1035 §4.2.2). */
class MessageStream {
  readonly #socket: Socket;
  readonly #messages: Buffer[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #isEnded = false;
  #wake: () => void = () => undefined;

  constructor(query: Query, portOf: PortOf) {
    this.#socket = createConnection({
      host: query.to ?? '127.0.0.1',
      port: portOf(query.port ?? 'dns'),
      noDelay: true,
      ...(query.from !== undefined && { localAddress: query.from }),
    });
    this.#socket.on('data', (data: Buffer) => this.#read(data));
    this.#socket.on('error', () => this.#end());
    this.#socket.on('close', () => this.#end());
  }

  async open(timeout: number): Promise<void> {
    try {
      await once(this.#socket, 'connect', { signal: AbortSignal.timeout(timeout) });
    } catch (error) {
      throw new NoAnswer(error instanceof Error && error.name === 'AbortError' ? 'timeout' : 'closed');
    }
  }

  send(...messages: readonly Buffer[]): void {
    const parts = messages.flatMap((message) => [Buffer.from([message.length >> 8, message.length & 255]), message]);
    this.#socket.write(Buffer.concat(parts));
  }

  async next(timeout: number): Promise<Buffer> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      if (this.#isEnded) throw new NoAnswer('closed');
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new NoAnswer('timeout')), timeout);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(data: Buffer): void {
    this.#rest = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    while (this.#rest.length >= 2 && this.#rest.length >= 2 + this.#rest.readUInt16BE(0)) {
      const end = 2 + this.#rest.readUInt16BE(0);
      this.#messages.push(this.#rest.subarray(2, end));
      this.#rest = this.#rest.subarray(end);
    }
    this.#wake();
  }

  #end(): void {
    this.#isEnded = true;
    this.#wake();
  }
}

const TWO_DAYS = 2 * 86400;

/** Reads an answer twice: with the reader here, and with dns-packet, which has to find as many records. */
function observe(message: Buffer, query: Query): Observed {
  try {
    const got = describe(message, query);
    const second = decode(message);
    const counts = [second.answers, second.authorities, second.additionals].map((records) => records?.length ?? 0);
    const ours = [got.answer, got.authority, got.additional].map((records) => records?.length ?? 0);
    if (got.edns !== undefined) ours[2] = (ours[2] ?? 0) + 1;
    if (counts.join() !== ours.join()) return { error: `dns-packet reads ${counts} records, not ${ours}` };
    return {
      ...got,
      answer: (got.answer ?? []).map(withoutChance),
      authority: (got.authority ?? []).map(withoutChance),
      additional: (got.additional ?? []).map(withoutChance),
    };
  } catch (error) {
    return { error: `unreadable answer: ${error}` };
  }
}

/** A SOA serial near the clock is written NOW; the client's port in an answer of `whoami`, PORT. */
function withoutChance(record: string): string {
  const fields = record.split(' ');
  if (fields[3] === 'SOA' && Math.abs(Number(fields[6]) - Date.now() / 1000) < TWO_DAYS) fields[6] = 'NOW';
  if (fields[3] === 'SRV' && /^_(?:udp|tcp)\./.test(record) && fields.slice(4, 6).join() === '0,0' && fields[7] === '.')
    fields[6] = 'PORT';
  return fields.join(' ');
}
