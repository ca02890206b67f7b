/** Plugins that read files, in front of a zone whose answers are kept encoded; split answers by `view`. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { Handler } from '../../src/serve/chain.ts';
import { openHosts } from '../../src/serve/plugins/hosts.ts';
import type { Serving } from '../../src/serve/serving.ts';
import { optionsOf } from '../kit/corefile.ts';
import { DnsClient } from '../kit/dns-client.ts';
import { freePorts } from '../kit/free-ports.ts';
import { LookTimer } from '../kit/look-timer.ts';
import { loopbackBlock, nameOf, servingOf, ToyZone } from '../kit/serving.ts';
import { temporaryFolder } from '../kit/temporary.ts';

const running: Serving[] = [];

afterEach(async () => {
  for (const serving of running.splice(0)) await serving.stop(100);
});

test('a name that a hosts file gets is answered from there at once, though its old answer was kept', async (t) => {
  const folder = temporaryFolder(t);
  folder.write('hosts', '');
  const zone = new ToyZone();
  zone.set('web', '10.0.0.1');
  const clock = new LookTimer();
  const kit = servingOf({
    hosts: (block, tools) => openHosts(block, tools, clock.timer),
    kubernetes: () => zone.handler(),
  });
  running.push(kit.serving);
  const options = optionsOf(`root ${folder.path}\nhosts hosts {\nfallthrough\n}`);
  let port = 0;
  // Another test may take a free port first.
  for (let attempt = 0; attempt < 5 && port === 0; attempt++) {
    const [free = 0] = await freePorts(1);
    const keys = [{ transport: 'dns', zone: nameOf('.'), port: free }] as const;
    if ((await kit.serving.configure([loopbackBlock(['hosts', 'kubernetes'], { keys, options })])).ok) port = free;
  }
  assert.notEqual(port, 0);
  const client = new DnsClient(port);
  const ask = async () => (await client.ask('web.toy.test', 'A')).answer.map((record) => JSON.stringify(record)).join();
  assert.match(await ask(), /10\.0\.0\.1/);
  assert.match(await ask(), /10\.0\.0\.1/);
  assert.equal(zone.asked, 1, 'the second answer was a kept one');
  folder.write('hosts', '192.0.2.7 web.toy.test');
  await clock.look();
  assert.match(await ask(), /192\.0\.2\.7/);
});

test('views of one zone: each question goes to the first block whose expression is true', async () => {
  const answering = (address: string): Handler => ({
    name: 'fixed',
    isPure: true,
    handle: ({ question }) => ({
      kind: 'reply',
      rcode: 0,
      isAuthoritative: true,
      answer: [{ owner: question.name, type: 1, ttl: 5, rdata: { type: 'A', address } }],
      authority: [],
      additional: [],
      source: { zone: 'z', names: [question.name] },
    }),
  });
  const kit = servingOf({ fixed: ({ options }) => answering(options.view ? '192.0.2.1' : '192.0.2.2') });
  running.push(kit.serving);
  const [port = 0] = await freePorts(1);
  const keys = [{ transport: 'dns', zone: nameOf('.'), port }] as const;
  const options = optionsOf("view first {\nexpr name() startsWith 'a.'\n}");
  const blocks = [loopbackBlock(['fixed', 'view'], { keys, options }), loopbackBlock(['fixed'], { keys })];
  assert.ok((await kit.serving.configure(blocks)).ok);
  const client = new DnsClient(port);
  for (const [name, address] of [
    ['a.test', '192.0.2.1'],
    ['b.test', '192.0.2.2'],
    ['a.test', '192.0.2.1'],
  ] as const) {
    assert.match(
      JSON.stringify((await client.ask(name, 'A')).answer),
      new RegExp(address.replaceAll('.', '\\.')),
      name,
    );
  }
});
