/** Hostile requests for differences: whatever octets ask, there is an answer or none, and nothing is held afterwards. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTransferSide } from '../../src/compose/transfers.ts';
import { Flag, MAX_MESSAGE, MessageEncoder } from '../../src/dns/encode.ts';
import { Rcode, RRType } from '../../src/dns/rrset.ts';
import { readMessage } from '../../src/dns/wire.ts';
import { createLogger } from '../../src/logger.ts';
import { changesetSource } from '../kit/changeset-source.ts';
import { EAST, name, namespace, planApplied, service, stanza, synced, zoneDefinition } from '../kit/cluster-events.ts';
import { optionsOf } from '../kit/corefile.ts';
import { given } from '../kit/given.ts';
import { toolsOf } from '../kit/handlers.ts';
import { mutate, randomOf } from '../kit/mutations.ts';
import { soa } from '../kit/records.ts';
import { entryOf, loopbackBlock, REMOTE } from '../kit/serving.ts';

const PACKETS = 15_000;
const ZONE = 'cluster.local.';

const services = Array.from({ length: 20 }, (_, i) => service(EAST, `apps/s${i}`, [`10.96.0.${i}`]));
const history = given(
  [planApplied(zoneDefinition(ZONE, [stanza(EAST)])), namespace(EAST, 'apps'), ...services, ...synced(EAST)],
  [service(EAST, 'apps/s0', ['10.96.9.0'])],
  [service(EAST, 'apps/s1', ['10.96.9.1'])],
);
const chain = history.changesets(ZONE);

/** Requests as clients make them, with as many SOA records of any version as there may be. */
function seeds(): Buffer[] {
  const encoder = new MessageEncoder();
  const newest = Number(history.zone(ZONE).serial);
  const serials = [
    [],
    [newest],
    [newest - 1],
    [newest - 2],
    [0],
    [2 ** 32 - 1],
    [newest - 2, newest - 1],
    [newest + 2 ** 31],
  ];
  return serials.flatMap((list) =>
    [RRType.IXFR, RRType.AXFR].flatMap((type) =>
      [undefined, { version: 0, udpSize: 65_535, isDnssecOk: true, options: [] }].map((edns) => {
        const question = { name: name(ZONE), spelling: 'Cluster.LOCAL.', type, class: 1 };
        encoder.begin(1, Flag.RD, Rcode.NOERROR, question, MAX_MESSAGE, edns);
        for (const serial of list) {
          const { owner, type: soaType, ttl, rdata } = soa(ZONE, serial);
          encoder.add('authority', owner, soaType, ttl, rdata);
        }
        return Buffer.from(encoder.finish().message);
      }),
    ),
  );
}

for (const transport of ['tcp', 'udp'] as const) {
  test(`${PACKETS} changed requests over ${transport} hold nothing and bring nothing down`, () => {
    const side = createTransferSide({
      journal: () => changesetSource(chain),
      zoneOf: (id) => history.zone(id),
      zonesOf: () => ({ kubernetes: [[{ id: ZONE, apex: name(ZONE) }]], multicluster: [] }),
      addressesOf: () => [],
      nameOf: () => '',
      onTransferred: () => {},
      expiresIn: () => undefined,
      logger: createLogger(() => {}),
      now: () => 0,
    });
    const block = loopbackBlock(['transfer'], { options: optionsOf('transfer {\n to *\n}') });
    const transfer = side.factory(block, toolsOf().tools) ?? assert.fail();
    const { entry, tally } = entryOf({ '.': [transfer] }, { transport });
    const random = randomOf(1995);
    const requests = seeds();
    const counts = { silent: 0, single: 0, streams: 0 };
    for (let i = 0; i < PACKETS; i++) {
      const packet = mutate(requests[i % requests.length] as Buffer, random);
      const outgoing = entry.answer(packet, REMOTE);
      if (outgoing === undefined) {
        counts.silent += 1;
        continue;
      }
      assert.ok(!(outgoing instanceof Promise), 'nothing here takes several turns');
      if (Buffer.isBuffer(outgoing)) {
        counts.single += 1;
        const reply = readMessage(outgoing);
        assert.ok(reply !== undefined && outgoing.readUInt16BE(0) === packet.readUInt16BE(0), packet.toString('hex'));
        continue;
      }
      counts.streams += 1;
      // Every third client goes away after the first message.
      const isCut = i % 3 === 0;
      let records = 0;
      for (let next = outgoing.messages.next(); !next.done; next = outgoing.messages.next()) {
        records += readMessage(next.value)?.answer.length ?? assert.fail(packet.toString('hex'));
        if (isCut) break;
      }
      if (isCut) outgoing.messages.return?.();
      outgoing.onEnd?.(isCut ? 'broken' : 'sent');
      assert.ok(records > 1 && records < 500, `${records} records`);
    }
    assert.ok(
      counts.silent > 0 && counts.single > 0 && counts.streams > 0 === (transport === 'tcp'),
      JSON.stringify(counts),
    );
    const value = (family: string) => side.snapshot().find((one) => one.name === family)?.samples[0]?.value;
    assert.equal(value('zonelog_transfers_running'), 0);
    assert.equal(value('zonelog_transfer_held_bytes'), 0);
    const panics = tally.snapshot().find((one) => one.name === 'coredns_panics_total');
    assert.equal(panics?.samples[0]?.value ?? 0, 0);
  });
}
