/** Packets that are no questions: each gets an error or silence, and the next good question its answer. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { parseType, rcodeText } from '../../src/dns/type-text.ts';
import { readMessage } from '../../src/dns/wire.ts';
import { CHURN_ZONE, Churn, seededRandom } from '../kit/churn.ts';
import { TestServer } from '../kit/server.ts';
import { TcpMessages } from '../kit/tcp-messages.ts';

const GOOD_NAME = 'plain-0.apps.svc.cluster.local.';
const MUTATIONS = 10_000;
const SEED = 4_711;
/** Kept below what the socket's buffer holds. */
const BURST = 50;
const SILENCE = 150;
/** For what must come. */
const PATIENCE = 20_000;
const MEMORY_ALLOWED = 96 * 1024 * 1024;

describe('packets that are no questions', () => {
  const churn = new Churn(3, 3);
  let server: TestServer;
  let good: string;

  const answersStill = async (tcp = false) => assert.equal(await server.dns.data(GOOD_NAME, 'A', { tcp }), good);

  before(async () => {
    const { url } = await churn.api.start();
    server = await TestServer.start({
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    errors
    kubernetes ${CHURN_ZONE} 10.96.0.0/16 {
        endpoint ${url}
        pods insecure
    }
    transfer {
        to *
    }
}
`,
    });
    await server.hasZone(CHURN_ZONE);
    good = await server.dns.data(GOOD_NAME, 'A');
    assert.match(good, /^10\.96\.\d+\.\d+$/);
  });
  after(async () => {
    await server?.close();
    await churn.api.stop();
  });

  const header = (counts: readonly [number, number, number, number], flags = 0x0100) => {
    const octets = Buffer.alloc(12);
    octets.writeUInt16BE(0xbeef, 0);
    octets.writeUInt16BE(flags, 2);
    for (const [i, count] of counts.entries()) octets.writeUInt16BE(count, 4 + 2 * i);
    return octets;
  };
  const wire = (name: string) =>
    Buffer.concat([
      ...name
        .split('.')
        .filter((label) => label !== '')
        .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
      Buffer.from([0]),
    ]);
  const typed = (type: string) => Buffer.from([0, parseType(type) ?? 0, 0, 1]);
  const question = (type = 'A') => Buffer.concat([header([1, 0, 0, 0]), wire(GOOD_NAME), typed(type)]);
  const longName = Buffer.concat([
    ...Array<Buffer>(5).fill(Buffer.concat([Buffer.from([63]), Buffer.alloc(63, 97)])),
    Buffer.from([0]),
  ]);

  /** Sent, and the rcodes that are right; 'silence' is when nothing comes. */
  const cases: readonly [string, Buffer, readonly string[]][] = [
    ['nothing at all', Buffer.alloc(0), ['silence']],
    ['one octet', Buffer.from([0xbe]), ['silence']],
    ['half a header', header([1, 0, 0, 0]).subarray(0, 7), ['silence']],
    ['a header without the question that it counts', header([1, 0, 0, 0]), ['FORMERR', 'silence']],
    ['no question', header([0, 0, 0, 0]), ['FORMERR']],
    ['65,535 of everything in 12 octets', header([65_535, 65_535, 65_535, 65_535]), ['FORMERR']],
    [
      '65,535 records after a good question',
      Buffer.concat([header([1, 0, 0, 65_535]), wire(GOOD_NAME), typed('A')]),
      ['FORMERR'],
    ],
    [
      'two questions',
      Buffer.concat([header([2, 0, 0, 0]), wire(GOOD_NAME), typed('A'), wire('a.'), typed('A')]),
      ['FORMERR'],
    ],
    [
      'a reply',
      Buffer.concat([header([1, 0, 0, 0], 0x8180), wire(GOOD_NAME), typed('A')]),
      ['silence', 'NOERROR', 'FORMERR'],
    ],
    ['a pointer to itself', Buffer.concat([header([1, 0, 0, 0]), Buffer.from([0xc0, 12]), typed('A')]), ['FORMERR']],
    [
      'two pointers to each other',
      Buffer.concat([header([1, 0, 0, 0]), Buffer.from([0xc0, 14, 0xc0, 12]), typed('A')]),
      ['FORMERR'],
    ],
    [
      'a pointer past the end',
      Buffer.concat([header([1, 0, 0, 0]), Buffer.from([0xff, 0xff]), typed('A')]),
      ['FORMERR'],
    ],
    [
      'a label of 64 octets',
      Buffer.concat([header([1, 0, 0, 0]), Buffer.from([64]), Buffer.alloc(64, 97), Buffer.from([0]), typed('A')]),
      ['FORMERR'],
    ],
    ['a label of type 0x80', Buffer.concat([header([1, 0, 0, 0]), Buffer.from([0x80, 1, 0]), typed('A')]), ['FORMERR']],
    ['a name of 320 octets', Buffer.concat([header([1, 0, 0, 0]), longName, typed('A')]), ['FORMERR']],
    ['a name without end', Buffer.concat([header([1, 0, 0, 0]), Buffer.from([3, 97, 97, 97])]), ['FORMERR', 'silence']],
    [
      'an OPT record cut short',
      Buffer.concat([header([1, 0, 0, 1]), wire(GOOD_NAME), typed('A'), Buffer.from([0, 0, 41, 16])]),
      ['FORMERR'],
    ],
    [
      'an OPT record that claims 65,535 octets',
      Buffer.concat([
        header([1, 0, 0, 1]),
        wire(GOOD_NAME),
        typed('A'),
        Buffer.from([0, 0, 41, 16, 0, 0, 0, 0, 0, 0xff, 0xff]),
      ]),
      ['FORMERR'],
    ],
    ['an unknown opcode', Buffer.concat([header([1, 0, 0, 0], 0x3000), wire(GOOD_NAME), typed('A')]), ['NOTIMP']],
    ['an update', Buffer.concat([header([1, 0, 0, 0], 0x2800), wire(GOOD_NAME), typed('SOA')]), ['NOTIMP']],
    ['class ANY', Buffer.concat([header([1, 0, 0, 0]), wire(GOOD_NAME), Buffer.from([0, 1, 0, 255])]), ['REFUSED']],
    ['octets after a good question', Buffer.concat([question(), Buffer.alloc(300, 0xff)]), ['FORMERR', 'NOERROR']],
    ['AXFR by UDP', question('AXFR'), ['REFUSED', 'FORMERR']],
  ];

  for (const [what, packet, right] of cases) {
    test(`${what}: ${right.join(' or ')}`, async () => {
      const reply = await server.dns.send(packet, right.includes('silence') ? SILENCE : PATIENCE);
      const message = reply && readMessage(reply);
      if (reply) assert.ok(message, 'the reply is well-formed');
      const outcome = message ? rcodeText(message.rcode) : 'silence';
      assert.ok(right.includes(outcome), `${outcome}, not ${right.join(' or ')}`);
      if (message) assert.ok(message.isResponse && message.id === 0xbeef);
      await answersStill();
    });
  }

  test('broken framing by TCP ends that connection and no other', async () => {
    const other = await TcpMessages.open(server.dns.port, PATIENCE);
    assert.ok(other);
    const pieces = [
      Buffer.from([0, 0]),
      Buffer.from([0, 5, 1, 2, 3, 4, 5]),
      Buffer.concat([Buffer.from([0xff, 0xff]), question()]),
      Buffer.concat([Buffer.from([0, 13]), header([65_535, 65_535, 65_535, 65_535]), Buffer.from([0])]),
      Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    ];
    const streams = [];
    for (const piece of pieces) {
      const stream = await TcpMessages.open(server.dns.port, PATIENCE);
      assert.ok(stream);
      stream.sendRaw(piece);
      streams.push(stream);
    }
    other.send(question());
    const reply = await other.next(PATIENCE);
    assert.equal(reply && readMessage(reply)?.answer.length, 1);
    await answersStill(true);
    for (const stream of [...streams, other]) stream.close();
  });

  test(`${MUTATIONS} random mutations: well-formed replies or silence, and bounded memory`, async () => {
    const random = seededRandom(SEED);
    const seeds = [question('A'), question('SRV'), question('AXFR'), question('SOA'), withOpt(question('A'))];
    const socket = createSocket('udp4');
    socket.connect(server.dns.port, '127.0.0.1');
    await once(socket, 'connect');
    const broken: string[] = [];
    let replies = 0;
    socket.on('message', (reply) => {
      replies += 1;
      if (!readMessage(reply)?.isResponse) broken.push(reply.toString('hex'));
    });
    try {
      const warm = Math.floor(MUTATIONS / 5);
      await sendMutations(warm, socket, seeds, random, answersStill);
      const before = server.memory();
      await sendMutations(MUTATIONS - warm, socket, seeds, random, answersStill);
      const grown = server.memory() - before;
      assert.ok(grown < MEMORY_ALLOWED, `${Math.round(grown / 2 ** 20)} MiB more`);
    } finally {
      socket.close();
    }
    assert.deepEqual(broken, []);
    assert.ok(replies > MUTATIONS / 10, `only ${replies} replies`);
    assert.equal(server.isRunning, true);
    assert.doesNotMatch(server.said(), /at .*\.(js|ts):\d+/, 'no stack in the log');
  });
});

/** In bursts, each followed by a question that must be answered: so the server is never behind by more than one. */
async function sendMutations(
  count: number,
  socket: Socket,
  seeds: readonly Buffer[],
  random: () => number,
  check: () => Promise<void>,
): Promise<void> {
  for (let sent = 0; sent < count; sent += BURST) {
    for (let i = 0; i < BURST; i++) {
      const seed = seeds[Math.floor(random() * seeds.length)] as Buffer;
      socket.send(mutate(seed, random));
    }
    await check();
  }
}

function mutate(seed: Buffer, random: () => number): Buffer {
  const below = (n: number) => Math.floor(random() * n);
  let octets = Buffer.from(seed);
  for (let i = 1 + below(4); i > 0; i--) {
    const at = below(octets.length);
    const chance = random();
    if (chance < 0.4) octets[at] = below(256);
    else if (chance < 0.6) octets[at] = (octets[at] ?? 0) ^ (1 << below(8));
    else if (chance < 0.75) octets = octets.subarray(0, Math.max(1, at));
    else if (chance < 0.9) octets = Buffer.concat([octets.subarray(0, at), octets.subarray(below(octets.length))]);
    else octets.fill(0xc0, at, Math.min(at + 2, octets.length));
  }
  return octets;
}

function withOpt(packet: Buffer): Buffer {
  const octets = Buffer.concat([
    packet,
    Buffer.from([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 12, 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]),
  ]);
  octets.writeUInt16BE(1, 10);
  return octets;
}
