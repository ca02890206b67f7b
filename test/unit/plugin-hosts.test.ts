import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Handler } from '../../src/serve/chain.ts';
import { openHosts } from '../../src/serve/plugins/hosts.ts';
import { addressOfReverse, reverseName } from '../../src/serve/plugins/reverse-name.ts';
import { optionsOf } from '../kit/corefile.ts';
import { askHandler, blockOf, nextWith, requestOf, toolsOf } from '../kit/handlers.ts';
import { LookTimer } from '../kit/look-timer.ts';
import { nameOf } from '../kit/serving.ts';
import { temporaryFolder } from '../kit/temporary.ts';

const FILE = `
# a comment
192.0.2.1 web.test www.test # another
192.0.2.2	WEB.test
2001:DB8::1 web.test
fe80::1%lo0 link.test
999.1.1.1 wrong.test
192.0.2.3 *.wild.test
`;

function hostsOf(t: TestContext, options = '', zones = '', text = FILE) {
  const folder = temporaryFolder(t);
  folder.write('hosts', text);
  const { tools, lines, drops } = toolsOf();
  const clock = new LookTimer();
  const block = blockOf(optionsOf(`root ${folder.path}\nhosts hosts ${zones} {\n${options}\n}`));
  const handler = openHosts(block, tools, clock.timer);
  t.after(() => handler.close?.());
  return { handler, clock, lines, drops, folder };
}

const ask = (handler: Handler, name: string, type: string) => askHandler(handler, requestOf(name, type));

test('hosts: addresses by name, names by address', async (t) => {
  const { handler } = hostsOf(t);
  assert.deepEqual(await ask(handler, 'Web.Test', 'A'), {
    rcode: 'NOERROR',
    aa: true,
    answer: ['web.test. 3600 IN A 192.0.2.1', 'web.test. 3600 IN A 192.0.2.2'],
    authority: [],
    additional: [],
  });
  assert.deepEqual((await ask(handler, 'web.test', 'AAAA')).answer, ['web.test. 3600 IN AAAA 2001:db8::1']);
  assert.deepEqual((await ask(handler, 'link.test', 'AAAA')).answer, ['link.test. 3600 IN AAAA fe80::1']);
  assert.deepEqual((await ask(handler, '1.2.0.192.in-addr.arpa', 'PTR')).answer, [
    '1.2.0.192.in-addr.arpa. 3600 IN PTR web.test.',
    '1.2.0.192.in-addr.arpa. 3600 IN PTR www.test.',
  ]);
  assert.deepEqual((await ask(handler, reverseName('2001:db8::1'), 'PTR')).answer.length, 1);
  assert.deepEqual((await ask(handler, 'x.wild.test', 'A')).answer, ['x.wild.test. 3600 IN A 192.0.2.3']);
  // No host has the name of a wildcard.
  const { next, asked } = nextWith('');
  await handler.handle(requestOf('3.2.0.192.in-addr.arpa', 'PTR'), next);
  assert.equal(asked.length, 1);
});

test('hosts: a mapped address is an IPv4 address, as CoreDNS 1.14.7 answers it', async (t) => {
  const { handler } = hostsOf(t, '', '', '::ffff:192.0.2.33 mapped.test');
  assert.deepEqual((await ask(handler, 'mapped.test', 'A')).answer, ['mapped.test. 3600 IN A 192.0.2.33']);
  assert.deepEqual((await ask(handler, 'mapped.test', 'AAAA')).answer, []);
  assert.deepEqual((await ask(handler, '33.2.0.192.in-addr.arpa', 'PTR')).answer.length, 1);
});

test('hosts: a name without that type is NODATA, an unknown one SERVFAIL', async (t) => {
  const { handler } = hostsOf(t);
  for (const type of ['TXT', 'SRV']) assert.equal((await ask(handler, 'web.test', type)).rcode, 'NOERROR');
  assert.deepEqual((await ask(handler, 'www.test', 'AAAA')).answer, []);
  for (const name of ['none.test', 'x.y.wild.test', 'wrong.test']) {
    assert.equal((await ask(handler, name, 'A')).rcode, 'SERVFAIL', name);
  }
});

test('hosts: what goes on to the next plugin', async (t) => {
  const { next, asked } = nextWith('');
  const pass = async (handler: Handler, name: string, type: string) => {
    asked.length = 0;
    await askHandler(handler, requestOf(name, type), next);
    return asked.length === 1;
  };
  const plain = hostsOf(t).handler;
  assert.equal(await pass(plain, '9.2.0.192.in-addr.arpa', 'PTR'), true);
  assert.equal(await pass(plain, 'none.test', 'A'), false);
  const some = hostsOf(t, 'fallthrough sub.test').handler;
  assert.equal(await pass(some, 'none.test', 'A'), false);
  assert.equal(await pass(some, 'x.sub.test', 'A'), true);
  const all = hostsOf(t, 'fallthrough').handler;
  assert.equal(await pass(all, 'none.test', 'A'), true);
  assert.equal(await pass(all, 'web.test', 'TXT'), false);
  const types = hostsOf(t, 'fallthrough\nfallthrough_unsupported').handler;
  assert.equal(await pass(types, 'web.test', 'TXT'), true);
  assert.equal(await pass(types, 'www.test', 'AAAA'), false);
  const zoned = hostsOf(t, '', 'other.test').handler;
  assert.equal(await pass(zoned, 'web.test', 'A'), true);
  assert.equal(await pass(hostsOf(t, 'no_reverse').handler, '1.2.0.192.in-addr.arpa', 'PTR'), true);
});

test('hosts: lines of the Corefile, the TTL, and no file', async (t) => {
  const { handler, lines } = hostsOf(t, '192.0.2.9 own.test\nttl 7', '', '');
  assert.deepEqual((await ask(handler, 'own.test', 'A')).answer, ['own.test. 7 IN A 192.0.2.9']);
  assert.deepEqual(lines, []);
  const { tools, lines: warned } = toolsOf();
  openHosts(blockOf(optionsOf('hosts no-such-hosts-file')), tools, new LookTimer().timer);
  assert.match(warned.join(''), /File does not exist/);
});

test('hosts: the file is read again when it has changed', async (t) => {
  const { handler, clock, drops, folder } = hostsOf(t, 'reload 1s');
  assert.equal(clock.ms, 1000);
  await clock.look();
  assert.equal(drops(), 0);
  folder.write('hosts', '192.0.2.50 new.test');
  await clock.look();
  assert.equal(drops(), 1);
  assert.deepEqual((await ask(handler, 'new.test', 'A')).answer, ['new.test. 3600 IN A 192.0.2.50']);
  assert.equal((await ask(handler, 'web.test', 'A')).rcode, 'SERVFAIL');
  folder.remove('hosts');
  await clock.look();
  assert.equal((await ask(handler, 'new.test', 'A')).rcode, 'SERVFAIL');
  assert.equal(hostsOf(t, 'reload 0s').clock.ms, undefined);
});

test('hosts: metrics', (t) => {
  const { handler } = hostsOf(t, 'no_reverse');
  const families = new Map(handler.metrics?.().map((family) => [family.name, family.samples[0]]));
  assert.equal(families.get('coredns_hosts_entries')?.value, 6);
  assert.ok(Number(families.get('coredns_hosts_reload_timestamp_seconds')?.value) >= 1_700_000_000);
});

test('reverse names, there and back', () => {
  for (const address of ['192.0.2.1', '0.0.0.0', '2001:db8::1', '::']) {
    assert.equal(addressOfReverse(reverseName(address)), address);
  }
  for (const name of ['2.0.192.in-addr.arpa', '256.2.0.192.in-addr.arpa', 'x.ip6.arpa', '01.2.0.192.in-addr.arpa']) {
    assert.equal(addressOfReverse(nameOf(name)), undefined, name);
  }
});
