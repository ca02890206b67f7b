import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rcode, RRType } from '../../src/dns/rrset.ts';
import { emptyReply, type Handler, type Reply } from '../../src/serve/chain.ts';
import { createWhoami } from '../../src/serve/plugins/whoami.ts';
import { ask, decode, entryOf, nameOf, question, REMOTE, ToyZone } from '../kit/serving.ts';

function replying(name: string, make: () => Partial<Reply>): Handler {
  return { name, handle: () => ({ ...emptyReply(Rcode.NOERROR), ...make() }) };
}

function toy(count = 1): ToyZone {
  const zone = new ToyZone();
  zone.set('web', ...Array.from({ length: count }, (_, i) => `10.0.${i >> 8}.${i & 255}`));
  return zone;
}

test('opcodes other than QUERY and NOTIFY are NOTIMP, malformed counts FORMERR, without the question', () => {
  const { entry } = entryOf({ '.': [createWhoami()] });
  const status = ask(entry, question('a.test', 'A', { opcode: 2 }));
  assert.equal(status.rcode, Rcode.NOTIMP);
  assert.deepEqual(status.message.questions, []);
  const two = question('a.test', 'A');
  two.writeUInt16BE(2, 4);
  assert.equal(ask(entry, two).rcode, Rcode.FORMERR);
});

test('responses and packets too short for a header get no reply', () => {
  const { entry } = entryOf({ '.': [createWhoami()] });
  const response = question('a.test', 'A');
  response.writeUInt8(0x81, 2);
  assert.equal(entry.answer(response, REMOTE), undefined);
  assert.equal(entry.answer(Buffer.alloc(11), REMOTE), undefined);
});

test('classes other than IN are refused unless a plugin of the listener takes them', () => {
  const chaos = question('version.bind', 'TXT', { class: 'CH' });
  const closed = entryOf({ '.': [createWhoami()] });
  assert.equal(ask(closed.entry, chaos).rcode, Rcode.REFUSED);
  const open = entryOf({ '.': [createWhoami()] }, { allowsOtherClasses: true });
  assert.equal(ask(open.entry, chaos).rcode, Rcode.NOERROR);
});

test('another class is refused, whatever the version of EDNS: CoreDNS looks at it first', () => {
  const { entry } = entryOf({ '.': [createWhoami()] });
  const asked = question('version.bind', 'TXT', { class: 'CH', edns: { version: 1 } });
  assert.equal(ask(entry, asked).rcode, Rcode.REFUSED);
});

test('an EDNS version other than 0 is BADVERS: an OPT that says so, of size 0', () => {
  const zone = toy();
  const { entry } = entryOf({ '.': [zone.handler()] });
  const { rcode, opt, answer } = ask(entry, question('web.toy.test', 'A', { edns: { version: 1, isDnssecOk: true } }));
  assert.deepEqual(answer, []);
  assert.ok(opt);
  assert.deepEqual([opt.extendedRcode, opt.ednsVersion, opt.udpPayloadSize, opt.flag_do], [1, 0, 0, false]);
  assert.equal(rcode, 0, 'the low four bits of 16');
  assert.equal(zone.asked, 0);
});

test('the block of the longest zone answers, names outside are refused, and so is a block without plugins', () => {
  const at = (text: string) => replying(text, () => ({ rcode: Rcode.NXDOMAIN, ede: { code: 0, text } }));
  const { entry } = entryOf({ 'example.': [at('upper')], 'a.example.': [at('lower')], 'empty.test.': [] });
  const who = (name: string) => {
    const outgoing = ask(entry, question(name, 'A', { edns: {} }));
    const option = outgoing.opt?.options.find((o) => Number(o.code) === 15);
    return option ? Buffer.from('data' in option ? (option.data ?? '') : '').toString('latin1', 2) : outgoing.rcode;
  };
  assert.equal(who('example'), 'upper');
  assert.equal(who('b.example'), 'upper');
  assert.equal(who('xa.example'), 'upper');
  assert.equal(who('a.example'), 'lower');
  assert.equal(who('X.y.A.Example'), 'lower');
  assert.equal(who('other.test'), Rcode.REFUSED);
  assert.equal(who('a.empty.test'), Rcode.REFUSED);
});

test('DS goes to the parent if it is served here, but not on to the root', () => {
  const asked: string[] = [];
  const at = (text: string) =>
    replying(text, () => {
      asked.push(text);
      return {};
    });
  const { entry } = entryOf({ '.': [at('root')], 'example.': [at('parent')], 'a.example.': [at('child')] });
  ask(entry, question('a.example', 'DS'));
  ask(entry, question('a.example', 'A'));
  ask(entry, question('example', 'DS'));
  ask(entry, question('else', 'DS'));
  assert.deepEqual(asked, ['parent', 'child', 'parent', 'root']);
});

test('a filtered block is passed over for requests that it does not choose', () => {
  const asked: string[] = [];
  const at = (text: string) =>
    replying(text, () => {
      asked.push(text);
      return {};
    });
  const { entry } = entryOf(
    { 'example.': [at('wide')], 'a.example.': [at('filtered')] },
    { chosen: { 'a.example.': (request) => request.remote.port === 1 } },
  );
  entry.answer(question('a.example', 'A'), { address: '192.0.2.1', port: 1 });
  entry.answer(question('a.example', 'A'), { address: '192.0.2.1', port: 2 });
  assert.deepEqual(asked, ['filtered', 'wide']);
});

test('the reply has an OPT if and only if the question has one, with DO, the client size and the options to echo', () => {
  const { entry } = entryOf({ '.': [toy().handler()] });
  assert.equal(ask(entry, question('web.toy.test', 'A')).opt, undefined);
  const cookie = Buffer.from('0102030405060708', 'hex');
  const options = [
    { code: 10, data: cookie },
    { code: 8, data: Buffer.from('0001180000', 'hex') },
    { code: 65_001, data: Buffer.from([1]) },
  ];
  const { opt } = ask(entry, question('web.toy.test', 'A', { edns: { udpSize: 777, isDnssecOk: true, options } }));
  assert.ok(opt);
  assert.deepEqual([opt.udpPayloadSize, opt.flag_do], [777, true]);
  assert.deepEqual(
    opt.options.map((option) => Number(option.code)),
    [10],
  );
});

test('over UDP the reply fits into 512 octets or what the client takes; over TCP all of it is sent', () => {
  const zone = toy(200);
  const udp = entryOf({ '.': [zone.handler()] }).entry;
  const sizes = [undefined, 100, 512, 1232, 4096].map((udpSize) => {
    const octets = udp.answer(
      question('web.toy.test', 'A', udpSize === undefined ? {} : { edns: { udpSize } }),
      REMOTE,
    );
    assert.ok(Buffer.isBuffer(octets));
    const { isTruncated, answer } = decode(octets);
    assert.equal(isTruncated, answer.length < 200);
    return octets.length;
  });
  const limits = [512, 512, 512, 1232, 4096];
  assert.ok(
    limits.every((limit, i) => (sizes[i] as number) <= limit),
    String(sizes),
  );
  assert.ok((sizes[3] as number) > 1200);
  const tcp = entryOf({ '.': [zone.handler()] }, { transport: 'tcp' }).entry;
  assert.equal(ask(tcp, question('web.toy.test', 'A')).answer.length, 200);
});

test('the end of the chain is SERVFAIL without AA, and says which plugin had no next one', () => {
  const failures: (string | undefined)[] = [];
  const listener: Handler = {
    name: 'errors',
    handle(request, next) {
      const done = next(request);
      if (!(done instanceof Promise) && done.kind === 'reply') failures.push(done.failure);
      return done;
    },
  };
  const { entry, tally } = entryOf({ '.': [listener, toy().handler()] });
  const { rcode, isAuthoritative } = ask(entry, question('www.example.net', 'A'));
  assert.deepEqual([rcode, isAuthoritative], [Rcode.SERVFAIL, false]);
  assert.deepEqual(failures, ['plugin/kubernetes: no next plugin found']);
  const responses = tally.snapshot().find(({ name }) => name === 'coredns_dns_responses_total');
  assert.deepEqual(responses?.samples[0]?.labels, ['dns://:53', '.', '', 'SERVFAIL', '']);
});

test('a plugin that throws costs one SERVFAIL, a count, and at most one line a second', async () => {
  let now = 100;
  const bad: Handler = {
    name: 'bad',
    handle(request) {
      if (request.question.type === RRType.A) throw new Error('boom\nsecond line');
      return Promise.reject(new Error('late boom'));
    },
  };
  const illegal = replying('illegal', () => ({
    answer: [{ owner: nameOf('x'), type: RRType.A, ttl: 1, rdata: { type: 'A', address: 'no address' } }],
  }));
  const { entry, tally, lines } = entryOf({ '.': [bad], 'illegal.': [illegal] }, { now: () => now });
  assert.equal(ask(entry, question('a.test', 'A')).rcode, Rcode.SERVFAIL);
  assert.equal(ask(entry, question('a.illegal', 'A')).rcode, Rcode.SERVFAIL);
  const late = await entry.answer(question('a.test', 'TXT'), REMOTE);
  assert.ok(Buffer.isBuffer(late));
  assert.equal(decode(late).rcode, Rcode.SERVFAIL);
  assert.equal(lines.length, 1);
  assert.match(
    lines[0] as string,
    /^\[ERROR\] Recovered from panic in server: "dns:\/\/:53" Error: boom second line[^\n]*\n$/,
  );
  now += 2;
  ask(entry, question('a.test', 'A'));
  assert.match(lines[1] as string, /and 2 more before it/);
  const panics = tally.snapshot().find(({ name }) => name === 'coredns_panics_total');
  assert.equal(panics?.samples[0]?.value, 4);
});

test('the id, and the spelling of the name, are those of each question', () => {
  const zone = toy();
  const { entry } = entryOf({ '.': [zone.handler()] });
  const first = ask(entry, question('web.toy.test', 'A', { id: 7 }));
  const second = ask(entry, question('web.toy.test', 'A', { id: 0xbeef }));
  const third = ask(entry, question('wEb.ToY.test', 'A', { id: 9 }));
  assert.deepEqual([first.id, second.id, third.id], [7, 0xbeef, 9]);
  assert.equal(zone.asked, 2, 'the second one was kept, the third is another question');
  assert.equal(third.message.answers?.[0]?.name, 'wEb.ToY.test');
});

test('questions with EDNS options, NOTIFY, and blocks with an impure plugin are not kept', () => {
  const zone = toy();
  const pure = entryOf({ '.': [zone.handler()] });
  const withCookie = question('web.toy.test', 'A', { edns: { options: [{ code: 10, data: Buffer.alloc(8) }] } });
  for (let i = 0; i < 2; i++) ask(pure.entry, withCookie);
  for (let i = 0; i < 2; i++) ask(pure.entry, question('web.toy.test', 'A', { opcode: 4 }));
  assert.equal(zone.asked, 4);
  const acl: Handler = { name: 'acl', handle: (request, next) => next(request) };
  const impure = entryOf({ '.': [acl, zone.handler()] });
  for (let i = 0; i < 2; i++) ask(impure.entry, question('web.toy.test', 'A'));
  assert.equal(zone.asked, 6);
  assert.equal(impure.entry.cache.size.entries, 0);
});

test('a signed question is neither kept nor answered from what is kept', () => {
  const zone = toy();
  const { entry } = entryOf({ '.': [zone.handler()] });
  const signed = Buffer.concat([question('web.toy.test', 'A'), Buffer.from('0000fa00ff000000000000', 'hex')]);
  signed.writeUInt16BE(1, 10); // the TSIG record
  for (let i = 0; i < 2; i++) assert.equal(ask(entry, signed).rcode, Rcode.NOERROR);
  assert.deepEqual([zone.asked, entry.cache.size.entries], [2, 0]);
});

test('an answer that was overtaken by a change while it was awaited is sent, but not kept', async () => {
  const zone = toy();
  let release = (): void => {};
  const slow: Handler = {
    name: 'slow',
    isPure: true,
    handle: (request, next) =>
      new Promise<void>((resolve) => {
        release = resolve;
      }).then(() => next(request)),
  };
  const { entry } = entryOf({ '.': [slow, zone.handler()] });
  const pending = entry.answer(question('web.toy.test', 'A'), REMOTE);
  entry.cache.invalidate(zone.id, [nameOf('web.toy.test')]);
  release();
  assert.ok(Buffer.isBuffer(await pending));
  assert.equal(entry.cache.size.entries, 0);
});

test('observers see kept replies too, with what was sent', () => {
  const zone = toy();
  const seen: unknown[] = [];
  const observer: Handler = {
    name: 'log',
    isPure: true,
    handle: (request, next) => next(request),
    observe: (request, sent) =>
      seen.push([request.id, request.question.spelling, sent?.rcode, sent?.answers, sent?.size]),
  };
  const { entry } = entryOf({ '.': [observer, zone.handler()] });
  ask(entry, question('web.toy.test', 'A', { id: 1 }));
  ask(entry, question('web.toy.test', 'A', { id: 2 }));
  assert.equal(zone.asked, 1);
  const size = 12 + 18 + 16;
  assert.deepEqual(seen, [
    [1, 'web.toy.test.', 0, 1, size],
    [2, 'web.toy.test.', 0, 1, size],
  ]);
});

test('a question of the server to itself takes the whole way, and can not nest without end', async () => {
  const names: string[] = [];
  let depths = 0;
  const asking: Handler = {
    name: 'asking',
    async handle(request) {
      depths = Math.max(depths, request.depth ?? 0);
      names.push(request.serverZone);
      const other = await kit.entry.resolve({ ...request, question: { ...request.question, name: nameOf('b.two') } });
      return other ?? emptyReply(Rcode.SERVFAIL);
    },
  };
  const kit = entryOf({ 'one.': [asking], 'two.': [asking] });
  const outgoing = await kit.entry.answer(question('a.one', 'A'), REMOTE);
  assert.ok(Buffer.isBuffer(outgoing));
  assert.equal(decode(outgoing).rcode, Rcode.SERVFAIL);
  assert.equal(depths, 8);
  assert.deepEqual(names.slice(0, 2), ['one.', 'two.']);
});

test('a reply is sealed after it is encoded, within the limit', () => {
  const zone = toy(200);
  const sealing: Handler = {
    name: 'tsig',
    handle(request, next) {
      const done = next(request);
      if (done instanceof Promise || done.kind !== 'reply') return done;
      return { ...done, seal: { octets: 100, apply: (message) => Buffer.concat([message, Buffer.alloc(100, 7)]) } };
    },
  };
  const { entry } = entryOf({ '.': [sealing, zone.handler()] });
  const octets = entry.answer(question('web.toy.test', 'A'), REMOTE);
  assert.ok(Buffer.isBuffer(octets));
  assert.ok(octets.length <= 512 && octets.length > 480);
  assert.equal(octets.at(-1), 7);
});
