/**
 * Transfers, many of them: chains of changesets, whole zones while the cluster changes all the time, clients that ask and
 * never read. `ZONELOG_LONG_CHAINS`, `ZONELOG_LONG_TRANSFERS`, `ZONELOG_LONG_RATE` and `ZONELOG_LONG_SEED` change the numbers.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { openReadOnly } from '../../src/database.ts';
import type { KubeObject } from '../../src/demo/resources.ts';
import { canonicalOrder } from '../../src/dns/canonical.ts';
import { MessageEncoder } from '../../src/dns/encode.ts';
import { frameMessages } from '../../src/dns/framing.ts';
import { type ResourceRecord, RRType } from '../../src/dns/rrset.ts';
import { type Serial, toSerial } from '../../src/dns/serial.ts';
import { readMessage } from '../../src/dns/wire.ts';
import { recordText } from '../../src/dns/zonefile.ts';
import type { Changeset, SoaRecord } from '../../src/projection/diff.ts';
import { JournalReader } from '../../src/projection/journal.ts';
import { applyChangeset, condense, recordKey } from '../../src/transfer/changesets.ts';
import { ixfr } from '../../src/transfer/ixfr.ts';
import { packMessages } from '../../src/transfer/pack.ts';
import { FaultyApiServer } from '../kit/apiserver.ts';
import { seededRandom } from '../kit/churn.ts';
import { applyTransfer, type TransferredZone } from '../kit/dns-client.ts';
import { name, record, soa, wholeZone } from '../kit/records.ts';
import { TestServer } from '../kit/server.ts';
import { question } from '../kit/serving.ts';
import { eventually } from '../kit/wait.ts';

const CHAINS = Number(process.env.ZONELOG_LONG_CHAINS ?? 100_000);
const TRANSFERS = Number(process.env.ZONELOG_LONG_TRANSFERS ?? 10_000);
const RATE = Number(process.env.ZONELOG_LONG_RATE ?? 2_000);
const SEED = Number(process.env.ZONELOG_LONG_SEED ?? Date.now() % 2 ** 32);
const ZONE = 'cluster.local.';

type Contents = ReadonlyMap<string, ResourceRecord>;

describe(`${CHAINS} chains of changesets (seed ${SEED})`, () => {
  const random = seededRandom(SEED);
  const encoder = new MessageEncoder();
  const below = (n: number) => Math.floor(random() * n);
  const pool = Array.from({ length: 12 }, (_, i) =>
    record(`n${i % 5}.z.`, { type: 'A', address: `192.0.2.${i}` }, i % 3 === 0 ? 5 : 30),
  );

  interface Version {
    readonly soa: SoaRecord;
    readonly contents: Contents;
  }

  const keyed = (list: Iterable<ResourceRecord>) => new Map([...list].map((made) => [recordKey(made), made]));
  const versionOf = (serial: Serial): Version => ({
    soa: soa('z.', serial),
    contents: keyed(pool.filter(() => random() < 0.5)),
  });
  const difference = (from: Version, to: Version): Changeset => {
    const only = (a: Contents, b: Contents) =>
      canonicalOrder([...a].filter(([key]) => !b.has(key)).map(([, made]) => made));
    return {
      apex: name('z.'),
      soaFrom: from.soa,
      soaTo: to.soa,
      removed: only(from.contents, to.contents),
      added: only(to.contents, from.contents),
    };
  };
  const whole = ({ soa: newest, contents }: Version): Contents => keyed([newest, ...contents.values()]);
  const overTheWire = (list: Iterable<ResourceRecord>, type: number): ResourceRecord[] => {
    const asked = { name: name('z.'), spelling: 'z.', type, class: 1 };
    const query = { id: 1, isRecursionDesired: false, question: asked };
    const limit = 512 + below(1000);
    return [...packMessages(query, list, { encoder, limit })].flatMap(
      (octets) => readMessage(octets)?.answer ?? assert.fail('a malformed message'),
    );
  };
  const isSoa = (made: ResourceRecord | undefined): made is SoaRecord => made?.rdata.type === 'SOA';
  /** As a secondary reads it (RFC 1995 §4). */
  const received = (list: readonly ResourceRecord[]): Changeset[] => {
    assert.ok(isSoa(list[0]) && isSoa(list.at(-1)));
    const parts: { head: SoaRecord; records: ResourceRecord[] }[] = [];
    for (const made of list.slice(1, -1)) {
      if (isSoa(made)) parts.push({ head: made, records: [] });
      else parts.at(-1)?.records.push(made);
    }
    assert.equal(parts.length % 2, 0);
    return Array.from({ length: parts.length / 2 }, (_, i) => {
      const [removed, added] = [parts[2 * i], parts[2 * i + 1]];
      assert.ok(removed && added);
      const { head: soaFrom } = removed;
      return { apex: soaFrom.owner, soaFrom, soaTo: added.head, removed: removed.records, added: added.records };
    });
  };
  const assertSame = (a: Contents, b: Contents) => {
    const isSame = a.size === b.size && [...a.keys()].every((key) => b.has(key));
    assert.ok(isSame, `seed ${SEED}: ${[...a.keys()]} is not ${[...b.keys()]}`);
  };

  test('AXFR(a) + IXFR(a→b) = AXFR(b), condensed = step by step, over the end of the circle too', () => {
    for (let i = 0; i < CHAINS; i++) {
      const first = i % 4 === 0 ? 2 ** 32 - 1 - below(6) : below(2 ** 32);
      const versions = Array.from({ length: 2 + below(7) }, (_, at) => versionOf(toSerial(first + at)));
      const start = below(versions.length - 1);
      const [from, last] = [versions[start] as Version, versions.at(-1) as Version];
      const chain = versions.slice(start + 1).map((to, at) => difference(versions[start + at] as Version, to));
      const before = keyed(overTheWire(wholeZone(from.soa, setsOf(from.contents)), RRType.AXFR));
      const steps = received(overTheWire(ixfr(last.soa, chain), RRType.IXFR));
      assertSame(steps.reduce<Contents>(applyChangeset, before), whole(last));
      const [condensed, ...more] = received(overTheWire(ixfr(last.soa, [condense(chain)]), RRType.IXFR));
      assert.ok(condensed !== undefined && more.length === 0);
      assertSame(applyChangeset(before, condensed), whole(last));
    }
  });
});

function* setsOf(contents: Contents) {
  for (const { owner, type, ttl, rdata } of contents.values()) yield { owner, type, ttl, rdatas: [rdata] };
}

function service(index: number, address: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `svc-${index}`, namespace: 'apps' },
    spec: { type: 'ClusterIP', clusterIP: address, clusterIPs: [address], ports: [{ name: 'http', port: 80 }] },
  };
}

const addressOf = (n: number) => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;

async function startServer(api: FaultyApiServer, services: number, options: string): Promise<TestServer> {
  api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } });
  for (let i = 0; i < services; i++) api.apply(service(i, addressOf(i)));
  const { url } = await api.start();
  const server = await TestServer.start({
    corefile: `.:{{dns}} {
 bind 127.0.0.1
 prometheus 127.0.0.1:{{metrics}}
 kubernetes ${ZONE} {
  endpoint ${url}
 }
 transfer {
  to *
  ${options}
 }
}`,
  });
  const last = `svc-${services - 1}.apps.svc.${ZONE}`;
  await eventually(
    () => server.dns.data(last, 'A'),
    (address) => address === addressOf(services - 1),
    'the services are there',
  );
  return server;
}

const digest = (lines: readonly string[]) => createHash('sha256').update(lines.join('\n')).digest('hex');

describe(`${TRANSFERS} transfers during ${RATE} changes a second`, () => {
  const SERVICES = 20;
  const api = new FaultyApiServer();
  let server: TestServer;
  let changes = SERVICES;

  before(async () => {
    server = await startServer(api, SERVICES, 'journal changes 1000000 size 1G');
  });
  after(async () => {
    await server?.close();
    await api.stop();
  });

  test('each is exactly one stored version', async () => {
    const seen = new Map<number, string>();
    const note = (zone: TransferredZone) => {
      const found = digest([zone.soa, ...zone.records]);
      assert.equal(seen.get(zone.serial) ?? found, found, `two zones of serial ${zone.serial}`);
      seen.set(zone.serial, found);
    };
    const first = await server.dns.axfr(ZONE);
    const began = performance.now();
    const changing = setInterval(() => {
      for (const due = ((performance.now() - began) * RATE) / 1000; changes - SERVICES < due; changes++) {
        api.apply(service(changes % SERVICES, addressOf(changes)));
      }
    }, 5);
    try {
      let before = first;
      for (let i = 0; i < TRANSFERS; i++) {
        const isWhole = i % 5 !== 4;
        const zone = isWhole
          ? await server.dns.axfr(ZONE)
          : applyTransfer(before, await server.dns.ixfr(ZONE, before.serial));
        note(zone);
        before = zone;
      }
    } finally {
      clearInterval(changing);
    }
    const seconds = (performance.now() - began) / 1000;
    console.log(
      `  ${TRANSFERS} transfers of ${seen.size} versions in ${seconds.toFixed(0)} s, ${Math.round((changes - SERVICES) / seconds)} changes/s`,
    );
    const missing = storedOf(first, seen);
    assert.deepEqual(missing, [], 'serials that are not stored, or with other content');
  });

  /** Goes through the versions of the journal. @returns serials that were seen and are not there as they were seen */
  function storedOf(first: TransferredZone, seen: ReadonlyMap<number, string>): number[] {
    const left = new Map(seen);
    const compare = (serial: number, newest: string, records: ReadonlySet<string>) => {
      const wanted = left.get(serial);
      if (wanted !== undefined && wanted === digest([newest, ...[...records].sort()])) left.delete(serial);
    };
    const records = new Set(first.records);
    compare(first.serial, first.soa, records);
    const db = openReadOnly(server.database);
    try {
      const journal = new JournalReader(db);
      const last = journal.lastVersion(ZONE)?.serial;
      const chain = last === undefined ? undefined : journal.chain(ZONE, toSerial(first.serial), last);
      const steps = chain?.read();
      let read = steps?.next();
      while (read?.done === false) read = steps?.next();
      assert.ok(read?.value, 'the journal reaches back to the first transfer');
      for (const { soaTo, removed, added } of read.value) {
        for (const made of removed) assert.ok(records.delete(recordText(made)));
        for (const made of added) records.add(recordText(made));
        compare(soaTo.rdata.serial, recordText(soaTo), records);
      }
    } finally {
      db.close();
    }
    return [...left.keys()];
  }
});

describe('clients that ask for the zone and never read', () => {
  const CLIENTS = 300;
  const ASKED = 40;
  const SERVICES = 5000;
  const GROWTH_MIB = 256;
  const api = new FaultyApiServer();
  const sockets: Socket[] = [];
  let server: TestServer;

  before(async () => {
    server = await startServer(api, SERVICES, 'limit 100 50');
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    await server?.close();
    await api.stop();
  });

  const residentMiB = () => {
    const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
  };

  test('are bounded in memory and number, cut off, and keep nobody else waiting', { timeout: 120_000 }, async () => {
    const before = residentMiB();
    const packets = Array.from({ length: ASKED }, (_, i) => question(ZONE, 'AXFR', { id: i }));
    const closed: Promise<unknown>[] = [];
    for (let i = 0; i < CLIENTS; i++) {
      const socket = connect({ host: '127.0.0.1', port: server.port('dns'), localAddress: `127.0.1.${1 + (i % 20)}` });
      sockets.push(socket);
      socket.on('error', () => {});
      socket.pause();
      closed.push(new Promise((resolve) => socket.once('close', resolve)));
      socket.write(frameMessages(packets));
    }
    let peak = before;
    let slowest = 0;
    const began = performance.now();
    while (performance.now() - began < 10_000) {
      const asked = performance.now();
      assert.equal(await server.dns.data(`svc-1.apps.svc.${ZONE}`, 'A', { timeoutMs: 20_000 }), addressOf(1));
      slowest = Math.max(slowest, performance.now() - asked);
      peak = Math.max(peak, residentMiB());
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    console.log(
      `  ${CLIENTS} clients: ${Math.round(peak - before)} MiB more at the peak, slowest answer ${Math.round(slowest)} ms`,
    );
    assert.ok(peak - before < GROWTH_MIB, `${peak - before} MiB more`);
    assert.ok((await server.metric('zonelog_transfer_requests_total', { outcome: 'refused' })) > 0);
    await eventually(
      () => server.metric('zonelog_transfers_running'),
      (running) => running === 0,
      'no transfer is left',
      60_000,
    );
    await server.printed(/Refused AXFR of zone "cluster\.local\." to 127\.0\.1\.\d+: \d+ transfers/);
    await server.printed(/Broken transfer of \d+ records of zone "cluster\.local\." to 127\.0\.1\.\d+/);
    const zone = await server.dns.axfr(ZONE);
    assert.ok(zone.records.length >= SERVICES * 4);
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
  });
});
