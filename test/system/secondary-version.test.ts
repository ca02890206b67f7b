/** The question for a primary's serial, over real sockets. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { RRType } from '../../src/dns/rrset.ts';
import { parseZoneText } from '../../src/dns/zonefile.ts';
import { askVersion } from '../../src/ingest/secondary/version-query.ts';
import { afterTurns } from '../kit/patience.ts';
import { type Exchange, TestPrimary } from '../kit/primary.ts';
import { name } from '../kit/records.ts';
import { eventually } from '../kit/wait.ts';

const ZONE = 'example.org.';
const soaText = (serial: number) => `${ZONE} 60 IN SOA ns.example.org. h.example.org. ${serial} 3600 60 86400 60\n`;

describe('the question for the serial', () => {
  let primary: TestPrimary;
  before(async () => {
    primary = await TestPrimary.open(soaText(7));
  });
  after(() => primary?.stop());
  beforeEach(() => {
    primary.trick = undefined;
    primary.asked.length = 0;
  });

  const ask = (trick?: (exchange: Exchange) => boolean) => begin(trick).version;

  function begin(trick?: (exchange: Exchange) => boolean) {
    primary.trick = trick;
    const stopping = new AbortController();
    const asked = askVersion({
      apex: name(ZONE),
      primary: { address: primary.address, port: primary.port },
      source: undefined,
      clock: {
        now: Date.now,
        after: afterTurns,
      },
      random: Math.random,
      signal: stopping.signal,
    });
    const version = asked.then((done) => (done.ok ? String(done.value.soa.rdata.serial) : done.error));
    return { version, stopping };
  }
  const byUdp =
    (act: (exchange: Exchange) => void) =>
    (exchange: Exchange): boolean => {
      if (exchange.asked.transport === 'tcp') return false;
      act(exchange);
      return true;
    };

  test('goes by UDP', async () => {
    assert.equal(await ask(), '7');
    assert.deepEqual([primary.count(RRType.SOA, 'udp'), primary.count(RRType.SOA, 'tcp')], [1, 0]);
  });

  test('is asked by TCP where UDP gives a truncated answer, or an error (as Knot DNS does for catalogs)', async () => {
    const truncated = byUdp((exchange) => {
      const message = exchange.message([]);
      message[2] = (message[2] as number) | 2;
      exchange.send(message);
    });
    assert.equal(await ask(truncated), '7');
    assert.equal(await ask(byUdp((exchange) => exchange.send(exchange.message([], { rcode: 5 })))), '7');
    assert.equal(primary.count(RRType.SOA, 'tcp'), 2);
  });

  test('may be given up at any moment', async () => {
    const { version, stopping } = begin();
    stopping.abort();
    assert.equal(await version, 'stopped');
    const later = begin(byUdp(() => {}));
    await eventually(
      () => primary.count(RRType.SOA, 'udp'),
      (count) => count > 0,
      'the primary was asked',
    );
    later.stopping.abort();
    assert.equal(await later.version, 'stopped');
  });

  test('takes no answer to another question, and waits for the true one', async () => {
    const strays = byUdp((exchange) => {
      const [lie] = parseZoneText(soaText(99));
      exchange.send(exchange.message(lie ? [lie] : [], { id: exchange.query.id ^ 0xff }));
      exchange.send(Buffer.from('no message'));
      const [truth] = parseZoneText(soaText(8));
      exchange.send(exchange.message(truth ? [truth] : []));
    });
    assert.equal(await ask(strays), '8');
  });

  test('says what is wrong with an answer', async () => {
    const answer =
      (text: string, rcode = 0) =>
      (exchange: Exchange) => {
        exchange.sendMessages(exchange.message(parseZoneText(text), { rcode }));
        return true;
      };
    assert.equal(await ask(answer('', 5)), 'REFUSED');
    assert.equal(await ask(answer('')), 'no SOA record in the answer');
    assert.equal(await ask(answer(soaText(9).replaceAll('example.org', 'example.net'))), 'no SOA record in the answer');
    assert.equal(
      await ask((exchange) => {
        const message = exchange.message(parseZoneText(soaText(9)));
        message[2] = (message[2] as number) & ~4;
        exchange.sendMessages(message);
        return true;
      }),
      'the server is not authoritative for the zone',
    );
  });
});
