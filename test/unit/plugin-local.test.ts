import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLocal } from '../../src/serve/plugins/local.ts';
import { askHandler, nextWith, requestOf } from '../kit/handlers.ts';

const soa = (zone: string) => `${zone} 604800 IN SOA localhost. root.localhost. 1 0 0 0 604800`;
const ask = (name: string, type: string, localhostPrefix = true) =>
  askHandler(createLocal({ localhostPrefix }), requestOf(name, type));

test('local: the local host, names below it, and names that begin with it', async () => {
  for (const name of ['localhost.', 'a.b.localhost.', 'localhost.corp.example.']) {
    assert.deepEqual((await ask(name, 'A')).answer, [`${name} 604800 IN A 127.0.0.1`]);
    assert.deepEqual((await ask(name, 'AAAA')).answer, [`${name} 604800 IN AAAA ::1`]);
    assert.deepEqual(await ask(name, 'TXT'), {
      rcode: 'NOERROR',
      aa: false,
      answer: [],
      authority: [soa(name)],
      additional: [],
    });
  }
  assert.deepEqual((await ask('localhost', 'NS')).answer, ['localhost. 604800 IN NS localhost.']);
  assert.deepEqual((await ask('localhost', 'SOA')).answer, [soa('localhost.')]);
});

test('local: the reverse zones', async () => {
  assert.deepEqual((await ask('1.0.0.127.in-addr.arpa', 'PTR')).answer, [
    '1.0.0.127.in-addr.arpa. 604800 IN PTR localhost.',
  ]);
  assert.deepEqual((await ask('0.in-addr.arpa', 'A')).authority, [soa('0.in-addr.arpa.')]);
  const missing = await ask('9.255.in-addr.arpa', 'PTR');
  assert.deepEqual([missing.rcode, missing.authority], ['NXDOMAIN', [soa('255.in-addr.arpa.')]]);
});

test('local: other names go on, and with localhost_prefix off those of other domains too', async () => {
  const { next, asked } = nextWith('');
  await askHandler(createLocal({ localhostPrefix: true }), requestOf('notlocalhost.', 'A'), next);
  await askHandler(createLocal({ localhostPrefix: false }), requestOf('localhost.corp.example', 'A'), next);
  assert.equal(asked.length, 2);
});

test('local: names of the local host are counted', async () => {
  const handler = createLocal({ localhostPrefix: true });
  await askHandler(handler, requestOf('localhost.example', 'A'));
  await askHandler(handler, requestOf('localhost', 'A'));
  assert.equal(handler.metrics?.()[0]?.samples[0]?.value, 1);
});
