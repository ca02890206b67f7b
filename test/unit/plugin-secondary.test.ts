/** `secondary`: what is answered for a zone of another server, and who may say that it has changed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { secondaryFactory } from '../../src/compose/secondary-serving.ts';
import { loadConfig } from '../../src/corefile/config.ts';
import type { DomainName } from '../../src/dns/name.ts';
import { RecordStore } from '../../src/dns/record-store.ts';
import { parseZoneText } from '../../src/dns/zonefile.ts';
import { makeSecondaryZone, type Zone } from '../../src/projection/zone.ts';
import { servingBlock } from '../../src/serve/blocks.ts';
import type { Handler, Outcome, Reply, Request } from '../../src/serve/chain.ts';
import { AROUND } from '../kit/corefile.ts';
import { nextWith, requestOf, textOf, toolsOf } from '../kit/handlers.ts';
import { name } from '../kit/records.ts';

const APEX = name('example.org.');
const TEXT = `example.org. 300 IN SOA ns.example.org. hostmaster.example.org. 7 7200 1800 86400 60
example.org. 300 IN NS ns.example.org.
ns.example.org. 300 IN A 192.0.2.1
www.example.org. 300 IN CNAME web.example.org.
web.example.org. 300 IN A 192.0.2.80
out.example.org. 300 IN CNAME www.example.net.
*.any.example.org. 300 IN TXT "stands for all"
deep.empty.example.org. 300 IN A 192.0.2.81
sub.example.org. 300 IN NS ns.sub.example.org.
ns.sub.example.org. 300 IN A 192.0.2.90
`;

interface Setting {
  readonly text?: string;
  readonly isExpired?: boolean;
  readonly expiresIn?: number;
  readonly options?: string;
  readonly more?: string;
}

/** A block with the zone. */
function handlerOf({ text = TEXT, isExpired = false, expiresIn, options = '', more = '' }: Setting = {}) {
  const loaded = loadConfig(`example.org {\n secondary {\n transfer from 192.0.2.53\n ${options}\n }\n ${more}\n}\n`, {
    ...AROUND,
    warn: () => {},
  });
  assert.ok(loaded.ok, loaded.ok ? '' : loaded.error.message);
  const editor = RecordStore.empty(APEX).edit();
  for (const record of parseZoneText(text)) editor.add(record);
  const records = editor.finish();
  const definition = { id: APEX, apex: APEX, kind: 'secondary', stanzas: [], localAddresses: [] } as const;
  const content = text === '' ? undefined : { records, soa: records.soa(), primary: '192.0.2.53:53', isExpired };
  const zone: Zone = makeSecondaryZone(definition, content);
  const notified: string[] = [];
  const kit = toolsOf({
    askServer: ({ question }: Request): Outcome => ({
      ...({ kind: 'reply', rcode: 0, isAuthoritative: false, authority: [], additional: [] } as const),
      answer: parseZoneText(`${question.name} 60 IN A 198.51.100.1\n`),
    }),
  });
  const factory = secondaryFactory({
    zonesOf: () => ({ kubernetes: [], multicluster: [], secondary: [[{ id: APEX, apex: APEX }]] }),
    zoneOf: (id) => (id === APEX ? zone : undefined),
    zones: () => [zone],
    expiresIn: () => expiresIn,
    onNotified: (id, address) => notified.push(`${id} ${address}`),
  });
  const block = servingBlock(loaded.value.serverBlocks[0] ?? assert.fail(), 53, []);
  const handler: Handler = factory(block, kit.tools) ?? assert.fail();
  const run = async (request: Request) => handler.handle(request, nextWith('elsewhere. 60 IN A 192.0.2.254\n').next);
  return {
    handler,
    notified,
    lines: kit.lines,
    run,
    ask: async (owner: string, type: string, parts: Partial<Request> = {}) =>
      textOf(await run(requestOf(owner, type, parts))),
    reply: async (owner: string, type: string, parts: Partial<Request> = {}): Promise<Reply> => {
      const outcome = await run(requestOf(owner, type, parts));
      return outcome.kind === 'reply' ? outcome : assert.fail(outcome.kind);
    },
  };
}

describe('answers', () => {
  const { ask, reply } = handlerOf();

  test('are those of the zone: sets, aliases, wildcards, names without records, names that are not there', async () => {
    assert.deepEqual((await ask('www.example.org.', 'A')).answer, [
      'www.example.org. 300 IN CNAME web.example.org.',
      'web.example.org. 300 IN A 192.0.2.80',
    ]);
    assert.deepEqual((await ask('x.any.example.org.', 'TXT')).answer, [
      'x.any.example.org. 300 IN TXT "stands for all"',
    ]);
    const empty = await ask('empty.example.org.', 'A');
    assert.deepEqual([empty.rcode, empty.answer.length, empty.authority.length, empty.aa], ['NOERROR', 0, 1, true]);
    assert.equal((await ask('none.example.org.', 'A')).rcode, 'NXDOMAIN');
  });

  test('lead to the servers of a zone below', async () => {
    const below = await ask('www.sub.example.org.', 'A');
    assert.deepEqual(
      [below.aa, below.authority, below.additional],
      [false, ['sub.example.org. 300 IN NS ns.sub.example.org.'], ['ns.sub.example.org. 300 IN A 192.0.2.90']],
    );
  });

  test('may be kept if they come from the zone alone', async () => {
    assert.deepEqual((await reply('web.example.org.', 'A')).source, { zone: APEX, names: ['web.example.org.'] });
    const outside = await reply('out.example.org.', 'A');
    assert.equal(outside.source, undefined);
    assert.equal(outside.answer.length, 2);
  });

  test('of no zone are refused, unless somebody comes after', async () => {
    assert.equal((await ask('www.example.net.', 'A')).rcode, 'REFUSED');
    const other = handlerOf({ more: 'forward . 192.0.2.9' });
    assert.equal((await other.ask('www.example.net.', 'A')).answer.length, 1);
  });

  test('fall through where the stanza says so', async () => {
    const open = handlerOf({ options: 'fallthrough any.example.org deep.example.org' });
    assert.equal((await open.ask('x.deep.example.org.', 'A')).answer.length, 1);
    assert.equal((await open.ask('none.example.org.', 'A')).rcode, 'NXDOMAIN');
  });

  test('are SERVFAIL before the first transfer, and when the zone has expired', async () => {
    const never = await handlerOf({ text: '' }).reply('web.example.org.', 'A');
    assert.deepEqual([never.rcode, never.ede?.code], [2, 14]);
    const expired = await handlerOf({ isExpired: true }).reply('web.example.org.', 'A');
    assert.deepEqual([expired.rcode, expired.ede?.code, expired.source], [2, 24, undefined]);
  });

  test('of a catalog are for those who may transfer it', async () => {
    const closed = await handlerOf({ options: 'catalog' }).reply('web.example.org.', 'A');
    assert.deepEqual([closed.rcode, closed.ede?.code], [5, 18]);
    const open = handlerOf({ options: 'catalog', more: 'transfer {\n to 192.0.2.1\n}' });
    const told = await open.reply('web.example.org.', 'A');
    assert.deepEqual([told.rcode, told.answer.length, told.source], [0, 1, undefined]);
    const other = await open.reply('web.example.org.', 'A', { remote: { address: '192.0.2.2', port: 4000 } });
    assert.equal(other.rcode, 5);
  });

  test('say for how long the copy is good, if they are asked (RFC 7314)', async () => {
    const edns = { version: 0, udpSize: 1232, isDnssecOk: false, options: [{ code: 9, data: new Uint8Array() }] };
    assert.equal(
      (await handlerOf({ expiresIn: 4711 }).reply('example.org.', 'SOA', { edns })).zoneVersion?.soa.expire,
      4711,
    );
    assert.equal((await handlerOf().reply('example.org.', 'SOA', { edns })).zoneVersion?.soa.expire, 86_400);
  });

  test('for transfers that nobody took are REFUSED', async () => {
    assert.equal((await ask('example.org.', 'AXFR')).rcode, 'REFUSED');
  });
});

describe('NOTIFY', () => {
  const from = (address: string, parts: Partial<Request> = {}) => ({
    opcode: 4,
    remote: { address, port: 4000 },
    ...parts,
  });

  test('is heard from a primary, over IPv6 sockets too, and acknowledged', async () => {
    const { ask, notified } = handlerOf();
    const reply = await ask('example.org.', 'SOA', from('192.0.2.53'));
    assert.deepEqual([reply.rcode, reply.aa], ['NOERROR', true]);
    await ask('example.org.', 'SOA', from('::ffff:192.0.2.53'));
    assert.deepEqual(notified, ['example.org. 192.0.2.53', 'example.org. 192.0.2.53']);
  });

  test('of others is left without an answer, but with a line in the log', async () => {
    const { run, notified, lines, handler } = handlerOf();
    assert.deepEqual(await run(requestOf('example.org.', 'SOA', from('192.0.2.54'))), { kind: 'none' });
    assert.deepEqual(notified, []);
    assert.match(lines.join(), /Ignored notify for zone "example.org." from 192.0.2.54: none of its primaries/);
    const [family] = handler.metrics?.() ?? [];
    assert.deepEqual(family?.samples, [{ labels: ['ignored'], value: 1 }]);
  });

  test('is heard from who is listed besides', async () => {
    const { ask, notified } = handlerOf({ options: 'notify from 198.51.100.0/24' });
    assert.equal((await ask('example.org.', 'SOA', from('198.51.100.7'))).rcode, 'NOERROR');
    assert.equal(notified.length, 1);
  });

  test('of a primary with a key has to be signed', async () => {
    const { run, ask, notified } = handlerOf({ options: 'transfer from 192.0.2.55 key k' });
    assert.equal((await run(requestOf('example.org.', 'SOA', from('192.0.2.55')))).kind, 'none');
    assert.equal((await ask('example.org.', 'SOA', from('192.0.2.55', { key: 'k.' as DomainName }))).rcode, 'NOERROR');
    assert.equal(notified.length, 1);
  });

  test('of a name that is no zone, or of another type, is refused', async () => {
    const { ask, notified } = handlerOf();
    assert.equal((await ask('www.example.org.', 'SOA', from('192.0.2.53'))).rcode, 'NOTAUTH');
    assert.equal((await ask('example.org.', 'A', from('192.0.2.53'))).rcode, 'NOTIMP');
    assert.deepEqual(notified, []);
  });
});
