import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rcode } from '../../src/dns/rrset.ts';
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
