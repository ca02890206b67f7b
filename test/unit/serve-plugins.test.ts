import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rcode, RRType } from '../../src/dns/rrset.ts';
import { createLogger, logStyle, TEXT_STYLE } from '../../src/logger.ts';
import { emptyReply, type Handler, type Reply } from '../../src/serve/chain.ts';
import { createAcl } from '../../src/serve/plugins/acl.ts';
import { createAny } from '../../src/serve/plugins/any.ts';
import { createBufsize } from '../../src/serve/plugins/bufsize.ts';
import { createChaos } from '../../src/serve/plugins/chaos.ts';
import { createErrors, formatGoDuration } from '../../src/serve/plugins/errors.ts';
import { createHeader } from '../../src/serve/plugins/header.ts';
import { createLog, type LogRules } from '../../src/serve/plugins/log.ts';
import { createMinimal } from '../../src/serve/plugins/minimal.ts';
import { createNsid } from '../../src/serve/plugins/nsid.ts';
import { createTransfer } from '../../src/serve/plugins/transfer.ts';
import { createWhoami } from '../../src/serve/plugins/whoami.ts';
import { optionsOf } from '../kit/corefile.ts';
import { ask, entryOf, nameOf, question, ToyZone } from '../kit/serving.ts';

function last(parts: Partial<Reply>): Handler {
  return {
    name: 'last',
    isPure: true,
    handle: () => ({ ...emptyReply(Rcode.NOERROR), isAuthoritative: true, ...parts }),
  };
}

function address(name: string, text: string) {
  const type = text.includes(':') ? 'AAAA' : 'A';
  return { owner: nameOf(name), type: RRType[type], ttl: 5, rdata: { type, address: text } } as const;
}

test('whoami: address and port of the client, in the spelling of the question', () => {
  const { entry } = entryOf({ '.': [createWhoami()] });
  const { additional, answer, isAuthoritative } = ask(entry, question('WhoAmI.Example', 'A'));
  assert.deepEqual(answer, []);
  assert.ok(isAuthoritative);
  assert.deepEqual(additional, [
    'WhoAmI.Example 0 A 192.0.2.1',
    '_udp.WhoAmI.Example 0 SRV {"priority":0,"weight":0,"port":4000,"target":"."}',
  ]);
});

test('whoami: addresses of IPv6 sockets, and a name too long for a child', () => {
  const { entry } = entryOf({ '.': [createWhoami()] });
  const ofAddress = (remote: string) => {
    const octets = entry.answer(question('x', 'A'), { address: remote, port: 1 });
    assert.ok(Buffer.isBuffer(octets));
    return octets.subarray(0, 12).toString('hex') && octets.toString('latin1').includes('\x00\x1c') ? 'AAAA' : 'A';
  };
  assert.equal(ofAddress('::ffff:192.0.2.7'), 'A');
  assert.equal(ofAddress('fe80::1%eth0'), 'AAAA');
  const label = 'a'.repeat(63);
  const long = [label, label, label, 'a'.repeat(61)].join('.');
  const { rcode, additional } = ask(entry, question(long, 'A'));
  assert.deepEqual([rcode, additional.length], [Rcode.NOERROR, 1]);
});

test('any: ANY questions get HINFO without AA, others pass', () => {
  const { entry } = entryOf({ '.': [createAny(), last({ rcode: Rcode.NXDOMAIN })] });
  const { answer, isAuthoritative } = ask(entry, question('a.test', 'ANY'));
  assert.deepEqual(answer, ['a.test 8482 HINFO {"cpu":"ANY obsoleted","os":"See RFC 8482"}']);
  assert.equal(isAuthoritative, false);
  assert.equal(ask(entry, question('a.test', 'A')).rcode, Rcode.NXDOMAIN);
});

test('chaos: answers in class CH only, with TTL 0 and records of that class', () => {
  const chaos = createChaos({ version: 'v1', authors: ['ann', 'bob'] }, { version: 'own', hostName: 'h' });
  const { entry } = entryOf({ '.': [chaos, last({ rcode: Rcode.NXDOMAIN })] }, { allowsOtherClasses: true });
  const version = ask(entry, question('Version.Bind', 'TXT', { class: 'CH' }));
  assert.equal(version.message.answers?.length, 1);
  const [record] = version.message.answers ?? [];
  assert.ok(record && 'class' in record && 'data' in record && 'ttl' in record);
  assert.deepEqual([record.name, record.class, record.ttl, String(record.data)], ['Version.Bind', 'CH', 0, 'v1']);
  assert.equal(version.isAuthoritative, false);
  assert.equal(ask(entry, question('authors.bind', 'TXT', { class: 'CH' })).answer.length, 2);
  assert.equal(ask(entry, question('id.server', 'TXT', { class: 'CH' })).answer.length, 1);
  assert.equal(ask(entry, question('version.bind', 'TXT')).rcode, Rcode.NXDOMAIN);
  assert.equal(ask(entry, question('version.bind', 'A', { class: 'CH' })).rcode, Rcode.NXDOMAIN);
});

test("nsid: filled in for those who ask, and only for them; the OPT is the plugin's own then, with DO, as CoreDNS 1.14.7 sends it", () => {
  const { entry } = entryOf({ '.': [createNsid('node-7'), last({})] });
  const options = [
    { code: 3, data: Buffer.alloc(0) },
    { code: 10, data: Buffer.alloc(8, 1) },
  ];
  const { opt } = ask(entry, question('a.test', 'A', { edns: { options } }));
  const sent = opt?.options.map((option) => [Number(option.code), 'data' in option && String(option.data)]);
  assert.deepEqual([sent, opt?.flag_do], [[[3, 'node-7']], true]);
  const plain = ask(entry, question('a.test', 'A', { edns: {} })).opt;
  assert.deepEqual([plain?.options, plain?.flag_do], [[], false]);
});

test('nsid: a reply with options of its own gets one more, and keeps its DO', () => {
  const blocks = createAcl(optionsOf('acl {\nblock\n}').acl ?? [], '');
  const { entry } = entryOf({ '.': [createNsid('here'), blocks] });
  const { opt } = ask(entry, question('a.test', 'A', { edns: { options: [{ code: 3, data: Buffer.alloc(0) }] } }));
  assert.deepEqual(opt?.options.map(({ code }) => Number(code)).sort(), [15, 3]);
});

test('bufsize: lowers what the client takes, never raises it', () => {
  const answer = Array.from({ length: 200 }, (_, i) => address('a.test', `10.0.0.${i}`));
  const { entry } = entryOf({ '.': [createBufsize(1232), last({ answer })] });
  const large = ask(entry, question('a.test', 'A', { edns: { udpSize: 4096 } }));
  assert.deepEqual([large.opt?.udpPayloadSize, large.isTruncated], [1232, true]);
  const small = ask(entry, question('a.test', 'A', { edns: { udpSize: 700 } }));
  assert.equal(small.opt?.udpPayloadSize, 700);
  assert.ok(small.answer.length < large.answer.length);
  assert.equal(ask(entry, question('a.test', 'A')).opt, undefined);
});

test('minimal: positive replies lose authority and additional, denials and referrals keep them', () => {
  const ns = {
    owner: nameOf('test'),
    type: RRType.NS,
    ttl: 5,
    rdata: { type: 'NS', target: nameOf('ns.test') },
  } as const;
  const extra = [address('ns.test', '10.0.0.9')];
  const run = (parts: Partial<Reply>) => {
    const { entry } = entryOf({ '.': [createMinimal(), last(parts)] });
    const { authority, additional } = ask(entry, question('a.test', 'A'));
    return [authority.length, additional.length];
  };
  assert.deepEqual(run({ answer: [address('a.test', '10.0.0.1')], authority: [ns], additional: extra }), [0, 0]);
  assert.deepEqual(run({ authority: [ns], additional: extra }), [1, 1]);
  assert.deepEqual(run({ rcode: Rcode.NXDOMAIN, authority: [ns] }), [1, 0]);
  assert.deepEqual(run({ additional: extra }), [0, 0]);
});

test('header: flags of questions and replies', () => {
  let seen: boolean | undefined;
  const watching: Handler = {
    name: 'watching',
    handle(request) {
      seen = request.isRecursionDesired;
      return { ...emptyReply(Rcode.NOERROR), isAuthoritative: true };
    },
  };
  const run = (...rules: Parameters<typeof createHeader>[0]) => {
    const { entry } = entryOf({ '.': [createHeader(rules), watching] });
    const { message } = ask(entry, question('a.test', 'A'));
    return [message.flag_aa, message.flag_ra, message.flag_rd, seen];
  };
  assert.deepEqual(run(), [true, false, true, true]);
  assert.deepEqual(
    run({ on: 'response', action: 'set', flags: ['ra'] }, { on: 'response', action: 'clear', flags: ['aa', 'rd'] }),
    [false, true, false, true],
  );
  assert.deepEqual(run({ on: 'query', action: 'clear', flags: ['rd'] }), [true, false, false, false]);
});

test("header: an error that no plugin has written is the server's: only what was done to the question shows", () => {
  const rules = createHeader([
    { on: 'query', action: 'clear', flags: ['rd'] },
    { on: 'response', action: 'set', flags: ['aa', 'ra', 'rd'] },
  ]);
  const flags = (...handlers: Handler[]) => {
    const { message } = ask(entryOf({ '.': [rules, ...handlers] }).entry, question('a.test', 'A'));
    return [message.flag_aa, message.flag_ra, message.flag_rd];
  };
  // As CoreDNS 1.14.7 was seen to answer where the last plugin does not know the zone.
  assert.deepEqual(flags(), [false, false, false]);
  assert.deepEqual(flags({ name: 'last', handle: () => emptyReply(Rcode.REFUSED) }), [false, false, false]);
  assert.deepEqual(flags(last({ rcode: Rcode.REFUSED })), [true, true, true]);
});

test('transfer: takes AXFR and IXFR, passes on what is not its business', () => {
  const asked: number[] = [];
  const transfer = createTransfer((request) => {
    asked.push(request.question.type);
    return request.question.name === 'mine.' ? emptyReply(Rcode.NOTAUTH) : undefined;
  });
  const { entry } = entryOf({ '.': [transfer, last({ rcode: Rcode.REFUSED })] });
  assert.equal(ask(entry, question('mine', 'AXFR')).rcode, Rcode.NOTAUTH);
  assert.equal(ask(entry, question('other', 'AXFR')).rcode, Rcode.REFUSED);
  assert.equal(ask(entry, question('mine', 'A')).rcode, Rcode.REFUSED);
  assert.deepEqual(asked, [252, 252]);
});

const PATTERN = { source: '^plugin/x: time', flags: '' };

test('errors: one line for a failure, none for a success', () => {
  const lines: string[] = [];
  const logger = createLogger((line) => lines.push(line)).forPlugin('errors');
  const errors = createErrors({ stacktrace: false, consolidate: [] }, logger);
  const failing = entryOf({
    '.': [errors, last({ rcode: Rcode.SERVFAIL, failure: 'plugin/x: it broke\n[FATAL] forged' })],
  });
  ask(failing.entry, question('WWW.Example', 'AAAA'));
  ask(entryOf({ '.': [errors, last({})] }).entry, question('www.example', 'A'));
  assert.deepEqual(lines, ['[ERROR] plugin/errors: 2 www.example. AAAA: plugin/x: it broke\\x0a[FATAL] forged\n']);
});

test('errors consolidate: failures alike become one line at the end of the period; the first one is shown if wished, and then not told again alone', () => {
  const lines: string[] = [];
  const logger = createLogger((line) => lines.push(line)).forPlugin('errors');
  let fire = (): void => assert.fail('no timer was set');
  const rule = { periodMs: 300_000, pattern: PATTERN, level: 'warning', showFirst: true } as const;
  const errors = createErrors({ stacktrace: false, consolidate: [rule] }, logger, (callback, ms) => {
    assert.equal(ms, 300_000);
    fire = callback;
    return () => {};
  });
  const { entry } = entryOf({ '.': [errors, last({ rcode: Rcode.SERVFAIL, failure: 'plugin/x: timeout' })] });
  for (let i = 0; i < 3; i++) ask(entry, question('a', 'A'));
  fire();
  ask(entry, question('a', 'A'));
  errors.close?.();
  assert.deepEqual(lines, [
    '[WARNING] plugin/errors: 2 a. A: plugin/x: timeout\n',
    "[WARNING] plugin/errors: 3 errors like '^plugin/x: time' occurred in last 5m0s\n",
    '[WARNING] plugin/errors: 2 a. A: plugin/x: timeout\n',
  ]);
});

test('durations in log lines are written as Go writes them', () => {
  assert.deepEqual([250, 1500, 60_000, 300_000, 3_661_000].map(formatGoDuration), [
    '250ms',
    '1.5s',
    '1m0s',
    '5m0s',
    '1h1m1s',
  ]);
});

const COMMON =
  '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}';

test('log: the default format, as the peer writes it', () => {
  const lines: string[] = [];
  let now = 0;
  const log = createLog([{ zone: nameOf('.'), format: COMMON, classes: new Set(['all']) }], (entry) =>
    lines.push(TEXT_STYLE.query(entry)),
  );
  const slow: Handler = {
    name: 'slow',
    handle(request, next) {
      now += 0.000131;
      return next(request);
    },
  };
  const { entry } = entryOf(
    { '.': [log, slow, last({ answer: [address('a.test', '10.0.0.1')] })] },
    { now: () => now },
  );
  ask(entry, question('A.Test', 'A', { id: 4711 }));
  ask(entry, question('a.test', 'TYPE4242', { edns: { isDnssecOk: true, udpSize: 1400 } }));
  assert.deepEqual(lines, [
    '[INFO] 192.0.2.1:4000 - 4711 "A IN a.test. udp 24 false 512" NOERROR qr,aa,rd 40 0.000131s\n',
    '[INFO] 192.0.2.1:4000 - 1 "TYPE4242 IN a.test. udp 35 true 1400" NOERROR qr,aa,rd 51 0.000131s\n',
  ]);
});

test('log: classes of replies are those of the peer', () => {
  const soa = new ToyZone();
  const records = { answer: [address('a.test', '10.0.0.1')] };
  const denied = { authority: [{ owner: soa.apex, type: RRType.SOA, ttl: 5, rdata: soa.soa() }] };
  const target = { type: 'NS', target: nameOf('ns.test') } as const;
  const delegation = { authority: [{ owner: nameOf('a.test'), type: RRType.NS, ttl: 5, rdata: target }] };
  const replies: readonly (readonly [string, string, Partial<Reply>])[] = [
    ['success', 'A', records],
    ['success', 'A', {}],
    ['success', 'A', delegation],
    ['success', 'A', { ...records, ...denied }],
    ['denial', 'A', denied],
    ['denial', 'A', { ...denied, isAuthoritative: false }],
    ['denial', 'A', { ...denied, rcode: Rcode.NXDOMAIN }],
    ['denial', 'A', { rcode: Rcode.NXDOMAIN }],
    ['error', 'A', { ...records, rcode: Rcode.NXDOMAIN }],
    ['error', 'A', { rcode: Rcode.SERVFAIL }],
    ['error', 'A', { rcode: Rcode.REFUSED }],
    ['error', 'AXFR', records],
  ];
  for (const [expected, type, parts] of replies) {
    const lines: string[] = [];
    const rules = (['success', 'denial', 'error'] as const).map((name) =>
      createLog([{ zone: nameOf('.'), format: name, classes: new Set([name]) }], ({ text }) => lines.push(text())),
    );
    const { entry } = entryOf({ '.': [...rules, last(parts)] });
    ask(entry, question('a.test', type));
    assert.deepEqual(lines, [expected], `${type} ${JSON.stringify(parts)}`);
  }
});

test('log: a question that is left without a reply is an error', () => {
  const lines: string[] = [];
  const rules: LogRules = [
    { zone: nameOf('.'), format: '{name} {rcode} {>rflags} {rsize}', classes: new Set(['error']) },
  ];
  const drop: Handler = { name: 'drop', handle: () => ({ kind: 'none' }) };
  const { entry } = entryOf({ '.': [createLog(rules, (one) => lines.push(one.text())), drop] });
  assert.equal(entry.answer(question('a.test', 'A'), { address: '192.0.2.1', port: 1 }), undefined);
  assert.deepEqual(lines, ['a.test. - - 0']);
});

test('log: as JSON a line has what the format names, as fields', () => {
  const lines: string[] = [];
  const style = logStyle('json', () => 1_700_000_000.5);
  const log = createLog(
    [{ zone: nameOf('.'), format: `x ${COMMON} {/k8s/pod} {none}`, classes: new Set(['all']) }],
    (entry) => lines.push(style.query(entry)),
    (_, key) => (key === 'k8s/pod' ? 'a"b' : undefined),
  );
  const { entry } = entryOf({ '.': [log, last({})] });
  ask(entry, question('A.Test', 'A', { id: 7 }));
  assert.equal(lines[0]?.endsWith('\n'), true);
  assert.deepEqual(JSON.parse(lines[0] ?? ''), {
    time: '2023-11-14T22:13:20.500Z',
    level: 'info',
    plugin: 'log',
    remote: '192.0.2.1',
    port: 4000,
    id: 7,
    type: 'A',
    class: 'IN',
    name: 'a.test.',
    proto: 'udp',
    size: 24,
    do: false,
    bufsize: 512,
    rcode: 'NOERROR',
    rflags: 'qr,aa,rd',
    rsize: 24,
    duration: 0,
    'k8s/pod': 'a"b',
  });
});

test('log: the first rule whose zone fits decides, by the class of the reply', () => {
  const lines: string[] = [];
  const rules: LogRules = [
    { zone: nameOf('quiet.test'), format: 'quiet {name} {rcode} {/meta} {unknown}', classes: new Set(['error']) },
    { zone: nameOf('toy.test'), format: '{name} {rcode}', classes: new Set(['denial']) },
  ];
  const log = createLog(rules, (entry) => lines.push(TEXT_STYLE.query(entry)));
  const zone = new ToyZone();
  zone.set('web', '10.0.0.1');
  const { entry } = entryOf({ '.': [log, zone.handler()] });
  ask(entry, question('web.toy.test', 'A'));
  ask(entry, question('web.toy.test', 'TXT'));
  ask(entry, question('no.toy.test', 'A'));
  ask(entry, question('no.toy.test', 'A'));
  ask(entry, question('a.quiet.test', 'A'));
  ask(entry, question('elsewhere', 'A'));
  assert.deepEqual(lines, [
    '[INFO] web.toy.test. NOERROR\n',
    '[INFO] no.toy.test. NXDOMAIN\n',
    '[INFO] no.toy.test. NXDOMAIN\n',
    '[INFO] quiet a.quiet.test. SERVFAIL - {unknown}\n',
  ]);
});
