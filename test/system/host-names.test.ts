/** Host names of load balancers against resolvers on real sockets: what they may reply, and what the log makes of it. */
import assert from 'node:assert/strict';
import { after, describe, it, type TestContext } from 'node:test';
import type packet from 'dns-packet';
import { openDatabase } from '../../src/database.ts';
import type { ClusterId } from '../../src/ingest/event.ts';
import { type HostLookup, lookUpHost } from '../../src/ingest/host-lookup.ts';
import { askResolver, type ServerAddress } from '../../src/ingest/resolver-exchange.ts';
import { createLogger } from '../../src/logger.ts';
import { freePorts } from '../kit/free-ports.ts';
import { afterTurns } from '../kit/patience.ts';
import { type Answerer, type Asked, replyTo, startUpstream, type Upstream } from '../kit/upstream.ts';
import { CLUSTER, Following, until } from './ingest-kit.ts';

const HOST = 'lb.example';
const TC = 0x0200;

async function resolver(t: TestContext, answer: Answerer): Promise<Upstream & { readonly server: ServerAddress }> {
  const upstream = await startUpstream(answer);
  t.after(() => upstream.stop());
  return Object.assign(upstream, { server: { address: '127.0.0.1', port: upstream.port } });
}

function lookUp(servers: readonly ServerAddress[], timeout = 5_000): Promise<HostLookup> {
  const { signal } = new AbortController();
  const clock = {
    now: Date.now,
    // A machine that stood still has not left the reply out.
    after: afterTurns,
  };
  return lookUpHost(HOST, servers, (server, name, type) =>
    askResolver(server, name, type, { clock, random: Math.random, timeout, signal }),
  );
}

function questionOf({ query }: Pick<Asked, 'query'>): { readonly name: string; readonly type: string } {
  const [question] = query.questions ?? [];
  return { name: question?.name ?? '', type: question?.type ?? '' };
}

/** Records of the type that was asked for; TTL 60. */
function answers(
  asked: Asked,
  byType: Readonly<Partial<Record<string, readonly string[]>>>,
  ttl = 60,
): packet.Answer[] {
  const { name, type } = questionOf(asked);
  return (byType[type] ?? []).map((data) => ({ name, type: type as 'A', ttl, data }));
}

const SOA: packet.Answer = {
  name: 'example',
  type: 'SOA',
  ttl: 600,
  data: { mname: 'ns.example', rname: 'admin.example', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 40 },
};

describe('a lookup', () => {
  it('at an address that the system lets no packet go to is a failure, not a crash', async () => {
    // A socket may not be connected to the broadcast address.
    const looked = await lookUp([{ address: '255.255.255.255', port: 53 }]);
    assert.deepEqual([looked.v4.status, looked.v6.status], ['failed', 'failed']);
  });

  it('asks for both families, for recursion, and takes the lowest TTL', async (t) => {
    const { server, asked } = await resolver(t, (one) =>
      replyTo(one, {
        answers: [
          ...answers(one, { A: ['192.0.2.1'], AAAA: ['2001:db8::1'] }, 90),
          ...answers(one, { A: ['192.0.2.2'] }, 30),
        ],
      }),
    );
    assert.deepEqual(await lookUp([server]), {
      v4: { status: 'found', addresses: ['192.0.2.1', '192.0.2.2'], ttl: 30 },
      v6: { status: 'found', addresses: ['2001:db8::1'], ttl: 90 },
    });
    assert.deepEqual(
      asked.map(questionOf).toSorted((a, b) => (a.type < b.type ? -1 : 1)),
      [
        { name: HOST, type: 'A' },
        { name: HOST, type: 'AAAA' },
      ],
    );
    assert.ok(asked.every(({ query }) => query.flag_rd));
    assert.notEqual(asked[0]?.port, asked[1]?.port, 'each question has a port of its own');
  });

  it('follows aliases within the reply, and takes nothing that does not belong there', async (t) => {
    const { server } = await resolver(t, (one) =>
      replyTo(one, {
        answers: [
          { name: 'other.example', type: 'A', ttl: 5, data: '203.0.113.66' },
          { name: HOST, type: 'CNAME', ttl: 300, data: 'A.cdn.example' },
          { name: 'a.cdn.example', type: 'CNAME', ttl: 20, data: 'b.cdn.example' },
          ...(questionOf(one).type === 'A'
            ? [{ name: 'b.cdn.example', type: 'A' as const, ttl: 60, data: '192.0.2.1' }]
            : []),
        ],
        authorities: questionOf(one).type === 'A' ? [] : [SOA],
      }),
    );
    assert.deepEqual(await lookUp([server]), {
      v4: { status: 'found', addresses: ['192.0.2.1'], ttl: 20 },
      v6: { status: 'found', addresses: [], ttl: 20 },
    });
  });

  it('goes on over TCP where the reply does not fit', async (t) => {
    const { server, asked } = await resolver(t, (one) =>
      one.via === 'udp'
        ? replyTo(one, { flags: 0x0180 | TC })
        : replyTo(one, { answers: answers(one, { A: ['192.0.2.1'] }) }),
    );
    const { v4 } = await lookUp([server]);
    assert.deepEqual(v4, { status: 'found', addresses: ['192.0.2.1'], ttl: 60 });
    assert.deepEqual(asked.map(({ via }) => via).sort(), ['tcp', 'tcp', 'udp', 'udp']);
  });

  it('does not believe a reply to another question, with another id, or that is none', async (t) => {
    const { server } = await resolver(t, (one) => {
      const right = replyTo(one, { answers: answers(one, { A: ['192.0.2.1'] }) });
      const forged = (change: (octets: Buffer) => void) => {
        const octets = replyTo(one, { answers: answers(one, { A: ['203.0.113.66'], AAAA: ['2001:db8::66'] }) });
        change(octets);
        return octets;
      };
      return [
        forged((octets) => octets.writeUInt16BE(octets.readUInt16BE(0) ^ 1, 0)),
        forged((octets) => octets.writeUInt16BE(octets.readUInt16BE(2) & 0x7fff, 2)),
        forged((octets) => octets.write('x', 13)),
        Buffer.from('no message'),
        right,
      ];
    });
    assert.deepEqual(await lookUp([server]), {
      v4: { status: 'found', addresses: ['192.0.2.1'], ttl: 60 },
      v6: { status: 'found', addresses: [], ttl: 60 },
    });
  });

  it('tells a denial, and for how long it is right, from a failure', async (t) => {
    const denying = await resolver(t, (one) => replyTo(one, { rcode: 3, authorities: [SOA] }));
    const none = { status: 'found', addresses: [], ttl: 40 } as const;
    assert.deepEqual(await lookUp([denying.server]), { v4: none, v6: none });
    for (const [answer, word] of [
      [(one: Asked) => replyTo(one, { rcode: 2 }), /SERVFAIL/],
      [(one: Asked) => replyTo(one, { rcode: 5 }), /REFUSED/],
      // An alias that the server did not follow, and a referral.
      [
        (one: Asked) => replyTo(one, { answers: [{ name: HOST, type: 'CNAME', ttl: 5, data: 'b.example' }] }),
        /incomplete/,
      ],
      [
        (one: Asked) => replyTo(one, { authorities: [{ name: 'example', type: 'NS', ttl: 5, data: 'ns.example' }] }),
        /incomplete/,
      ],
    ] as const) {
      const failing = await resolver(t, answer);
      const { v4 } = await lookUp([failing.server]);
      assert.ok(v4.status === 'failed');
      assert.match(v4.reason, word);
      assert.equal(failing.asked.length, 4, 'twice for each family');
    }
  });

  it('asks the next resolver where one does not help, and says what the last one said', async (t) => {
    const [closed = 0] = await freePorts(1);
    const refusing = await resolver(t, (one) => replyTo(one, { rcode: 5 }));
    const silent = await resolver(t, () => undefined);
    const right = await resolver(t, (one) => replyTo(one, { answers: answers(one, { A: ['192.0.2.1'] }) }));
    const nobody = { address: '127.0.0.1', port: closed };
    const { v4 } = await lookUp([nobody, refusing.server, silent.server, right.server], 1_000);
    assert.deepEqual(v4, { status: 'found', addresses: ['192.0.2.1'], ttl: 60 });
    const { v6 } = await lookUp([nobody], 200);
    assert.deepEqual(v6, { status: 'failed', reason: `127.0.0.1:${closed}: ECONNREFUSED` });
    assert.deepEqual((await lookUp([])).v4, { status: 'failed', reason: 'no resolver is known' });
  });
});

describe('the log', () => {
  const database = openDatabase(':memory:');
  after(() => database.close());
  const lines: string[] = [];
  const start = (servers: readonly ServerAddress[]) => {
    const hostNames = {
      servers: () => servers,
      random: Math.random,
      logger: createLogger((line) => lines.push(line)),
      tuning: { refresh: [20, 1000], backoff: [20, 100] } as const,
    };
    const following = new Following({ database, hostNames });
    following.ingest.resolveHosts(new Map<ClusterId, ReadonlySet<string>>([[CLUSTER, new Set([HOST])]]));
    return following;
  };
  const known = (following: Following) => following.known.get(CLUSTER, 'ResolvedHost', HOST);

  it('has each change of a host once; a start knows the last one, with every resolver down', async () => {
    let address = '192.0.2.1';
    const upstream = await startUpstream((one) => replyTo(one, { answers: answers(one, { A: [address] }, 0) }));
    const server = { address: '127.0.0.1', port: upstream.port };
    const first = start([server]);
    await until(() => known(first) !== undefined);
    assert.deepEqual(
      known(first),
      { addresses: ['192.0.2.1'], ttl: 5 },
      'a TTL below the pause between lookups is none',
    );
    address = '192.0.2.2';
    await until(() => first.story.length === 2);
    const before = upstream.asked.length;
    await until(() => upstream.asked.length > before + 6);
    assert.deepEqual(first.story, [`ResolvedHostUpserted ${HOST}`, `ResolvedHostUpserted ${HOST}`]);
    await first.stop();
    await upstream.stop();

    const second = start([server]);
    assert.deepEqual(known(second), { addresses: ['192.0.2.2'], ttl: 5 });
    await until(() => lines.some((line) => line.includes('what was found before stays')));
    const [failures] = second.ingest.metrics().filter(({ name }) => name === 'zonelog_host_lookups_total');
    assert.deepEqual(failures?.samples[0]?.labels, [CLUSTER, 'failure']);
    assert.deepEqual(known(second), { addresses: ['192.0.2.2'], ttl: 5 });
    assert.deepEqual(second.story, []);
    second.ingest.resolveHosts(new Map([[CLUSTER, new Set<string>()]]));
    await until(() => known(second) === undefined);
    assert.deepEqual(second.story, [`ResolvedHostDeleted ${HOST}`]);
    await second.stop();
    assert.ok(second.log.verify().ok);
  });
});
