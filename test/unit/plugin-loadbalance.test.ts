import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Rcode, RRType } from '../../src/dns/rrset.ts';
import { parseZoneText } from '../../src/dns/zonefile.ts';
import { emptyReply, type Handler, type Reply } from '../../src/serve/chain.ts';
import { createLoadbalance, openLoadbalance } from '../../src/serve/plugins/loadbalance.ts';
import { parseWeights, weightOf } from '../../src/serve/plugins/weights.ts';
import { optionsOf } from '../kit/corefile.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { blockOf, requestOf, textOf, toolsOf } from '../kit/handlers.ts';
import { ask, entryOf, nameOf, question, ToyZone } from '../kit/serving.ts';
import { temporaryFolder } from '../kit/temporary.ts';
import { eventually } from '../kit/wait.ts';

function last(parts: Partial<Reply>): Handler {
  return { name: 'last', isPure: true, handle: () => ({ ...emptyReply(Rcode.NOERROR), ...parts }) };
}

test('loadbalance: CNAMEs stay in front, other records keep their order, addresses and MX move', () => {
  const cname = {
    owner: nameOf('a.test'),
    type: RRType.CNAME,
    ttl: 5,
    rdata: { type: 'CNAME', target: nameOf('b.test') },
  } as const;
  const answer = [cname, ...parseZoneText([1, 2, 3, 4].map((i) => `b.test. 5 IN A 10.0.0.${i}`).join('\n'))];
  const randoms = [0, 0.9, 0.1, 0.5, 0.2, 0.8, 0.4];
  const balance = createLoadbalance([], () => randoms.shift() ?? 0.3);
  const { entry } = entryOf({ '.': [balance, last({ answer })] });
  const orders = [1, 2].map((id) => ask(entry, question('a.test', 'A', { id })).answer);
  assert.notDeepEqual(orders[0], orders[1]);
  for (const order of orders) {
    assert.equal(order[0], 'a.test 5 CNAME b.test');
    assert.deepEqual(
      order.slice(1).toSorted(),
      answer.slice(1).map((r) => `b.test 5 A ${'address' in r.rdata ? r.rdata.address : ''}`),
    );
  }
});

test('loadbalance: an alias comes before the DNAME that it was made of, as CoreDNS sends it', () => {
  const answer = parseZoneText('d.test. 5 IN DNAME o.test.\nx.d.test. 5 IN CNAME x.o.test.');
  const { entry } = entryOf({ '.': [createLoadbalance([], Math.random), last({ answer })] });
  const types = ask(entry, question('x.d.test', 'TXT')).answer.map((line) => line.split(' ')[2]);
  assert.deepEqual(types, ['CNAME', 'DNAME']);
});

test('loadbalance prefer: addresses of the networks first, and then nothing is kept in another order', () => {
  const zone = new ToyZone();
  zone.set('web', '10.0.0.1', '192.168.3.4', '10.9.9.9', '192.168.200.1');
  const prefer = [{ text: '192.168.0.0', bytes: [192, 168, 0, 0], prefix: 17 }];
  const { entry } = entryOf({ '.': [createLoadbalance(prefer, Math.random), zone.handler()] });
  for (let i = 0; i < 10; i++) {
    assert.equal(ask(entry, question('web.toy.test', 'A')).answer[0], 'web.toy.test 5 A 192.168.3.4');
  }
});

const WEIGHTS = `
# comment
www.test
  192.0.2.1 3
  192.0.2.2 1
  192.0.2.2 200

WWW6.test.
2001:DB8:0::1 2
::ffff:192.0.2.9 7
`;

function weighted(t: TestContext, options: string, text: string | undefined, random: () => number = () => 0) {
  const folder = temporaryFolder(t);
  if (text !== undefined) folder.write('weights', text);
  const clock = new FakeClock();
  const { tools, lines } = toolsOf({ random });
  const block = blockOf(optionsOf(`root ${folder.path}\nloadbalance weighted weights ${options}`));
  const handler = openLoadbalance(block, tools, clock.timer);
  t.after(() => handler.close?.());
  const first = async (type = 'A', answer = ADDRESSES, more = '') => {
    const own = { ...emptyReply(Rcode.NOERROR), answer: parseZoneText(answer), additional: parseZoneText(more) };
    return textOf(await handler.handle(requestOf('www.test', type), () => own));
  };
  return { folder, clock, handler, lines, first };
}

const ADDRESSES = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((one) => `www.test. 5 IN A ${one}`).join('\n');

test('weights are read by name and address, in any spelling', () => {
  const read = parseWeights(WEIGHTS, 'w');
  assert.ok(read.ok);
  assert.equal(weightOf(read.value, nameOf('www.test'), '192.0.2.1'), 3);
  assert.equal(weightOf(read.value, nameOf('www.test'), '192.0.2.2'), 1, 'the first of two');
  assert.equal(weightOf(read.value, nameOf('www.test'), '192.0.2.3'), 1, 'none is given');
  assert.equal(weightOf(read.value, nameOf('www6.test'), '2001:db8::1'), 2);
  assert.equal(weightOf(read.value, nameOf('www6.test'), '192.0.2.9'), 7);
});

test('a file of weights that is wrong is refused with its line', () => {
  const faults: Readonly<Record<string, RegExp>> = {
    '192.0.2.1': /^wrong domain name:"192.0.2.1" in weight file w. \(Maybe a missing weight value\?\)$/,
    'www.test\nx 3': /^wrong IP address:"x" in weight file w$/,
    'www.test\n192.0.2.1 0': /^wrong weight value:"0" in weight file w$/,
    'www.test\n192.0.2.1 256': /^wrong weight value:"256" in weight file w$/,
    '192.0.2.1 3': /^missing domain name in weight file w$/,
    'a b c': /^could not parse weight line:"a b c" in weight file w$/,
  };
  for (const [text, wrong] of Object.entries(faults)) {
    const read = parseWeights(text, 'w');
    assert.match(read.ok ? 'no fault' : read.error, wrong);
  }
});

test('weighted: an address comes first as often as it weighs', async (t) => {
  let turn = 0;
  // Every value that counts, once: 3 + 1 + 1.
  const { first } = weighted(t, '', WEIGHTS, () => (turn++ % 5) / 5);
  const counts = new Map<string, number>();
  for (let i = 0; i < 50; i++) {
    const [top = '', ...rest] = (await first()).answer;
    assert.deepEqual([top, ...rest].toSorted(), ADDRESSES.split('\n'), 'nothing is lost');
    counts.set(top.slice(-1), (counts.get(top.slice(-1)) ?? 0) + 1);
  }
  assert.deepEqual([...counts].toSorted(), [
    ['1', 30],
    ['2', 10],
    ['3', 10],
  ]);
});

test('weighted: aliases stay in front, targets of SRV are weighed too, other types are left alone', async (t) => {
  const { first, handler } = weighted(t, '', WEIGHTS, () => 0.99);
  const alias = `x.test. 5 IN CNAME www.test.\n${ADDRESSES}`;
  assert.deepEqual((await first('A', alias)).answer.slice(0, 2), [
    'x.test. 5 IN CNAME www.test.',
    ADDRESSES.split('\n')[2],
  ]);
  const srv = await first('SRV', 'www.test. 5 IN SRV 0 0 80 www.test.', ADDRESSES);
  assert.equal(srv.additional[0], ADDRESSES.split('\n')[2]);
  assert.deepEqual((await first('MX', ADDRESSES)).answer, ADDRESSES.split('\n'));
  assert.notEqual(handler.isPure, true, 'what is drawn anew is not kept');
});

test('weighted: the file is read again, and what is wrong with it then changes nothing', async (t) => {
  const { folder, clock, first, lines } = weighted(t, '{\nreload 10s\n}', undefined, () => 0.5);
  assert.match(
    lines[0] ?? '',
    /^\[WARNING\] Failed to open weight file:open .*weights: no such file or directory\. Will try again in 10s/,
  );
  assert.equal((await first()).answer[0], ADDRESSES.split('\n')[1]);
  folder.write('weights', 'www.test\n192.0.2.3 250');
  clock.advance(10_000);
  await eventually(first, ({ answer }) => answer[0] === ADDRESSES.split('\n')[2], 'the weight counts');
  folder.write('weights', 'nonsense here too');
  await eventually(
    () => {
      clock.advance(10_000);
      return lines.join('');
    },
    (text) => text.includes('[ERROR] could not parse weight line:"nonsense here too"'),
    'the fault is told',
  );
  assert.equal((await first()).answer[0], ADDRESSES.split('\n')[2]);
});

test('weighted: a file that is missing for good, or wrong from the start, is a reason not to start', (t) => {
  assert.throws(() => weighted(t, '{\nreload 0s\n}', undefined), /open .*weights: no such file or directory/);
  assert.throws(() => weighted(t, '', 'a b c'), /could not parse weight line/);
});
