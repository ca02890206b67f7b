import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { BlockOptions } from '../../src/corefile/config.ts';
import { readMasterFile } from '../../src/dns/master-file.ts';
import { type ResourceRecord, RRType } from '../../src/dns/rrset.ts';
import { emptyReply, type Handler, type Request } from '../../src/serve/chain.ts';
import { openFile } from '../../src/serve/plugins/file.ts';
import { optionsOf } from '../kit/corefile.ts';
import { askHandler, blockOf, nextWith, requestOf, textOf, toolsOf } from '../kit/handlers.ts';
import { LookTimer } from '../kit/look-timer.ts';
import { nameOf } from '../kit/serving.ts';
import { simpleDigest } from '../kit/simple-digest.ts';
import { temporaryFolder } from '../kit/temporary.ts';

const ZONE = `
@ 60 SOA ns admin 3 3600 600 86400 60
@ NS ns
ns A 192.0.2.1
www A 192.0.2.2
www AAAA 2001:db8::2
mail MX 10 www
alias CNAME www
out CNAME www.other.net.
chain CNAME alias
loop CNAME loop2
loop2 CNAME loop
b.c A 192.0.2.3
*.wild A 192.0.2.4
*.wild TXT w
kept.wild TXT k
*.walias CNAME www
sub NS ns.sub
sub NS ns.elsewhere.net.
sub DS 1 2 3 ab
ns.sub A 192.0.2.9
old DNAME a-much-longer-target.example.
`;
const SOA = 'example.org. 60 IN SOA ns.example.org. admin.example.org. 3 3600 600 86400 60';
const NS = ['example.org. 60 IN NS ns.example.org.'];

interface Kit {
  readonly handler: Handler;
  readonly clock: LookTimer;
  readonly lines: string[];
  readonly drops: () => number;
  write(text: string): void;
}

function fileOf(t: TestContext, text = ZONE, extra = '', parts: Parameters<typeof toolsOf>[0] = {}, more = ''): Kit {
  const folder = temporaryFolder(t);
  folder.write('db', text);
  const options: BlockOptions = optionsOf(`root ${folder.path}\nfile db example.org {\n${extra}\n}\n${more}`);
  const { tools, lines, drops } = toolsOf(parts);
  const clock = new LookTimer();
  const handler = openFile(blockOf(options), tools, clock.timer);
  t.after(() => handler.close?.());
  return { handler, clock, lines, drops, write: (next) => folder.write('db', next) };
}

const ask = (kit: Kit, name: string, type: string, parts: Partial<Request> = {}) =>
  askHandler(kit.handler, requestOf(name, type, parts));

test('file: data, with the name servers in authority and the addresses that it leads to', async (t) => {
  const kit = fileOf(t);
  assert.deepEqual(await ask(kit, 'WWW.example.org', 'A'), {
    rcode: 'NOERROR',
    aa: true,
    answer: ['www.example.org. 60 IN A 192.0.2.2'],
    authority: NS,
    additional: [],
  });
  const mail = await ask(kit, 'mail.example.org', 'MX');
  assert.deepEqual(mail.additional, ['www.example.org. 60 IN A 192.0.2.2', 'www.example.org. 60 IN AAAA 2001:db8::2']);
  const ns = await ask(kit, 'example.org', 'NS');
  assert.deepEqual([ns.answer, ns.authority, ns.additional], [NS, [], ['ns.example.org. 60 IN A 192.0.2.1']]);
  assert.deepEqual((await ask(kit, 'www.example.org', 'ANY')).answer.length, 2);
});

test('file: NODATA, empty non-terminals and missing names, each with the SOA', async (t) => {
  const kit = fileOf(t);
  for (const [name, type, rcode] of [
    ['www.example.org', 'TXT', 'NOERROR'],
    ['c.example.org', 'A', 'NOERROR'],
    ['none.example.org', 'A', 'NXDOMAIN'],
    ['x.www.example.org', 'A', 'NXDOMAIN'],
  ] as const) {
    assert.deepEqual(
      await ask(kit, name, type),
      { rcode, aa: true, answer: [], authority: [SOA], additional: [] },
      name,
    );
  }
});

test('file: wildcards stand in for names that are not there, and for those only (RFC 4592)', async (t) => {
  const kit = fileOf(t);
  assert.deepEqual((await ask(kit, 'a.b.wild.example.org', 'A')).answer, ['a.b.wild.example.org. 60 IN A 192.0.2.4']);
  assert.equal((await ask(kit, 'a.wild.example.org', 'MX')).rcode, 'NOERROR');
  assert.deepEqual((await ask(kit, 'kept.wild.example.org', 'A')).answer, []);
  assert.equal((await ask(kit, 'x.kept.wild.example.org', 'A')).rcode, 'NXDOMAIN');
  assert.deepEqual((await ask(kit, 'q.walias.example.org', 'A')).answer, [
    'q.walias.example.org. 60 IN CNAME www.example.org.',
    'www.example.org. 60 IN A 192.0.2.2',
  ]);
});

test('file: aliases are followed inside the zone, and a loop ends', async (t) => {
  const kit = fileOf(t);
  assert.deepEqual((await ask(kit, 'chain.example.org', 'A')).answer, [
    'chain.example.org. 60 IN CNAME alias.example.org.',
    'alias.example.org. 60 IN CNAME www.example.org.',
    'www.example.org. 60 IN A 192.0.2.2',
  ]);
  const nodata = await ask(kit, 'alias.example.org', 'MX');
  assert.deepEqual([nodata.answer.length, nodata.authority], [1, NS]);
  assert.deepEqual((await ask(kit, 'alias.example.org', 'NS')).authority, [SOA]);
  assert.equal((await ask(kit, 'loop.example.org', 'A')).answer.length, 2);
  assert.equal((await ask(kit, 'alias.example.org', 'CNAME')).answer.length, 1);
});

test('file: the target of an alias outside is asked of the server itself', async (t) => {
  const asked: string[] = [];
  const replies: Record<string, ReturnType<typeof emptyReply>> = {};
  const kit = fileOf(t, ZONE, '', {
    askServer: ({ question }) => {
      asked.push(question.name);
      return replies[question.name];
    },
  });
  replies['www.other.net.'] = { ...emptyReply(0), answer: nextWithRecords('www.other.net. 5 IN A 192.0.2.77') };
  assert.deepEqual(await ask(kit, 'out.example.org', 'A'), {
    rcode: 'NOERROR',
    aa: true,
    answer: ['out.example.org. 60 IN CNAME www.other.net.', 'www.other.net. 5 IN A 192.0.2.77'],
    authority: NS,
    additional: [],
  });
  replies['www.other.net.'] = emptyReply(3);
  const missing = await ask(kit, 'out.example.org', 'A');
  assert.deepEqual([missing.rcode, missing.answer.length, missing.authority], ['NXDOMAIN', 1, [SOA]]);
  replies['www.other.net.'] = emptyReply(5);
  const refused = await ask(kit, 'out.example.org', 'A');
  assert.deepEqual([refused.rcode, refused.answer.length, refused.authority], ['NOERROR', 1, NS]);
  assert.deepEqual(asked, ['www.other.net.', 'www.other.net.', 'www.other.net.']);
});

function nextWithRecords(text: string) {
  const outcome = nextWith(text).next(requestOf('x', 'A'));
  if (outcome instanceof Promise || outcome.kind !== 'reply') throw new Error('no reply');
  return outcome.answer;
}

test('file: names below a cut are referred, with glue, and DS for who asks for DNSSEC', async (t) => {
  const kit = fileOf(t);
  const edns = { version: 0, udpSize: 1232, isDnssecOk: true, options: [] };
  for (const name of ['sub.example.org', 'deep.sub.example.org', 'ns.sub.example.org']) {
    assert.deepEqual(await ask(kit, name, 'A'), {
      rcode: 'NOERROR',
      aa: false,
      answer: [],
      authority: ['sub.example.org. 60 IN NS ns.sub.example.org.', 'sub.example.org. 60 IN NS ns.elsewhere.net.'],
      additional: ['ns.sub.example.org. 60 IN A 192.0.2.9'],
    });
  }
  assert.equal((await ask(kit, 'x.sub.example.org', 'A', { edns })).authority.length, 3);
  const ds = await ask(kit, 'sub.example.org', 'DS');
  assert.deepEqual([ds.aa, ds.answer.length], [true, 1]);
});

test('file: a DNAME moves the names below it', async (t) => {
  const kit = fileOf(t);
  const moved = await ask(kit, 'a.b.old.example.org', 'A');
  assert.match(moved.answer[0] ?? '', /^old\.example\.org\. 60 IN DNAME/);
  assert.equal(moved.answer[1], 'a.b.old.example.org. 60 IN CNAME a.b.a-much-longer-target.example.');
  const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(48)}.old.example.org`;
  assert.equal((await ask(kit, long, 'A')).rcode, 'YXDOMAIN');
});

test('file: what it refuses, drops and passes on', async (t) => {
  const last = fileOf(t);
  assert.equal((await ask(last, 'www.example.net', 'A')).rcode, 'REFUSED');
  assert.equal((await ask(last, 'example.org', 'AXFR')).rcode, 'REFUSED');
  assert.equal(
    (await last.handler.handle(requestOf('example.org', 'SOA', { opcode: 4 }), nextWith('').next)).kind,
    'none',
  );
  const { next, asked } = nextWith('');
  const passing = fileOf(t, ZONE, 'fallthrough sub2.example.org', {}, 'whoami');
  await askHandler(passing.handler, requestOf('www.example.net', 'A'), next);
  await askHandler(passing.handler, requestOf('x.sub2.example.org', 'A'), next);
  assert.equal((await ask(passing, 'x.example.org', 'A')).rcode, 'NXDOMAIN');
  assert.deepEqual(
    asked.map(({ question }) => question.name),
    ['www.example.net.', 'x.sub2.example.org.'],
  );
});

test('file: with fallthrough others may have data for a name that is only a step, or the apex, but not deny it', async (t) => {
  const zone = `${ZONE}\nx.step 60 A 192.0.2.5\n`;
  const kit = fileOf(t, zone, 'fallthrough', {}, 'whoami');
  const has = nextWith('step.example.org. 60 IN A 192.0.2.6').next;
  const denies = nextWith('', { rcode: 3 }).next;
  const askOf = (name: string, type: string, next: typeof has) => askHandler(kit.handler, requestOf(name, type), next);
  for (const name of ['step.example.org', 'example.org']) {
    assert.deepEqual((await askOf(name, 'A', has)).answer, ['step.example.org. 60 IN A 192.0.2.6'], name);
    const { rcode, authority } = await askOf(name, 'A', denies);
    assert.equal(rcode, 'NOERROR', name);
    assert.match(authority.join(), /^example\.org\. 60 IN SOA /);
  }
  assert.match((await askOf('example.org', 'SOA', has)).answer.join(), / SOA /);
  assert.equal((await askOf('x.step.example.org', 'TXT', has)).answer.length, 0, 'it has records');
  assert.equal((await ask(fileOf(t, zone, 'fallthrough'), 'step.example.org', 'A')).rcode, 'NOERROR', 'nobody follows');
});

test('file: the zone is read again when its serial has changed, and kept answers are dropped then', async (t) => {
  const kit = fileOf(t, ZONE, 'reload 10s');
  kit.write(ZONE.replace('192.0.2.2', '192.0.2.99'));
  assert.equal(kit.clock.ms, 10_000);
  await kit.clock.look();
  assert.deepEqual((await ask(kit, 'www.example.org', 'A')).answer, ['www.example.org. 60 IN A 192.0.2.2']);
  assert.equal(kit.drops(), 0);
  kit.write(ZONE.replace('192.0.2.2', '192.0.2.99').replace('admin 3', 'admin 4'));
  await kit.clock.look();
  assert.deepEqual((await ask(kit, 'www.example.org', 'A')).answer, ['www.example.org. 60 IN A 192.0.2.99']);
  assert.equal(kit.drops(), 1);
  assert.match(kit.lines.join(''), /Successfully reloaded zone "example\.org\."/);
  kit.write('nonsense');
  await kit.clock.look();
  assert.match(kit.lines.join(''), /\[ERROR\].*line 1/);
  assert.deepEqual((await ask(kit, 'www.example.org', 'A')).answer, ['www.example.org. 60 IN A 192.0.2.99']);
});

test('file: reload_by_mtime asks for no new serial', async (t) => {
  const kit = fileOf(t, ZONE, 'reload_by_mtime');
  kit.write(ZONE.replace('192.0.2.2', '192.0.2.99'));
  await kit.clock.look();
  assert.deepEqual((await ask(kit, 'www.example.org', 'A')).answer, ['www.example.org. 60 IN A 192.0.2.99']);
});

test('file: a file that is wrong ends the start, one that is missing is waited for', async (t) => {
  assert.throws(() => fileOf(t, 'www A nonsense'), /db: line 1: no data for type A/);
  assert.throws(() => fileOf(t, 'www A 192.0.2.1'), /has no SOA record for origin example\.org\./);
  const options = optionsOf('file no-such-file example.org');
  const { tools, lines } = toolsOf();
  const handler = openFile(blockOf(options), tools, new LookTimer().timer);
  const reply = textOf(await handler.handle(requestOf('www.example.org', 'A'), nextWith('').next));
  assert.equal(reply.rcode, 'SERVFAIL');
  assert.match(lines.join(''), /no such file or directory.*trying again in 60s/);
  assert.throws(
    () => openFile(blockOf(optionsOf('file no-such-file example.org {\nreload 0\n}')), tools),
    /no such file/,
  );
});

test('file: the whole zone can be handed to a transfer', (t) => {
  const { handler } = fileOf(t);
  const zone = handler.offeredZone?.(nameOf('example.org'));
  assert.ok(zone !== undefined && zone !== 'incomplete');
  assert.equal(zone.soa.rdata.serial, 3);
  assert.equal([...zone.records()].length, 20);
  assert.equal(handler.offeredZone?.(nameOf('www.example.org')), undefined);
});

const recordsOf = (text: string, origin: string): ResourceRecord[] =>
  [...readMasterFile(text, { origin: nameOf(origin) })].map((read) => {
    if ('problem' in read) throw new SyntaxError(read.problem);
    return read;
  });

test('file: a digest, where transfer asks for one, with each version; one that is in the file stays', async (t) => {
  const zone = (serial: number, more = '') =>
    `@ 60 SOA ns admin ${serial} 3600 600 86400 60\n@ 60 NS ns\nns 60 A 192.0.2.1\nwww 60 A 192.0.2.2\n${more}`;
  const digestOf = (text: string) => simpleDigest('example.org.', recordsOf(text, 'example.org.'), 'sha384');
  const zonemd = async (kit: Kit) => (await ask(kit, 'example.org', 'ZONEMD')).answer;
  const asked = 'transfer {\n to *\n zonemd\n}';

  const kit = fileOf(t, zone(3), '', {}, asked);
  assert.deepEqual(await zonemd(kit), [`example.org. 60 IN ZONEMD 3 1 1 ${digestOf(zone(3)).toUpperCase()}`]);
  const offered = kit.handler.offeredZone?.(nameOf('example.org.'));
  assert.ok(offered !== undefined && offered !== 'incomplete');
  assert.equal([...offered.records()].filter(({ type }) => type === RRType.ZONEMD).length, 1);
  kit.write(zone(4, 'mail 60 A 192.0.2.3\n'));
  await kit.clock.look();
  const next = digestOf(zone(4, 'mail 60 A 192.0.2.3\n')).toUpperCase();
  assert.deepEqual(await zonemd(kit), [`example.org. 60 IN ZONEMD 4 1 1 ${next}`]);

  const own = `@ 60 ZONEMD 3 1 1 ${'ab'.repeat(48)}\n`;
  assert.deepEqual(await zonemd(fileOf(t, zone(3, own), '', {}, asked)), [
    `example.org. 60 IN ZONEMD 3 1 1 ${'AB'.repeat(48)}`,
  ]);
  assert.deepEqual(await zonemd(fileOf(t, zone(3), '', {}, 'transfer {\n to *\n}')), []);
  const large = fileOf(t, zone(3), '', {}, 'transfer {\n to *\n zonemd 3\n}');
  assert.deepEqual(await zonemd(large), []);
  assert.match(large.lines.join('\n'), /more than 3 records: serial 3 is without ZONEMD/);
});
