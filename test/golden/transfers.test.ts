/** Each line of transfers.txt: a packet to the plugins tsig and transfer, what they send, log and count. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { createTransferSide } from '../../src/compose/transfers.ts';
import { readExtendedError } from '../../src/dns/encode.ts';
import type { DomainName } from '../../src/dns/name.ts';
import { RRType, recordsOf } from '../../src/dns/rrset.ts';
import { toSerial } from '../../src/dns/serial.ts';
import { signRequest } from '../../src/dns/tsig-client.ts';
import type { TsigKey } from '../../src/dns/tsig-key.ts';
import { readTsig } from '../../src/dns/tsig-record.ts';
import { rcodeText } from '../../src/dns/type-text.ts';
import { type Message, readMessage } from '../../src/dns/wire.ts';
import type { ClusterId } from '../../src/ingest/event.ts';
import { createLogger } from '../../src/logger.ts';
import { zoneRRsets } from '../../src/projection/zone.ts';
import type { Handler, Request } from '../../src/serve/chain.ts';
import type { Entry } from '../../src/serve/entry.ts';
import { createTsig } from '../../src/serve/plugins/tsig.ts';
import { recordKey } from '../../src/transfer/changesets.ts';
import type { ChangesetSource } from '../../src/transfer/plan.ts';
import { changesetSource } from '../kit/changeset-source.ts';
import {
  EAST,
  name,
  namespace,
  planApplied,
  remove,
  service,
  stanza,
  synced,
  WEST,
  zoneDefinition,
} from '../kit/cluster-events.ts';
import { optionsOf } from '../kit/corefile.ts';
import { given } from '../kit/given.ts';
import { toolsOf } from '../kit/handlers.ts';
import { soa } from '../kit/records.ts';
import { entryOf, loopbackBlock, nameOf, question } from '../kit/serving.ts';

const NORTH = 'north' as ClusterId;
const NOW = 1_800_000_000;
const ZONES = ['cluster', 'steps', 'tls', 'few', 'key', 'huge'].map((label) => `${label}.local.`);
const SMALL = 'small.local.';
const FILE = 'file.local.';

const services = (count: number) =>
  Array.from({ length: count }, (_, i) => service(EAST, `shop/s${i}`, [`10.96.0.${i}`]));
/** Four versions of each zone, a record or two apart; the small one loses nearly all of its records in between. */
const history = given(
  [
    planApplied(
      ...ZONES.map((apex) => zoneDefinition(apex, [stanza(EAST)])),
      zoneDefinition(SMALL, [stanza(NORTH)]),
      zoneDefinition('unsynced.local.', [stanza(WEST)]),
    ),
    namespace(EAST, 'shop'),
    namespace(NORTH, 'few'),
    ...smallZone(12),
    ...synced(NORTH),
    ...services(20),
    ...synced(EAST),
  ],
  [service(EAST, 'shop/s0', ['10.96.9.0']), ...smallZone(1, 1)],
  [service(EAST, 'shop/s1', ['10.96.9.1']), ...smallZone(1, 2)],
  [service(EAST, 'shop/s0', ['10.96.9.3']), ...goneZone(12)],
);

function smallZone(count: number, generation = 0) {
  return Array.from({ length: count }, (_, i) => service(NORTH, `few/s${i}`, [`10.97.${generation}.${i}`]));
}

function goneZone(count: number) {
  return Array.from({ length: count }, (_, i) => remove(NORTH, 'Service', `few/s${i}`));
}

const KEYS: TsigKey[] = ['good.', 'other.'].map((text) => ({
  name: nameOf(text),
  secret: new Uint8Array(Buffer.from(`secret of ${text}`)),
  algorithm: undefined,
}));

/** Claims of one zone that its changes are more than may be held. */
const journal: ChangesetSource = {
  chain(zone, from, to) {
    const changes = history.changesets(zone);
    const chain = changesetSource(changes).chain(zone, from, to);
    return chain && zone === 'huge.local.' ? { ...chain, records: 3000, octets: 2 ** 30 } : chain;
  },
};

const soas = (apex: string) => {
  const changes = history.changesets(apex);
  const serials = changes.flatMap(({ soaFrom, soaTo }) => [soaFrom.rdata.serial, soaTo.rdata.serial]);
  return [...new Set(serials)].slice(-4);
};

const fileSoa = soa(FILE, 4);
const fileHandler: Handler = {
  name: 'file',
  isPure: true,
  handle: (request, next) => next(request),
  offeredZone: (apex) =>
    apex === FILE
      ? { apex, soa: fileSoa, records: () => ['a', 'b'].map((label) => addressOf(`${label}.${FILE}`)) }
      : undefined,
};

function addressOf(owner: string) {
  return { owner: name(owner), type: RRType.A, ttl: 5, rdata: { type: 'A', address: '192.0.2.1' } } as const;
}

function bench(via: string) {
  const lines: string[] = [];
  const logger = createLogger((line) => lines.push(line.trimEnd()));
  const options = optionsOf(`
    transfer cluster.local huge.local small.local unsynced.local file.local {
        to *
    }
    transfer steps.local {
        to *
        ixfr steps
    }
    transfer tls.local {
        to *
        tls required
    }
    transfer few.local {
        to 192.0.2.99
    }
    transfer key.local {
        to * key good
    }`);
  const apexes = [...ZONES, SMALL, 'unsynced.local.'];
  const block = loopbackBlock(['tsig', 'transfer', 'file'], { options });
  const side = createTransferSide({
    journal: () => journal,
    zoneOf: (id) => history.zone(id),
    zonesOf: () => ({ kubernetes: [apexes.map((id) => ({ id, apex: name(id) }))], multicluster: [] }),
    addressesOf: () => [],
    nameOf: () => '',
    onTransferred: () => {},
    expiresIn: () => undefined,
    logger: logger.forPlugin('transfer'),
    now: () => 0,
  });
  const tools = toolsOf({ siblings: () => [fileHandler] }).tools;
  const tsig = createTsig({
    zones: [nameOf('.')],
    keys: new Map(KEYS.map((key) => [key.name, key])),
    allowed: [],
    require: 'none',
    requireOpcode: 'none',
    clock: () => NOW,
    now: () => 0,
    logger: logger.forPlugin('tsig'),
  });
  const transfer = side.factory(block, tools) ?? assert.fail();
  /** What the handshake told, which an entry without sockets has not. */
  const handshake: Handler = {
    name: 'handshake',
    isPure: true,
    handle: (request, next) => next(withTls(request, via)),
  };
  const transport = via.startsWith('tls') ? 'tls' : (via as 'udp' | 'tcp' | 'https');
  const { entry, tally, lines: entryLines } = entryOf({ '.': [handshake, tsig, transfer, fileHandler] }, { transport });
  const outcomes = () =>
    side
      .snapshot()
      .filter((family) => family.name === 'zonelog_transfer_requests_total')
      .flatMap(({ samples }) => samples.map(({ labels }) => labels[1]));
  return { entry, tally, lines, entryLines, outcomes };
}

function withTls(request: Request, via: string): Request {
  if (!via.startsWith('tls')) return request;
  const tls = { version: via === 'tls12' ? 'TLSv1.2' : 'TLSv1.3', ...(via !== 'tlsplain' && { protocol: 'dot' }) };
  return { ...request, remote: { ...request.remote, tls } };
}

/** The packet, as a client makes it. */
function packetOf(asked: string, key: string | undefined): Buffer {
  const [zone = '', type = '', ...more] = asked.split(' ');
  const isOther = more.includes('CH');
  let packet = question(zone, type, { edns: {}, ...(isOther && { class: 'CH' }) });
  // The OPT record goes last: what is put in goes before it.
  const opt = packet.subarray(-11);
  const head = Buffer.from(packet.subarray(0, -11));
  const section: Buffer[] = [];
  if (more.includes('twice')) {
    head.writeUInt16BE(2, 4);
    section.push(head.subarray(12));
  }
  for (const word of more) {
    if (/^[A-Z]+$|twice/.test(word)) continue;
    const owner = word === 'other' ? 'other.local.' : `${zone}.`;
    section.push(soaOctets(owner, serialOf(`${zone}.`, word)));
    head.writeUInt16BE(head.readUInt16BE(8) + 1, 8);
  }
  packet = Buffer.concat([head, ...section, opt]);
  if (key === undefined) return packet;
  const [good, other] = KEYS as [TsigKey, TsigKey];
  if (key === 'BADTRUNC') return truncated(signRequest(packet, good, NOW).message);
  if (key === 'BADTIME') return signRequest(packet, good, NOW - 3600).message;
  if (key === 'BADSIG') return signRequest(packet, { ...good, secret: new Uint8Array(5) }, NOW).message;
  if (key === 'BADKEY') return signRequest(packet, { ...good, name: nameOf('nobody.') }, NOW).message;
  return signRequest(packet, key === 'good' ? good : other, NOW).message;
}

function serialOf(apex: string, word: string): number {
  const known = apex === FILE ? [1, 2, 3, 4] : soas(apex);
  const newest = known.at(-1) ?? 4;
  if (word === '0') return toSerial(newest - 1000);
  if (word === '9') return toSerial(newest + 5);
  if (word === 'half') return toSerial(newest + 2 ** 31);
  return known[Number(word) - 1] ?? newest;
}

function soaOctets(owner: string, serial: number): Buffer {
  const labels = owner.split('.').filter((label) => label !== '');
  const octets = labels.flatMap((label) => [label.length, ...Buffer.from(label)]);
  const rest = Buffer.alloc(1 + 10 + 22);
  rest.writeUInt16BE(6, 1);
  rest.writeUInt16BE(1, 3);
  rest.writeUInt16BE(22, 9);
  rest.writeUInt32BE(serial, 13);
  return Buffer.concat([Buffer.from(octets), rest]);
}

/** The first half of the MAC, which is a legal length but less than is wanted. */
function truncated(signed: Buffer): Buffer {
  const at = readMessage(signed)?.tsigOffset ?? assert.fail();
  const { mac } = readTsig(signed, at) ?? assert.fail();
  const found = signed.indexOf(Buffer.from(mac), at);
  const cut = Buffer.concat([signed.subarray(0, found + 16), signed.subarray(found + 32)]);
  cut.writeUInt16BE(16, found - 2);
  // The length of the record's data: after the name, type, class and TTL.
  let length = at;
  while (cut[length] !== 0) length += 1 + (cut[length] as number);
  cut.writeUInt16BE(cut.readUInt16BE(length + 9) - 16, length + 9);
  return cut;
}

interface Sent {
  readonly messages: readonly Message[];
  readonly octets: readonly Buffer[];
}

function send(entry: Entry, packet: Buffer, address: string): Sent {
  const outgoing = entry.answer(packet, { address, port: 4000 });
  assert.ok(outgoing !== undefined && !(outgoing instanceof Promise), 'an answer at once');
  const octets: Buffer[] = [];
  if (Buffer.isBuffer(outgoing)) octets.push(Buffer.from(outgoing));
  else {
    for (let next = outgoing.messages.next(); !next.done; next = outgoing.messages.next())
      octets.push(Buffer.from(next.value));
    outgoing.onEnd?.('sent');
  }
  return { octets, messages: octets.map((message) => readMessage(message) ?? assert.fail('a malformed reply')) };
}

/** `whole`, `soa`, `steps N` or `none`, where all of it is right. */
function contentOf({ messages }: Sent, apex: DomainName): string {
  const records = messages.flatMap(({ answer }) => answer);
  const [first] = records;
  if (first === undefined) return 'none';
  const newest = apex === FILE ? fileSoa.rdata.serial : soas(apex).at(-1);
  const isSoa = (at: number) => records.at(at)?.rdata.type === 'SOA';
  assert.ok(first.rdata.type === 'SOA' && first.rdata.serial === newest && isSoa(-1), 'our SOA is first and last');
  if (records.length === 1) return 'soa';
  if (isSoa(1)) return `steps ${(records.filter(({ rdata }) => rdata.type === 'SOA').length - 2) / 2}`;
  const keys = records.slice(1, -1).map(recordKey).sort();
  const wanted = apex === FILE ? ['a', 'b'].map((label) => addressOf(`${label}.${FILE}`)) : recordsIn(apex);
  assert.deepEqual(keys, wanted.map(recordKey).sort());
  return 'whole';
}

function recordsIn(apex: string) {
  return [...zoneRRsets(history.zone(apex))].flatMap((set) => recordsOf(set));
}

const TSIG_ERRORS: Readonly<Record<string, number>> = { BADSIG: 16, BADKEY: 17, BADTIME: 18, BADTRUNC: 22 };

const rows = readFileSync(path.join(import.meta.dirname, 'transfers.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split('|').map((cell) => cell.trim()));

describe('packets that ask for zones', () => {
  const seen = new Set<string>();

  for (const [what = '', from = '', asked = '', status = '', content = '', counted = ''] of rows) {
    test(`${what}: ${asked}`, () => {
      const [via = '', address = '', key] = from.split(' ');
      const { entry, tally, lines, entryLines, outcomes } = bench(via);
      const sent = send(entry, packetOf(asked, key), address);
      const [reply] = sent.messages;
      assert.ok(reply !== undefined);
      const [rcode, ede] = status.split(', ');
      assert.equal(rcodeText(reply.rcode), rcode);
      const option = reply.edns?.options.find(({ code }) => code === 15);
      assert.equal(option && readExtendedError(option)?.code, ede === undefined ? undefined : Number(ede));
      const apex = nameOf(asked.split(' ')[0] ?? '');
      assert.equal(contentOf(sent, apex), content);
      assert.deepEqual(outcomes(), counted === '-' ? [] : [counted]);
      if (counted !== 'udp') {
        const written = [...lines, ...entryLines];
        const line = written.find((text) => text.includes(`"${apex}"`) && text.includes(address));
        assert.ok(line !== undefined, `client and zone are in the log: ${written}`);
        const needsWhy = rcode === 'REFUSED' && ede === '18';
        assert.equal(/unsigned|signed with the key/.test(line), needsWhy, `who it was that is not permitted: ${line}`);
      }
      const error = key === undefined ? undefined : TSIG_ERRORS[key];
      if (error !== undefined) {
        const [octets] = sent.octets;
        const tsig = reply.tsigOffset === undefined ? undefined : readTsig(octets as Buffer, reply.tsigOffset);
        assert.equal(tsig?.error, error);
        assert.ok(
          lines.some((text) => text.includes(key as string)),
          'the error is in the log',
        );
        // Only where the key is known and the MAC is its own can the error itself be signed (RFC 8945 §5.2.3, §5.2.4).
        assert.equal((tsig?.mac.length ?? 0) > 0, error === TSIG_ERRORS.BADTIME || error === TSIG_ERRORS.BADTRUNC);
      } else if (key !== undefined) assert.notEqual(reply.tsigOffset, undefined, 'who signs gets a signed answer');
      assert.equal(
        tally.snapshot().find(({ name: family }) => family === 'coredns_panics_total')?.samples[0]?.value ?? 0,
        0,
      );
      seen.add(`${content} ${counted}`);
    });
  }

  after(() =>
    assert.deepEqual([...seen].sort(), [
      'none -',
      'none refused',
      'soa current',
      'soa udp',
      'steps 1 incremental',
      'steps 3 incremental',
      'whole full',
    ]),
  );
});
