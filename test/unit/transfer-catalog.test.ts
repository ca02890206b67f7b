/** Catalog zones (RFC 9432): their records, their versions, and who is told what is in them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withCatalogs } from '../../src/compose/catalogs.ts';
import { planConfig } from '../../src/compose/plan.ts';
import { Rcode, type ResourceRecord, RRType, recordsOf } from '../../src/dns/rrset.ts';
import type { ZoneDefinition } from '../../src/ingest/plan.ts';
import { findName, isZoneSynced, soaRecord, zoneRRsets } from '../../src/projection/zone.ts';
import { servingBlock } from '../../src/serve/blocks.ts';
import { emptyReply } from '../../src/serve/chain.ts';
import { planApplied } from '../kit/cluster-events.ts';
import { configOf, faultOf } from '../kit/corefile.ts';
import { given, recordLine, zoneLines } from '../kit/given.ts';
import { name } from '../kit/records.ts';
import { ask, entryOf, question } from '../kit/serving.ts';
import { simpleDigest } from '../kit/simple-digest.ts';

const CATALOG = 'catalog.test.';

function config(transfer: string, keys = '.') {
  const text = `${keys} {
 kubernetes b.test a.test 10.in-addr.arpa {
  endpoint http://127.0.0.1:1
 }
 ${transfer}
}`;
  return configOf(text);
}

function plan(transfer: string, keys?: string) {
  return planConfig(config(transfer, keys), () => ['192.0.2.1']);
}

function catalogOf(transfer: string): ZoneDefinition {
  return plan(transfer).plan.zones.find(({ kind }) => kind === 'catalog') ?? assert.fail('no catalog');
}

const WHOLE = `transfer {
 to 192.0.2.53
 catalog ${CATALOG}
}`;

test('a catalog lists the zones of its stanza, and goes where they go', () => {
  const whole = plan(WHOLE);
  const definition = catalogOf(WHOLE);
  assert.deepEqual(
    definition.members?.map(({ apex, group }) => [apex, group]),
    [
      ['10.in-addr.arpa.', undefined],
      ['a.test.', undefined],
      ['b.test.', undefined],
    ],
  );
  assert.deepEqual(whole.blocks[0]?.catalogs, [{ id: CATALOG, apex: CATALOG }]);
  assert.deepEqual(config(WHOLE).serverBlocks[0]?.options.transfer?.[0]?.zones, ['.', CATALOG]);
  const part = catalogOf(`transfer a.test b.test {\n to *\n catalog ${CATALOG} clusters\n}\ntransfer {\n to *\n}`);
  assert.deepEqual(
    part.members?.map(({ apex, group }) => [apex, group]),
    [
      ['a.test.', 'clusters'],
      ['b.test.', 'clusters'],
    ],
  );
});

test('a catalog that nobody could ask for, or that is another zone, is an error of the Corefile', () => {
  const fault = (transfer: string, keys?: string) => {
    assert.throws(() => plan(transfer, keys), { name: 'OperatorError', message: /^plugin\/transfer: catalog/ });
  };
  fault(WHOLE, 'a.test b.test 10.in-addr.arpa');
  fault('transfer {\n to *\n catalog a.test\n}');
});

test('its records are those of RFC 9432: version 2, a label for each member, groups', () => {
  const definition = catalogOf(`transfer a.test {\n to *\n catalog ${CATALOG} clusters\n}`);
  const { zone } = given([planApplied(definition)]);
  const found = zone(CATALOG);
  assert.ok(isZoneSynced(found), 'it waits for no cluster');
  const lines = zoneLines(found);
  const [member] = lines.filter((line) => line.includes(' PTR ')).map((line) => line.split('.')[0] ?? '');
  assert.match(member ?? '', /^[0-9a-f]{32}$/);
  assert.deepEqual(lines, [
    `${CATALOG} 5 NS invalid.`,
    `version.${CATALOG} 5 TXT 2`,
    `${member}.zones.${CATALOG} 5 PTR a.test.`,
    `group.${member}.zones.${CATALOG} 5 TXT clusters`,
  ]);
  assert.equal(soaRecord(found).rdata.mname, 'invalid.');
  assert.equal(findName(found, name(`zones.${CATALOG}`)).status, 'emptyNonTerminal');
  const missing = findName(found, name(`x.zones.${CATALOG}`));
  assert.deepEqual(missing, { status: 'absent', isUnsure: false, isPassedOn: false });
});

test('a member that comes or goes is a new version; the labels of the others stay', () => {
  const first = catalogOf(`transfer a.test {\n to *\n catalog ${CATALOG}\n}`);
  const second = catalogOf(`transfer a.test b.test {\n to *\n catalog ${CATALOG}\n}`);
  const history = given([planApplied(first)], [planApplied(second)], [planApplied(second)], [planApplied(first)]);
  const changes = history.changesets(CATALOG);
  assert.equal(changes.length, 2, 'the same plan again is no version');
  const [added, removed] = changes;
  assert.deepEqual(added?.removed, []);
  assert.match(added?.added.map(recordLine).join('\n') ?? '', /^[0-9a-f]{32}\.zones\.catalog\.test\. 5 PTR b\.test\.$/);
  assert.deepEqual(removed?.removed, added?.added);
  assert.deepEqual(removed?.added, []);
});

test('zones in files are members; one that goes over to another catalog says so, with its label unchanged (coo)', () => {
  const stanzas = `file db.c c.test
 k8s_external ext.test
 transfer {
  to *
  catalog ${CATALOG}
  coo gone.test new.catalog.test
  coo a.test new.catalog.test
 }`;
  const lines = (text: string) => zoneLines(given([planApplied(catalogOf(text))]).zone(CATALOG));
  const all = lines(stanzas);
  const members = all.filter((line) => / PTR /.test(line) && !line.startsWith('coo.'));
  assert.deepEqual(members.map((line) => line.split(' ').at(-1)).sort(), [
    '10.in-addr.arpa.',
    'a.test.',
    'b.test.',
    'c.test.',
    'ext.test.',
    'gone.test.',
  ]);
  const leaving = all.filter((line) => line.startsWith('coo.')).map((line) => line.slice('coo.'.length));
  const labels = leaving.map((line) => line.split('.')[0]);
  assert.equal(leaving.length, 2);
  assert.ok(leaving.every((line) => line.endsWith(' PTR new.catalog.test.')));
  const before = lines(`transfer {\n to *\n catalog ${CATALOG}\n}`);
  const [a] = before.filter((line) => line.endsWith(' a.test.')).map((line) => line.split('.')[0]);
  assert.ok(labels.includes(a));
});

test('questions about it are answered to those who may transfer it', () => {
  const { zone } = given([planApplied(catalogOf(WHOLE))]);
  const block = config(WHOLE).serverBlocks[0] ?? assert.fail();
  const next = { name: 'next', isPure: true, handle: () => emptyReply(Rcode.NXDOMAIN) };
  const askFrom = (address: string, owner: string, type: string) => {
    const to = [{ kind: 'address' as const, address, port: 53, key: undefined }];
    const transfer = (block.options.transfer ?? []).map((stanza) => ({ ...stanza, to }));
    const serving = { ...servingBlock(block, 53, []), options: { ...block.options, transfer } };
    const served = [{ id: CATALOG, apex: name(CATALOG) }];
    const handler = withCatalogs(
      { name: 'transfer', isPure: true, handle: (request, pass) => pass(request) },
      serving,
      served,
      { zoneOf: zone },
    );
    return ask(entryOf({ '.': [handler, next] }).entry, question(owner, type));
  };
  const soa = askFrom('192.0.2.1', CATALOG, 'SOA');
  assert.deepEqual([soa.rcode, soa.isAuthoritative, soa.answer.length], [Rcode.NOERROR, true, 1]);
  assert.equal(askFrom('192.0.2.1', `version.${CATALOG}`, 'TXT').answer.length, 1);
  assert.equal(askFrom('192.0.2.1', `nothing.${CATALOG}`, 'TXT').rcode, Rcode.NXDOMAIN);
  assert.equal(askFrom('192.0.2.99', CATALOG, 'SOA').rcode, Rcode.REFUSED);
  assert.equal(askFrom('192.0.2.99', 'other.test', 'SOA').rcode, Rcode.NXDOMAIN);
});

test('the grammar', () => {
  const fault = (line: string) => faultOf(` transfer {\n to *\n ${line}\n }`);
  assert.match(fault('catalog'), /Wrong argument count/);
  assert.match(fault('catalog a b c'), /Wrong argument count/);
  assert.match(fault('catalog a..b'), /invalid catalog zone "a\.\.b"$/);
  assert.match(fault('catalog a\n catalog b'), /catalog already specified$/);
  assert.match(fault(`catalog a ${'x'.repeat(256)}`), /255 octets at most$/);
  assert.match(fault('coo a b'), /coo is of a catalog$/);
  assert.match(fault('catalog c\n coo a'), /Wrong argument count/);
  assert.match(fault('catalog c\n coo a..b d'), /invalid zone "a\.\.b"$/);
});

test('with `zonemd` each version has the digest of its records, which those may ask for who may transfer it', () => {
  const text = (zones: string) => `transfer ${zones} {\n to 192.0.2.53\n catalog ${CATALOG}\n zonemd\n}`;
  const history = given([planApplied(catalogOf(text('a.test')))], [planApplied(catalogOf(text('a.test b.test')))]);
  const [change] = history.changesets(CATALOG);
  const zonemdsOf = (records: readonly ResourceRecord[] = []) => records.filter(({ type }) => type === RRType.ZONEMD);
  assert.deepEqual([zonemdsOf(change?.removed).length, zonemdsOf(change?.added).length], [1, 1]);
  const zone = history.zone(CATALOG);
  const records = [soaRecord(zone), ...[...zoneRRsets(zone)].flatMap((set) => recordsOf(set))];
  const [zonemd, ...others] = zonemdsOf(records);
  assert.deepEqual(zonemdsOf(change?.added), [zonemd]);
  assert.equal(others.length, 0);
  assert.ok(zonemd?.rdata.type === 'UNKNOWN');
  const hex = Buffer.from(zonemd.rdata.data).toString('hex');
  const serial = soaRecord(zone).rdata.serial.toString(16).padStart(8, '0');
  assert.equal(hex, `${serial}0101${simpleDigest(CATALOG, records, 'sha384')}`);
});
