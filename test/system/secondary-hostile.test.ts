/**
 * Primaries that send what they must not: each time the zone stays as it was, the log says why, it is counted, and an
 * honest answer is taken again.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { RRType } from '../../src/dns/rrset.ts';
import { parseKeyFile } from '../../src/dns/tsig-key.ts';
import { parseZoneText } from '../../src/dns/zonefile.ts';
import { type Exchange, TestPrimary } from '../kit/primary.ts';
import { SecondaryKit, sourceOf } from '../kit/secondary.ts';
import { eventually } from '../kit/wait.ts';

const ZONE = 'example.org.';
const soaText = (serial: number, owner = ZONE, mname = 'ns.example.org.') =>
  `${owner} 60 IN SOA ${mname} hostmaster.example.org. ${serial} 3600 60 86400 60`;
const text = (serial: number, address = '192.0.2.1') =>
  `${soaText(serial)}\n${ZONE} 60 IN NS ns.example.org.\nns.example.org. 60 IN A ${address}\n`;
const records = (...lines: readonly string[]) => parseZoneText(`${lines.join('\n')}\n`);
const isTransfer = ({ asked }: Exchange) => asked.type === 252 || asked.type === 251;

describe('a secondary of a hostile primary', () => {
  let primary: TestPrimary;
  let kit: SecondaryKit;
  let serial = 10;

  before(async () => {
    primary = await TestPrimary.open(text(serial));
    kit = new SecondaryKit();
    await kit.secondaries.configure([sourceOf(ZONE, [primary], { idleTime: 300, transferTime: 1500 })]);
    await eventually(
      () => kit.serial(ZONE),
      (seen) => seen === serial,
      'the first transfer',
    );
  });
  after(async () => {
    await kit?.secondaries.stop();
    await primary?.stop();
  });
  beforeEach(() => {
    primary.trick = undefined;
  });

  const failures = () => kit.metric('zonelog_transfer_in_total', [ZONE, 'failed']);

  /** A new version is there, and the primary answers transfers like that. */
  async function isRefused(trick: (exchange: Exchange) => boolean, reason: RegExp): Promise<void> {
    const known = kit.transferred;
    const [failed, said] = [failures(), kit.lines.length];
    primary.publish(text(++serial));
    primary.trick = (exchange) => isTransfer(exchange) && trick(exchange);
    kit.secondaries.notify(ZONE, primary.address);
    await eventually(
      () => kit.lines.slice(said).join('\n'),
      (lines) => reason.test(lines),
      `the log says ${reason}`,
    );
    await eventually(failures, (count) => count > failed, 'it is counted');
    assert.equal(kit.transferred, known, 'nothing was taken');
    primary.trick = undefined;
    kit.secondaries.notify(ZONE, primary.address);
    await eventually(
      () => kit.serial(ZONE),
      (seen) => seen === serial,
      'an honest answer is taken',
    );
    assert.deepEqual(kit.zone(ZONE), primary.lines);
  }

  /** Whole zones: who asks for differences is hung up on. */
  const whole =
    (...lines: readonly string[]) =>
    (exchange: Exchange) => {
      if (exchange.asked.type === 251) exchange.hangUp();
      else exchange.sendMessages(exchange.message(records(...lines)));
      return true;
    };
  test('a record that is not in the zone', () =>
    isRefused(
      whole(soaText(99), 'www.example.net. 60 IN A 192.0.2.66', soaText(99)),
      /a record of www.example.net., which is not in the zone/,
    ));

  test('the SOA record of another zone', () =>
    isRefused(whole(soaText(99, 'example.net.'), soaText(99, 'example.net.')), /a SOA record of example.net./));

  test('no SOA record at the beginning', () =>
    isRefused(whole('www.example.org. 60 IN A 192.0.2.66', soaText(99)), /does not begin with the SOA record/));

  test('another SOA record at the end', () =>
    isRefused(
      whole(soaText(99), 'www.example.org. 60 IN A 192.0.2.66', soaText(99, ZONE, 'evil.example.org.')),
      /ends with another SOA record than it began with/,
    ));

  test('a SOA record that never comes again', () =>
    isRefused(whole(soaText(99), 'www.example.org. 60 IN A 192.0.2.66'), /no answer in time/));

  test('records after the end', () =>
    isRefused(
      whole(soaText(99), 'www.example.org. 60 IN A 192.0.2.66', soaText(99), 'x.example.org. 60 IN A 192.0.2.67'),
      /records after the end/,
    ));

  test('a version that is older', () =>
    isRefused(whole(soaText(3), 'www.example.org. 60 IN A 192.0.2.66', soaText(3)), /serial 3 is not newer than ours/));

  test('differences that begin at a version that is not ours', () =>
    isRefused((exchange) => {
      const lines = [
        soaText(serial),
        soaText(4),
        'ns.example.org. 60 IN A 192.0.2.1',
        soaText(serial),
        soaText(serial),
      ];
      exchange.sendMessages(exchange.message(records(...(exchange.asked.type === 251 ? lines : [soaText(serial)]))));
      return true;
    }, /no differences from .*: differences from serial 4, which is not ours; asking for the whole zone[\s\S]*no answer in time/));

  test('differences that do not follow on each other', () =>
    isRefused((exchange) => {
      const from = exchange.asked.serial ?? 0;
      const steps = [serial, from, 77_000, from + 5, serial, serial].map((one) => soaText(one));
      if (exchange.asked.type === 251) exchange.sendMessages(exchange.message(records(...steps)));
      else exchange.hangUp();
      return true;
    }, /differences that do not follow on each other/));

  test('differences that lead back', () =>
    isRefused((exchange) => {
      const from = exchange.asked.serial ?? 0;
      const steps = [soaText(serial + 100), soaText(from), soaText(from - 1), soaText(serial + 100)];
      if (exchange.asked.type === 251) exchange.sendMessages(exchange.message(records(...steps)));
      else exchange.hangUp();
      return true;
    }, /differences from serial \d+ back to \d+/));

  test('a removal of what is not there, and an addition of what is', async () => {
    const step = (removed: string, added: string) => (exchange: Exchange) => {
      const from = soaText(exchange.asked.serial ?? 0);
      const lines = [soaText(serial), from, removed, soaText(serial), added, soaText(serial)];
      if (exchange.asked.type === 251) exchange.sendMessages(exchange.message(records(...lines)));
      else exchange.hangUp();
      return true;
    };
    const [there, notThere] = ['ns.example.org. 60 IN A 192.0.2.1', 'no.example.org. 60 IN A 192.0.2.1'];
    await isRefused(step(notThere, notThere), /removes a record of no.example.org. that is not there/);
    await isRefused(
      step(there, `${ZONE} 60 IN NS ns.example.org.`),
      /adds a record of example.org. that is there already/,
    );
  });

  test('the answer to another question, with another id, or truncated', async () => {
    await isRefused((exchange) => {
      exchange.sendMessages(exchange.message(records(soaText(99), soaText(99)), { id: exchange.query.id ^ 1 }));
      return true;
    }, /a message that is no answer to ours/);
    await isRefused((exchange) => {
      const message = exchange.message(records(soaText(99), soaText(99)));
      message[2] = (message[2] as number) | 2;
      exchange.sendMessages(message);
      return true;
    }, /a truncated message/);
    await isRefused((exchange) => {
      const message = exchange.message(records(soaText(99), soaText(99)));
      // The name in the question.
      message[13] = 'x'.charCodeAt(0);
      exchange.sendMessages(message);
      return true;
    }, /the answer to another question|a SOA record of/);
  });

  test('octets that are no message, and messages that end in the middle', async () => {
    await isRefused((exchange) => {
      exchange.sendMessages(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
      return true;
    }, /malformed message|no answer to ours/);
    await isRefused((exchange) => {
      const message = exchange.message(records(soaText(99), 'www.example.org. 60 IN A 192.0.2.66'));
      exchange.send(Buffer.concat([Buffer.from([0, message.length]), message.subarray(0, 40)]));
      exchange.hangUp();
      return true;
    }, /connection closed|ECONNRESET/);
  });

  test('an error', () =>
    isRefused((exchange) => {
      exchange.sendMessages(exchange.message([], { rcode: 5 }));
      return true;
    }, /REFUSED/));

  test('messages without end: records, octets', async () => {
    const endless = (line: (n: number) => string) => (exchange: Exchange) => {
      if (exchange.asked.type === 251) {
        exchange.hangUp();
        return true;
      }
      exchange.sendMessages(exchange.message(records(soaText(99))));
      let count = 0;
      const more = () => {
        if (!exchange.isOpen || count > 100_000) return;
        const lines = Array.from({ length: 50 }, () => line(count++));
        exchange.sendMessages(exchange.message(records(...lines)));
        setImmediate(more);
      };
      more();
      return true;
    };
    await isRefused(
      endless((n) => `h${n}.example.org. 60 IN A 192.0.2.66`),
      /more than 1000 records/,
    );
    await isRefused(
      endless((n) => `h${n}.example.org. 60 IN TXT "${'x'.repeat(200)}" "${'y'.repeat(200)}"`),
      /more than 100000 octets/,
    );
    // The same record for ever takes no memory, but time.
    await isRefused(
      endless(() => 'www.example.org. 60 IN A 192.0.2.66'),
      /more than 1000 records/,
    );
  });

  test('a newer SOA record alone in place of differences: the whole zone is asked for', async () => {
    primary.trick = (exchange) => {
      if (exchange.asked.type !== 251) return false;
      exchange.sendMessages(exchange.message(records(soaText(serial))));
      return true;
    };
    primary.publish(text(++serial));
    kit.secondaries.notify(ZONE, primary.address);
    await eventually(
      () => kit.serial(ZONE),
      (seen) => seen === serial,
      'it is taken whole',
    );
  });

  test('many messages that arrive at once are taken one after the other', async () => {
    primary.trick = (exchange) => {
      if (exchange.asked.type === 251) exchange.hangUp();
      if (exchange.asked.type !== 252) return exchange.asked.type === 251;
      const hosts = Array.from({ length: 20 }, (_, i) => [`h${i}.example.org. 60 IN A 192.0.2.66`]);
      const parts = [[soaText(serial)], ...hosts, [soaText(serial)]];
      const all = parts.map((lines) => exchange.message(records(...lines)));
      exchange.sendMessages(...all.slice(0, 3));
      setTimeout(() => exchange.sendMessages(...all.slice(3)), 20);
      return true;
    };
    primary.publish(text(++serial));
    kit.secondaries.notify(ZONE, primary.address);
    await eventually(
      () => kit.serial(ZONE),
      (seen) => seen === serial,
      'all of it is taken',
    );
    assert.equal(kit.zone(ZONE)?.length, 20);
    primary.trick = undefined;
    primary.isFullOnly = true;
    primary.publish(text(++serial));
    kit.secondaries.notify(ZONE, primary.address);
    await eventually(
      () => kit.serial(ZONE),
      (seen) => seen === serial,
      'back to honest ways',
    );
    primary.isFullOnly = false;
  });

  test('an octet now and then', async () => {
    await isRefused((exchange) => {
      const message = exchange.message(records(soaText(99), soaText(99)));
      const octets = Buffer.concat([Buffer.from([0, message.length]), message]);
      let at = 0;
      const timer = setInterval(() => {
        if (!exchange.isOpen || at >= octets.length) clearInterval(timer);
        else exchange.send(octets.subarray(at, ++at));
      }, 20);
      return true;
    }, /no answer in time/);
  });

  test('message after message, each in time, for longer than a transfer may take', () =>
    isRefused((exchange) => {
      if (exchange.asked.type === 251) {
        exchange.hangUp();
        return true;
      }
      exchange.sendMessages(exchange.message(records(soaText(99))));
      let count = 0;
      const timer = setInterval(() => {
        if (!exchange.isOpen) clearInterval(timer);
        else exchange.sendMessages(exchange.message(records(`h${count++}.example.org. 60 IN A 192.0.2.66`)));
      }, 50);
      return true;
    }, /it took too long/));

  test('a disk that takes nothing leaves all as it was', async () => {
    const known = kit.transferred;
    kit.failure = 'disk full';
    primary.publish(text(++serial));
    kit.secondaries.notify(ZONE, primary.address);
    await eventually(
      () => kit.lines.join('\n'),
      (lines) => lines.includes("the event log can't be written: disk full"),
      'the log says so',
    );
    assert.equal(kit.transferred, known);
    kit.failure = undefined;
    kit.secondaries.notify(ZONE, primary.address);
    await eventually(
      () => kit.serial(ZONE),
      (seen) => seen === serial,
      'it is taken later',
    );
  });
});

describe('a secondary with a key', () => {
  const keyOf = (secret: string) => {
    const read = parseKeyFile(`key "k" { algorithm hmac-sha256; secret "${secret}"; };`);
    if (!read.ok || read.value[0] === undefined) throw new Error('no key');
    return read.value[0];
  };
  const key = keyOf('c2VjcmV0IG9mIHRoZSBrZXk=');
  let primary: TestPrimary;
  let kit: SecondaryKit;

  before(async () => {
    primary = await TestPrimary.open(text(1), { key, perMessage: 1 });
    kit = new SecondaryKit();
  });
  after(async () => {
    await kit?.secondaries.stop();
    await primary?.stop();
  });

  const isSaid = (pattern: RegExp) =>
    eventually(
      () => kit.lines.join('\n'),
      (lines) => pattern.test(lines),
      `the log says ${pattern}`,
    );
  const configure = (parts: { key?: typeof key }) => {
    const source = sourceOf(ZONE, [], { primaries: [{ address: primary.address, port: primary.port, ...parts }] });
    return kit.secondaries.configure([source]);
  };

  test('gets nothing without it, or with another of that name', async () => {
    await configure({});
    await isSaid(/REFUSED/);
    await configure({ key: keyOf('YW5vdGhlciBzZWNyZXQ=') });
    await isSaid(/NOTAUTH, TSIG: (not signed|BADKEY)/);
    assert.equal(kit.serial(ZONE), undefined);
  });

  test('takes nothing that is not signed, or ends unsigned, or was changed on the way', async () => {
    const answer = (message: (exchange: Exchange) => readonly Buffer[]) => {
      primary.trick = (exchange) => {
        if (!isTransfer(exchange)) return false;
        exchange.sendMessages(...message(exchange));
        return true;
      };
    };
    const zone = records(soaText(1), `${ZONE} 60 IN NS ns.example.org.`, soaText(1));
    const unsigned = (message: Buffer) => {
      // The TSIG record of this key, with this algorithm, without error.
      const plain = Buffer.from(message.subarray(0, message.length - 76));
      plain.writeUInt16BE(plain.readUInt16BE(10) - 1, 10);
      return plain;
    };
    await configure({ key });
    await eventually(
      () => kit.serial(ZONE),
      (seen) => seen === 1,
      'with the key it is taken',
    );
    kit.lines.length = 0;
    answer((exchange) => {
      const message = exchange.message(zone);
      message[message.length - 20] = (message[message.length - 20] as number) ^ 1;
      return [message];
    });
    primary.publish(text(2));
    kit.secondaries.notify(ZONE, primary.address);
    await isSaid(/TSIG: wrong signature/);
    kit.lines.length = 0;
    answer((exchange) => {
      const [first, second] = [exchange.message(records(soaText(2))), exchange.message(records(soaText(2)))];
      return [first, unsigned(second)];
    });
    kit.secondaries.notify(ZONE, primary.address);
    await isSaid(/TSIG: the last message is not signed|malformed message/);
    assert.equal(kit.serial(ZONE), 1);
    primary.trick = undefined;
    kit.secondaries.notify(ZONE, primary.address);
    await eventually(
      () => kit.serial(ZONE),
      (seen) => seen === 2,
      'honest ones are taken',
    );
    assert.ok(primary.count(RRType.SOA) > 0);
  });
});
