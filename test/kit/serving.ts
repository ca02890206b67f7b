/** Building blocks for tests of the serving shell: questions as octets, replies as data, a small zone of our own. */
import packet from 'dns-packet';
import { MessageEncoder } from '../../src/dns/encode.ts';
import { type DomainName, isSubdomain, parseName } from '../../src/dns/name.ts';
import { Rcode, type Rdata, RRType } from '../../src/dns/rrset.ts';
import { type Serial, toSerial } from '../../src/dns/serial.ts';
import { parseType } from '../../src/dns/type-text.ts';
import { createLogger, TEXT_STYLE } from '../../src/logger.ts';
import { AnswerCache, type AnswerCacheLimits } from '../../src/serve/answer-cache.ts';
import type { HandlerFactory, ServingBlock } from '../../src/serve/blocks.ts';
import { composeChain, type Handler } from '../../src/serve/chain.ts';
import { Entry, type RunningBlock } from '../../src/serve/entry.ts';
import { PLUGINS } from '../../src/serve/plugins.ts';
import { createRouter } from '../../src/serve/router.ts';
import { createServing, type Serving, type ServingOptions } from '../../src/serve/serving.ts';
import { createTally, type Proto, type Tally } from '../../src/serve/tally.ts';

export function nameOf(text: string): DomainName {
  const name = parseName(text);
  if (name === undefined) throw new Error(`no name: ${text}`);
  return name;
}

export interface QuestionOptions {
  readonly id?: number;
  readonly opcode?: number;
  readonly class?: packet.RecordClass;
  readonly edns?: {
    readonly udpSize?: number;
    readonly version?: number;
    readonly isDnssecOk?: boolean;
    readonly options?: readonly { readonly code: number; readonly data: Buffer }[];
  };
}

/** A question as a client sends it, RD set. The type may be any, `TYPE1234` too. */
export function question(name: string, type: string, options: QuestionOptions = {}): Buffer {
  const { id = 1, opcode = 0, edns } = options;
  const message = packet.encode({
    type: 'query',
    id,
    flags: packet.RECURSION_DESIRED | (opcode << 11),
    questions: [{ name, type: 'A', class: options.class ?? 'IN' }],
  });
  const number = parseType(type);
  if (number === undefined) throw new Error(`no type: ${type}`);
  message.writeUInt16BE(number, message.length - 4);
  if (!edns) return message;
  message.writeUInt16BE(1, 10);
  return Buffer.concat([message, optRecord(edns)]);
}

function optRecord({
  udpSize = 1232,
  version = 0,
  isDnssecOk = false,
  options = [],
}: QuestionOptions['edns'] & object): Buffer {
  const data = options.map((option) => {
    const head = Buffer.alloc(4);
    head.writeUInt16BE(option.code, 0);
    head.writeUInt16BE(option.data.length, 2);
    return Buffer.concat([head, option.data]);
  });
  const opt = Buffer.alloc(11);
  opt.writeUInt16BE(41, 1);
  opt.writeUInt16BE(udpSize, 3);
  opt[6] = version;
  opt.writeUInt16BE(isDnssecOk ? 0x8000 : 0, 7);
  opt.writeUInt16BE(Buffer.concat(data).length, 9);
  return Buffer.concat([opt, ...data]);
}

export interface Answered {
  readonly id: number;
  readonly rcode: number;
  readonly isAuthoritative: boolean;
  readonly isTruncated: boolean;
  /** `NAME TTL TYPE DATA`. */
  readonly answer: readonly string[];
  readonly authority: readonly string[];
  readonly additional: readonly string[];
  readonly opt: packet.OptAnswer | undefined;
  readonly message: packet.DecodedPacket;
}

/** Reads a reply with the oracle's decoder. */
export function decode(octets: Buffer): Answered {
  const message = packet.decode(octets);
  const text = (record: packet.Answer): string => {
    const { name, type } = record;
    if (type === 'OPT') return 'OPT';
    const ttl = 'ttl' in record ? record.ttl : '';
    const data = 'data' in record ? record.data : '';
    return `${name} ${ttl} ${type} ${typeof data === 'string' ? data : JSON.stringify(data)}`;
  };
  const additionals = message.additionals ?? [];
  const opt = additionals.find((record): record is packet.OptAnswer => record.type === 'OPT');
  return {
    id: octets.readUInt16BE(0),
    rcode: (octets[3] as number) & 15,
    isAuthoritative: message.flag_aa,
    isTruncated: message.flag_tc,
    answer: (message.answers ?? []).map(text),
    authority: (message.authorities ?? []).map(text),
    additional: additionals.filter((record) => record.type !== 'OPT').map(text),
    opt,
    message,
  };
}

/** A zone that changes under the server's feet, answered from by a plugin named `kubernetes`. */
export class ToyZone {
  readonly id = 'toy.test.';
  readonly apex: DomainName = nameOf('toy.test');
  serial: Serial = toSerial(1);
  readonly addresses = new Map<DomainName, readonly string[]>();
  /** How often it was asked. */
  asked = 0;

  set(label: string, ...addresses: readonly string[]): DomainName {
    const name = nameOf(`${label}.toy.test`);
    if (addresses.length > 0) this.addresses.set(name, addresses);
    else this.addresses.delete(name);
    this.serial = toSerial(this.serial + 1);
    return name;
  }

  handler(): Handler {
    return {
      name: 'kubernetes',
      isPure: true,
      handle: (request, next) => {
        const { name, type } = request.question;
        if (!isSubdomain(name, this.apex)) return next(request);
        this.asked += 1;
        const source = { zone: this.id, names: [name] };
        const found = this.addresses.get(name);
        const base = { kind: 'reply', isAuthoritative: true, additional: [], spelledZone: this.apex, source } as const;
        if (found && type === RRType.A) {
          const answer = found.map((address) => ({
            owner: name,
            type: RRType.A,
            ttl: 5,
            rdata: { type: 'A', address } satisfies Rdata,
          }));
          return { ...base, rcode: Rcode.NOERROR, answer, authority: [] };
        }
        const isThere = found !== undefined || this.#hasBelow(name);
        return {
          ...base,
          rcode: isThere ? Rcode.NOERROR : Rcode.NXDOMAIN,
          answer: [],
          authority: [{ owner: this.apex, type: RRType.SOA, ttl: 5, rdata: this.soa() }],
        };
      },
    };
  }

  soa(): Rdata {
    return {
      type: 'SOA',
      mname: nameOf('ns.dns.toy.test'),
      rname: nameOf('hostmaster.toy.test'),
      serial: this.serial,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: 5,
    };
  }

  #hasBelow(name: DomainName): boolean {
    if (name === this.apex) return true;
    for (const other of this.addresses.keys()) if (isSubdomain(other, name)) return true;
    return false;
  }
}

export interface EntryKit {
  readonly entry: Entry;
  readonly tally: Tally;
  readonly lines: string[];
}

/** An entry without sockets: one block for each zone, of these handlers. */
export function entryOf(
  blocks: Readonly<Record<string, readonly Handler[]>>,
  options: {
    readonly transport?: Proto;
    readonly limits?: AnswerCacheLimits;
    readonly cells?: Map<string, { serial: Serial | undefined }>;
    readonly allowsOtherClasses?: boolean;
    readonly now?: () => number;
    readonly chosen?: Readonly<Record<string, RunningBlock['isChosen'] & object>>;
  } = {},
): EntryKit {
  const cells = options.cells ?? new Map<string, { serial: Serial | undefined }>();
  const tally = createTally();
  const lines: string[] = [];
  const routes = Object.entries(blocks).map(([zone, handlers]) => {
    const isChosen = options.chosen?.[zone];
    const block: RunningBlock = {
      view: '',
      run: handlers.length > 0 ? composeChain(handlers) : undefined,
      observers: handlers.filter((handler) => handler.observe),
      isPure: handlers.every((handler) => handler.isPure),
      ...(isChosen ? { isChosen } : {}),
    };
    return { zone: nameOf(zone), block };
  });
  const entry = new Entry({
    server: 'dns://:53',
    transport: options.transport ?? 'udp',
    family: '1',
    local: { address: '127.0.0.1', port: 53 },
    router: createRouter(routes),
    allowsOtherClasses: options.allowsOtherClasses ?? false,
    cache: new AnswerCache(
      options.limits ?? { entries: 1000, octets: 1e7 },
      (zone) => {
        const cell = cells.get(zone) ?? { serial: undefined };
        cells.set(zone, cell);
        return cell;
      },
      options.now,
    ),
    encoder: new MessageEncoder(),
    tally,
    now: options.now ?? (() => 0),
    logger: createLogger((line) => lines.push(line)),
  });
  return { entry, tally, lines };
}

export const REMOTE = { address: '192.0.2.1', port: 4000 } as const;

/** The reply to a question that is answered at once. */
export function ask(entry: Entry, octets: Buffer): Answered {
  const outgoing = entry.answer(octets, REMOTE);
  if (!Buffer.isBuffer(outgoing)) throw new Error('no reply at once');
  return decode(Buffer.from(outgoing));
}

/** A server block on the loopback address and a free port. */
export function loopbackBlock(plugins: readonly string[], parts: Partial<ServingBlock> = {}): ServingBlock {
  const zone = nameOf('.');
  return {
    keys: [{ transport: 'dns', zone, port: 0 }],
    zones: [zone],
    addresses: ['127.0.0.1'],
    plugins,
    options: {},
    ...parts,
  };
}

export interface ServingKit {
  readonly serving: Serving;
  readonly lines: string[];
}

/** A serving side with the plugins that need nothing, and those handed in. */
export function servingOf(
  factories: Readonly<Record<string, HandlerFactory>>,
  options: Partial<ServingOptions> = {},
): ServingKit {
  const lines: string[] = [];
  const started = performance.now();
  const serving = createServing({
    factories: new Map([...PLUGINS, ...Object.entries(factories)]),
    logger: createLogger((line) => lines.push(line)),
    now: () => (performance.now() - started) / 1000,
    random: () => 0.5,
    hostName: 'host.test',
    version: 'zonelog-test',
    writeQuery: (entry) => lines.push(TEXT_STYLE.query(entry)),
    reusePort: false,
    ...options,
  });
  return { serving, lines };
}
