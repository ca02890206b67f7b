/** EXPIRE (RFC 7314) and ZONEVERSION (RFC 9660): which version of a zone an answer is from. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTransferSide } from '../../src/compose/transfers.ts';
import { Rcode } from '../../src/dns/rrset.ts';
import { createLogger } from '../../src/logger.ts';
import { kubernetesHandler } from '../../src/serve/plugins/kubernetes.ts';
import { EAST, namespace, planApplied, service, stanza, synced, zoneDefinition } from '../kit/cluster-events.ts';
import { optionsOf } from '../kit/corefile.ts';
import { given } from '../kit/given.ts';
import { toolsOf } from '../kit/handlers.ts';
import { ask, decode, entryOf, loopbackBlock, question } from '../kit/serving.ts';

const ZONE = 'cluster.local.';
const EXPIRE = 9;
const ZONEVERSION = 19;

const { zone } = given([
  planApplied(zoneDefinition(ZONE, [stanza(EAST)])),
  namespace(EAST, 'apps'),
  service(EAST, 'apps/web', ['10.0.0.1']),
  ...synced(EAST),
]);
const serial = Number(zone(ZONE).serial);
const served = { id: ZONE, apex: zone(ZONE).apex };
const kubernetes = kubernetesHandler({
  plugin: 'kubernetes',
  stanzas: [[served]],
  zoneOf: zone,
  resolve: () => assert.fail('nothing to resolve'),
});
const { entry } = entryOf({ [ZONE]: [kubernetes] });

const asking = (code: number, data: Buffer = Buffer.alloc(0)) => ({ edns: { options: [{ code, data }] } });

/** The data of the option in the reply; undefined: it is not there. */
function optionIn({ opt }: ReturnType<typeof decode>, code: number): Buffer | undefined {
  // The oracle knows neither of the two.
  const found = opt?.options.find((option) => Number(option.code) === code);
  return found === undefined ? undefined : Buffer.from((found as unknown as { readonly data: Uint8Array }).data);
}

/** Labels of the zone, type SOA-SERIAL, serial. */
const VERSION = Buffer.from([2, 0, ...[24, 16, 8, 0].map((bits) => (serial >>> bits) & 255)]);

test('ZONEVERSION: each authoritative answer tells the zone and its serial: data, NODATA and NXDOMAIN', () => {
  for (const [name, type, rcode] of [
    ['web.apps.svc.cluster.local', 'A', Rcode.NOERROR],
    ['web.apps.svc.cluster.local', 'TXT', Rcode.NOERROR],
    ['none.apps.svc.cluster.local', 'A', Rcode.NXDOMAIN],
    ['cluster.local', 'SOA', Rcode.NOERROR],
  ] as const) {
    const reply = ask(entry, question(name, type, asking(ZONEVERSION)));
    assert.equal(reply.rcode, rcode);
    assert.deepEqual(optionIn(reply, ZONEVERSION), VERSION, `${name} ${type}`);
  }
});

test('ZONEVERSION: who does not ask is not told, and elsewhere nobody is', () => {
  const plain = ask(entry, question('web.apps.svc.cluster.local', 'A', { edns: {} }));
  assert.equal(optionIn(plain, ZONEVERSION), undefined);
  const elsewhere = ask(entry, question('example.org', 'A', asking(ZONEVERSION)));
  assert.deepEqual([elsewhere.rcode, optionIn(elsewhere, ZONEVERSION)], [Rcode.REFUSED, undefined]);
});

test('ZONEVERSION: a question with a version in it is malformed', () => {
  const reply = ask(entry, question('web.apps.svc.cluster.local', 'A', asking(ZONEVERSION, VERSION)));
  assert.equal(reply.rcode, Rcode.FORMERR);
});

test('EXPIRE: a primary says what its SOA record says, to questions for it', () => {
  const reply = ask(entry, question('cluster.local', 'SOA', asking(EXPIRE)));
  assert.deepEqual(optionIn(reply, EXPIRE), Buffer.from([0, 1, 0x51, 0x80]), '86400');
  const other = ask(entry, question('web.apps.svc.cluster.local', 'A', asking(EXPIRE)));
  assert.notEqual(optionIn(other, EXPIRE)?.length, 4);
});

test('EXPIRE: transfers have it too', () => {
  const block = loopbackBlock(['transfer'], { options: optionsOf(`transfer ${ZONE} {\n to *\n}`) });
  const side = createTransferSide({
    journal: () => ({ chain: () => undefined }),
    zoneOf: zone,
    zonesOf: () => ({ kubernetes: [[served]], multicluster: [] }),
    expiresIn: () => undefined,
    addressesOf: () => [],
    nameOf: () => '',
    onTransferred: () => {},
    logger: createLogger(() => {}),
    now: () => 0,
  });
  const handler = side.factory(block, toolsOf().tools) ?? assert.fail();
  const stream = entryOf({ [ZONE]: [handler] }, { transport: 'tcp' }).entry;
  const outgoing = stream.answer(question('cluster.local', 'AXFR', asking(EXPIRE)), { address: '192.0.2.1', port: 1 });
  assert.ok(outgoing !== undefined && 'messages' in outgoing);
  const first = decode(Buffer.from(outgoing.messages.next().value as Uint8Array));
  assert.deepEqual(optionIn(first, EXPIRE), Buffer.from([0, 1, 0x51, 0x80]));
});
