import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAcl } from '../../src/serve/plugins/acl.ts';
import { optionsOf } from '../kit/corefile.ts';
import { nextWith, requestOf } from '../kit/handlers.ts';

const OPTIONS = `
acl data.test {
  block type A net 192.0.2.0/24
  filter type AAAA net 0.0.0.0/0
  drop net 192.0.2.3
  allow net 192.0.2.0/24 2001:db8::/32
  block
}
acl infra.test {
  allow net 198.51.100.9
  block
}
acl {
  block type TXT
}`;

async function ask(name: string, type: string, address: string) {
  const handler = createAcl(optionsOf(OPTIONS).acl ?? [], 'inside');
  const { next, asked } = nextWith('');
  const outcome = await handler.handle(requestOf(name, type, { remote: { address, port: 1 } }), next);
  const what = asked.length > 0 ? 'next' : outcome.kind === 'reply' ? [outcome.rcode, outcome.ede?.code] : outcome.kind;
  const counted = handler
    .metrics?.()
    .flatMap((family) =>
      family.samples.map((sample) => `${family.name.slice('coredns_acl_'.length)} ${sample.labels.join(' ')}`),
    );
  return { what, counted };
}

test('acl: the first policy that fits counts, by type and address', async () => {
  assert.deepEqual((await ask('x.data.test', 'A', '192.0.2.7')).what, [5, 15]);
  assert.deepEqual((await ask('x.data.test', 'AAAA', '192.0.2.7')).what, [0, 17]);
  assert.equal((await ask('x.data.test', 'SRV', '192.0.2.3')).what, 'none');
  assert.equal((await ask('x.data.test', 'SRV', '192.0.2.4')).what, 'next');
  assert.deepEqual((await ask('x.data.test', 'SRV', '198.51.100.1')).what, [5, 15]);
});

test('acl: IPv6, mapped and scoped addresses', async () => {
  assert.equal((await ask('x.data.test', 'SRV', '2001:db8:ffff::1')).what, 'next');
  assert.deepEqual((await ask('x.data.test', 'SRV', '2001:db9::1')).what, [5, 15]);
  assert.equal((await ask('x.data.test', 'SRV', '::ffff:192.0.2.3')).what, 'none');
  assert.equal((await ask('x.infra.test', 'A', '::ffff:198.51.100.9')).what, 'next');
  assert.deepEqual((await ask('x.infra.test', 'A', 'fe80::1%eth0')).what, [5, 15]);
});

test('acl: a stanza without a word on a question leaves it to the next one', async () => {
  assert.equal((await ask('elsewhere.test', 'A', '192.0.2.7')).what, 'next');
  assert.deepEqual((await ask('elsewhere.test', 'TXT', '192.0.2.7')).what, [5, 15]);
});

test('acl: the OPT of its replies has DO and none of the options of the client, as CoreDNS 1.14.7 sends them', async () => {
  const handler = createAcl(optionsOf(OPTIONS).acl ?? [], '');
  const edns = { version: 0, udpSize: 1232, isDnssecOk: false, options: [{ code: 10, data: Buffer.alloc(8) }] };
  for (const type of ['A', 'AAAA']) {
    const remote = { address: '192.0.2.7', port: 1 };
    const outcome = await handler.handle(requestOf('x.data.test', type, { remote, edns }), nextWith('').next);
    assert.ok(outcome.kind === 'reply');
    assert.deepEqual([outcome.isDnssecOk, outcome.ednsOptions], [true, []]);
  }
});

test('acl: what it did is counted', async () => {
  assert.deepEqual((await ask('x.infra.test', 'A', '192.0.2.7')).counted, [
    'blocked_requests_total dns://127.0.0.1:53 infra.test. inside',
  ]);
  assert.deepEqual((await ask('a.test', 'A', '192.0.2.7')).counted, [
    'allowed_requests_total dns://127.0.0.1:53 inside',
  ]);
});

test('acl: its blocks are never answered from kept answers', () => {
  assert.notEqual(createAcl([], '').isPure, true);
});
