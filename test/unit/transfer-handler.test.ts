import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readExtendedError } from '../../src/dns/encode.ts';
import { Rcode } from '../../src/dns/rrset.ts';
import { readMessage } from '../../src/dns/wire.ts';
import { emptyReply } from '../../src/serve/chain.ts';
import { createTransfer } from '../../src/serve/plugins/transfer.ts';
import { ask, entryOf, question } from '../kit/serving.ts';

test('only a QUERY of class IN asks for a transfer', () => {
  let asked = 0;
  const transfer = createTransfer(() => {
    asked += 1;
    return emptyReply(Rcode.NOERROR);
  });
  const next = { name: 'next', handle: () => emptyReply(Rcode.NXDOMAIN) };
  const { entry } = entryOf({ '.': [transfer, next] }, { transport: 'tcp', allowsOtherClasses: true });
  for (const type of ['AXFR', 'IXFR']) {
    assert.equal(ask(entry, question('z', type)).rcode, Rcode.NOERROR);
    assert.equal(ask(entry, question('z', type, { opcode: 4 })).rcode, Rcode.NXDOMAIN);
    assert.equal(ask(entry, question('z', type, { class: 'CH' })).rcode, Rcode.NXDOMAIN);
  }
  assert.equal(asked, 2);
});

test('what nobody answers is refused with a reason, and told of with client and zone', () => {
  const { entry, lines } = entryOf({ 'a.test.': [] }, { transport: 'tcp' });
  const reply = entry.answer(question('b.test', 'AXFR', { edns: {} }), { address: '192.0.2.1', port: 4000 });
  assert.ok(Buffer.isBuffer(reply));
  const wrongZone = readMessage(reply);
  assert.equal(wrongZone?.rcode, Rcode.REFUSED);
  assert.deepEqual(
    wrongZone.edns?.options.map((option) => readExtendedError(option)),
    [{ code: 20, text: 'no server block has it' }],
  );
  ask(entry, question('a.test', 'IXFR', { edns: {}, class: 'CH' }));
  const twice = question('a.test', 'AXFR');
  twice.writeUInt16BE(2, 4);
  assert.equal(ask(entry, twice).rcode, Rcode.FORMERR);
  // Of ordinary questions there is nothing in the log.
  ask(entry, question('b.test', 'A'));
  const other = question('a.test', 'A');
  other.writeUInt16BE(2, 4);
  ask(entry, other);
  assert.deepEqual(
    lines.map((line) => line.trimEnd()),
    [
      '[INFO] Refused AXFR of zone "b.test." to 192.0.2.1: no server block has it',
      '[INFO] Refused IXFR of zone "a.test." to 192.0.2.1: transfers are of class IN',
      '[INFO] Refused AXFR of zone "a.test." to 192.0.2.1: the request is malformed',
    ],
  );
});
