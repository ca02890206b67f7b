import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseZoneText } from '../../src/dns/zonefile.ts';
import { emptyReply, type Reply, type Request } from '../../src/serve/chain.ts';
import { createRewrite } from '../../src/serve/plugins/rewrite/rewrite.ts';
import { optionsOf } from '../kit/corefile.ts';
import { nextWith, requestOf, textOf } from '../kit/handlers.ts';
import { nameOf } from '../kit/serving.ts';

interface Asked {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly options: readonly string[];
}

async function ask(
  rules: string,
  name: string,
  parts: Partial<Request> = {},
  own: Partial<Reply> | string = '',
  type = 'A',
) {
  const handler = createRewrite(optionsOf(rules).rewrite ?? [], {
    askServer: ({ question }) => ({ ...emptyReply(0), answer: parseZoneText(`${question.name} 9 IN A 192.0.2.99`) }),
    findLabel: (_, key) => (key === 'kubernetes/namespace' ? 'apps' : undefined),
  });
  const { next, asked } = typeof own === 'string' ? nextWith(own) : nextWith('', own);
  const outcome = await handler.handle(requestOf(name, type, parts), next);
  assert.ok(outcome.kind === 'reply');
  const seen = asked.map(
    ({ question, edns }): Asked => ({
      name: question.name,
      type: question.type,
      class: question.class,
      options: (edns?.options ?? []).map(({ code, data }) => `${code} ${Buffer.from(data).toString('hex')}`),
    }),
  );
  return {
    ...textOf(outcome),
    reply: outcome,
    asked: seen,
    names: seen.map((one) => one.name),
    isPure: handler.isPure,
  };
}

test('rewrite name: exact, prefix, suffix, substring and regex find the name', async () => {
  for (const [rule, name, given] of [
    ['name a.test b.test', 'A.test', 'b.test.'],
    ['name exact a.test b.test', 'x.a.test', 'x.a.test.'],
    ['name prefix old- new-', 'old-x.test', 'new-x.test.'],
    ['name suffix .corp.test .svc.test', 'web.corp.test', 'web.svc.test.'],
    ['name substring middle apps', 'middle.x.middle.test', 'apps.x.apps.test.'],
    ['name regex (.*)-(us)[.]test {1}.{2}.other.test', 'web-us.test', 'web.us.other.test.'],
    ['name regex ^(?P<x>[a-z]+)[.]test[.]$ {1}.z', 'web.test', 'web.z.'],
  ] as const) {
    assert.deepEqual((await ask(`rewrite ${rule}`, name)).names, [given], rule);
  }
});

test('rewrite name: the reply is about the name that was asked', async () => {
  const exact = await ask(
    'rewrite name a.test b.test',
    'a.test',
    {},
    'b.test. 5 IN SRV 0 1 2 x.b.test.\nb.test. 5 IN CNAME c.test.',
  );
  assert.deepEqual(exact.answer, ['a.test. 5 IN SRV 0 1 2 x.a.test.', 'a.test. 5 IN CNAME c.test.']);
  const suffix = 'name suffix .corp.test .svc.test';
  const records = 'web.svc.test. 5 IN MX 1 mail.svc.test.\nother.net. 5 IN A 192.0.2.1';
  assert.deepEqual((await ask(`rewrite ${suffix} answer auto`, 'web.corp.test', {}, records)).answer, [
    'web.corp.test. 5 IN MX 1 mail.corp.test.',
    'other.net. 5 IN A 192.0.2.1',
  ]);
  assert.deepEqual(
    (await ask(`rewrite ${suffix}`, 'web.corp.test', {}, records)).answer[0],
    'web.svc.test. 5 IN MX 1 mail.svc.test.',
  );
  const prefix = 'rewrite name prefix old- new- answer auto';
  assert.deepEqual((await ask(prefix, 'old-x.test', {}, 'new-x.test. 5 IN A 192.0.2.1')).answer, [
    'old-x.test. 5 IN A 192.0.2.1',
  ]);
});

test('rewrite name: stated rules for names and values of the reply', async () => {
  const rule =
    'rewrite name regex (.*)[.]rx[.]test {1}.svc.test answer name (.*)[.]svc[.]test {1}.rx.test answer value (.*)[.]svc[.]test {1}.value.test';
  const { answer } = await ask(rule, 'web.rx.test', {}, 'web.svc.test. 5 IN CNAME db.svc.test.');
  assert.deepEqual(answer, ['web.rx.test. 5 IN CNAME db.value.test.']);
});

test('rewrite: `continue` rules are undone in turn, `stop` is the end', async () => {
  const rules = 'rewrite continue name a.test b.test\nrewrite name b.test c.test\nrewrite name c.test d.test';
  const { names, answer } = await ask(rules, 'a.test', {}, 'c.test. 5 IN A 192.0.2.1');
  assert.deepEqual([names, answer], [['c.test.'], ['a.test. 5 IN A 192.0.2.1']]);
});

test('rewrite: type, class, ttl and rcode', async () => {
  const [asked] = (await ask('rewrite continue type ANY A\nrewrite class CH IN', 'a.test', {}, '', 'ANY')).asked;
  assert.deepEqual([asked?.type, asked?.class], [1, 1]);
  const records = 'a.test. 5 IN A 192.0.2.1\na.test. 500 IN A 192.0.2.2';
  assert.match((await ask('rewrite ttl a.test 30', 'a.test', {}, records)).answer.join(), / 30 IN .* 30 IN /);
  assert.match((await ask('rewrite ttl suffix .test 30-60', 'a.test', {}, records)).answer.join(), / 30 IN .* 60 IN /);
  assert.match((await ask('rewrite ttl regex b.* 30', 'a.test', {}, records)).answer.join(), / 5 IN .* 500 IN /);
  assert.equal((await ask('rewrite rcode a.test SERVFAIL NXDOMAIN', 'a.test', {}, { rcode: 2 })).rcode, 'NXDOMAIN');
  assert.equal((await ask('rewrite rcode a.test NXDOMAIN NOERROR', 'a.test', {}, { rcode: 2 })).rcode, 'SERVFAIL');
});

test('rewrite cname: the alias leads elsewhere, and its new target is looked up', async () => {
  const records = 'a.test. 5 IN CNAME cdn.old.\ncdn.old. 5 IN A 192.0.2.1';
  for (const [rule, target] of [
    ['cname cdn.old cdn.new', 'cdn.new.'],
    ['cname suffix .old. .new.', 'cdn.new.'],
    ['cname prefix cdn x', 'x.old.'],
    ['cname regex (.*)[.]old[.] {1}.y.z', 'cdn.y.z.'],
  ] as const) {
    const { answer, reply } = await ask(
      `rewrite ${rule}`,
      'a.test',
      {},
      { answer: parseZoneText(records), source: { zone: 'z', names: [] } },
    );
    assert.deepEqual(answer, [`a.test. 5 IN CNAME ${target}`, `${target} 9 IN A 192.0.2.99`], rule);
    assert.equal(reply.source, undefined);
  }
  assert.equal((await ask('rewrite cname other.old x', 'a.test', {}, records)).answer.length, 2);
});

test('rewrite edns0: options for the servers behind', async () => {
  const edns = { version: 0, udpSize: 1232, isDnssecOk: false, options: [{ code: 65_001, data: Buffer.from([1]) }] };
  const options = async (rule: string, parts: Partial<Request> = { edns }) =>
    (await ask(`rewrite edns0 ${rule}`, 'a.test', parts)).asked[0]?.options;
  assert.deepEqual(await options('local set 65001 0x0203'), ['65001 0203']);
  assert.deepEqual(await options('local append 65001 ab'), ['65001 01', '65001 6162']);
  assert.deepEqual(await options('local replace 65002 ab'), ['65001 01']);
  assert.deepEqual(await options('local unset 65001'), []);
  assert.deepEqual(await options('nsid set', {}), ['3 ']);
  assert.deepEqual(await options('local set 65001 {client_ip}', {}), ['65001 c0000201']);
  assert.deepEqual(await options('local set 65001 {qtype}', {}), ['65001 0001']);
  assert.deepEqual(await options('local set 65001 {kubernetes/namespace}', {}), ['65001 61707073']);
  assert.deepEqual(await options('local set 65001 {none/such}', {}), []);
  assert.deepEqual(await options('subnet set 20 56', {}), ['8 00011400c00000']);
  const v6 = { remote: { address: '2001:db8:1:2:3::4', port: 1 } };
  assert.deepEqual(await options('subnet set 20 56', v6), ['8 0002380020010db8000100']);
  await assert.rejects(ask('rewrite edns0 local set 65001 {nonsense}', 'a.test'), /unsupported variable/);
  await assert.rejects(ask('rewrite edns0 local set 65001 0x123', 'a.test'), /hexadecimal/);
});

test('rewrite edns0: what comes back to the client', async () => {
  const option = (code: number, ...octets: number[]) => ({ code, data: Buffer.from(octets) });
  const edns = (...options: ReturnType<typeof option>[]) => ({
    edns: { version: 0, udpSize: 1232, isDnssecOk: false, options },
  });
  const back = async (rule: string, parts: Partial<Request>, own: Partial<Reply> = {}) =>
    (await ask(`rewrite edns0 ${rule}`, 'a.test', parts, own)).reply.ednsOptions?.map(
      ({ code, data }) => `${code} ${Buffer.from(data).toString('hex')}`,
    );
  const upstream = { ednsOptions: [option(65_001, 9), option(3, 1, 2)] };
  assert.deepEqual(await back('local set 65001 0x09', edns(), upstream), ['65001 09', '3 0102'], 'as it comes');
  assert.deepEqual(await back('local set 65001 0x09 revert', edns(), upstream), ['3 0102'], 'what was added is gone');
  const replaced = await back('local replace 65001 0x09 revert', edns(option(65_001, 1)), upstream);
  assert.deepEqual(replaced, ['65001 01', '3 0102'], 'what was changed is changed back');
  assert.deepEqual(await back('nsid unset', edns(option(3), option(10, 1))), ['10 01'], 'echoes are of what is left');
  assert.deepEqual(await back('nsid set', edns()), ['3 '], 'what the rule added is echoed, as CoreDNS 1.14.7 has it');
  assert.deepEqual(await back('local set 65001 0x09', edns(option(10, 1), option(5))), ['10 01', '65001 09']);
  assert.deepEqual(await back('local replace 65001 0x09', edns(option(65_001, 1))), ['65001 09']);
  assert.deepEqual(await back('local unset 65002', edns(option(65_001, 1), option(65_002, 2))), []);
  assert.deepEqual(await back('nsid append revert', edns(), upstream), ['65001 09']);
});

test('rewrite: a name that is none is an error', async () => {
  const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(50)}.test`;
  const { rcode, reply, asked } = await ask(`rewrite name suffix .test .${'e'.repeat(30)}.test`, long);
  assert.deepEqual([rcode, asked], ['SERVFAIL', []]);
  assert.match(reply.failure ?? '', /invalid name after rewrite/);
});

test('rewrite: a reply keeps what it was made of, unless the client decided', async () => {
  const source = { zone: 'z', names: [nameOf('b.test')] };
  const own = { answer: parseZoneText('b.test. 5 IN A 192.0.2.1'), source };
  const renamed = await ask('rewrite name a.test b.test', 'a.test', {}, own);
  assert.deepEqual([renamed.reply.source, renamed.isPure, renamed.reply.isLowerCase], [source, true, true]);
  assert.equal((await ask('rewrite edns0 subnet set 24 56', 'a.test')).isPure, false);
  assert.equal((await ask('rewrite edns0 local set 65001 {client_ip}', 'a.test')).isPure, false);
  assert.equal((await ask('rewrite edns0 local set 65001 0x01', 'a.test')).isPure, true);
});

test('rewrite: look-around and back references are refused, and patterns take linear time', async () => {
  await assert.rejects(ask('rewrite name regex (a)\\1 b', 'a.test'), /error parsing regexp/);
  const hostile = `${'a'.repeat(63)}.${'a'.repeat(63)}.${'a'.repeat(63)}.test`;
  // Backtracking, this would take longer than the age of the world.
  assert.equal((await ask('rewrite name regex ^((a|a)+[.]?)+b$ x', hostile)).names.length, 1);
});

test('rewrite: back and forth gives the name again, whatever it is', async () => {
  const label = fc.stringMatching(/^[a-z0-9-]{1,20}$/);
  await fc.assert(
    fc.asyncProperty(fc.array(label, { minLength: 1, maxLength: 4 }), async (labels) => {
      const name = `${labels.join('.')}.corp.test.`;
      const given = `${labels.join('.')}.svc.test.`;
      const { names, answer } = await ask(
        'rewrite name suffix .corp.test .svc.test answer auto',
        name,
        {},
        `${given} 5 IN A 192.0.2.1`,
      );
      assert.deepEqual([names, answer], [[given], [`${name} 5 IN A 192.0.2.1`]]);
    }),
    { numRuns: 50 },
  );
});
