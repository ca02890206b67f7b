/** Digests of zones (RFC 8976), over the example zones of its appendix A: what they come to is written there. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { canonicalOrder } from '../../src/dns/canonical.ts';
import { readMasterFile } from '../../src/dns/master-file.ts';
import { type DomainName, isSubdomain } from '../../src/dns/name.ts';
import { RecordStore } from '../../src/dns/record-store.ts';
import type { ResourceRecord } from '../../src/dns/rrset.ts';
import { digestInSteps, verifyInSteps, type ZoneHash } from '../../src/dns/zone-digest.ts';

const APEX = 'example.' as DomainName;

function readZone(text: string): ResourceRecord[] {
  const records: ResourceRecord[] = [];
  for (const found of readMasterFile(text, { origin: APEX, include: () => undefined })) {
    if ('problem' in found) throw new Error(`line ${found.line}: ${found.problem}`);
    records.push(found);
  }
  return records;
}

const HEAD = `
example.      86400  IN  SOA     ns1 admin 2018031900 1800 900 604800 86400
example.      86400  IN  NS      ns1
example.      86400  IN  NS      ns2
`;

/** Appendix A.1. */
const SIMPLE_DIGEST =
  'c68090d90a7aed716bc459f9340e3d7c1370d4d24b7e2fc3a1ddc0b9a87153b9a9713b3c9ae5cc27777f98b8e730044c';
const SIMPLE = `${HEAD}
example.      86400  IN  ZONEMD  2018031900 1 1 ${SIMPLE_DIGEST}
ns1           3600   IN  A       203.0.113.63
ns2           3600   IN  AAAA    2001:db8::63
`;

/** Appendix A.2. */
const COMPLEX_DIGEST =
  'a3b69bad980a3504e1cffcb0fd6397f93848071c93151f552ae2f6b1711d4bd2d8b39808226d7b9db71e34b72077f8fe';
const COMPLEX = `${HEAD}
example.      86400  IN  ZONEMD  2018031900 1 1 ${COMPLEX_DIGEST}
ns1           3600   IN  A       203.0.113.63
NS2           3600   IN  AAAA    2001:db8::63
occluded.sub  7200   IN  TXT     "I'm occluded but must be digested"
sub           7200   IN  NS      ns1
duplicate     300    IN  TXT     "I must be digested just once"
duplicate     300    IN  TXT     "I must be digested just once"
foo.test.     555    IN  TXT     "out-of-zone data must be excluded"
UPPERCASE     3600   IN  TXT     "canonicalize uppercase owner names"
*             777    IN  PTR     dont-forget-about-wildcards
mail          3600   IN  MX      20 MAIL1
mail          3600   IN  MX      10 Mail2.Example.
sortme        3600   IN  AAAA    2001:db8::5:61
sortme        3600   IN  AAAA    2001:db8::3:62
sortme        3600   IN  AAAA    2001:db8::4:63
sortme        3600   IN  AAAA    2001:db8::1:65
sortme        3600   IN  AAAA    2001:db8::2:64
non-apex      900    IN  ZONEMD  2018031900 1 1 616c6c6f776564206275742069676e6f7265642e20616c6c6f776564206275742069676e6f7265642e20616c6c6f7765
`;

/** Appendix A.3: several digests, two of which are of hashes and schemes for private use. */
const SHA384_DIGEST =
  '62e6cf51b02e54b9b5f967d547ce43136792901f9f88e637493daaf401c92c279dd10f0edb1c56f8080211f8480ee306';
const SHA512_DIGEST =
  '08cfa1115c7b948c4163a901270395ea226a930cd2cbcf2fa9a5e6eb85f37c8a4e114d884e66f176eab121cb02db7d652e0cc4827e7a3204f166b47e5613fd27';
const MULTIPLE = `${HEAD}
example.      86400  IN  ZONEMD  2018031900 1 1 ${SHA384_DIGEST}
example.      86400  IN  ZONEMD  2018031900 1 2 ${SHA512_DIGEST}
example.      86400  IN  ZONEMD  2018031900 1 240 e2d523f654b9422a96c5a8f44607bbee
example.      86400  IN  ZONEMD  2018031900 241 1 e1846540e33a9e4189792d18d5d131f605fc283e
ns1.example.  3600   IN  A       203.0.113.63
ns2.example.  86400  IN  TXT     "This example has multiple digests"
NS2.EXAMPLE.  3600   IN  AAAA    2001:db8::63
`;

function run<T>(steps: Generator<undefined, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Hexadecimal. Records outside the zone are in no zone that is kept. */
function digestRecords(records: readonly ResourceRecord[], hash: ZoneHash): string {
  const own = canonicalOrder(records.filter(({ owner }) => isSubdomain(owner, APEX)));
  return Buffer.from(run(digestInSteps(APEX, own, hash))).toString('hex');
}

const digestOf = (text: string, hash: ZoneHash) => digestRecords(readZone(text), hash);

function verdictOf(text: string): string {
  const editor = RecordStore.empty(APEX).edit();
  for (const record of readZone(text)) if (isSubdomain(record.owner, APEX)) editor.add(record);
  return run(verifyInSteps(editor.finish()));
}

describe('digests of zones', () => {
  test('of the simple zone', () => assert.equal(digestOf(SIMPLE, 'sha384'), SIMPLE_DIGEST));

  test('of the complex zone: copies, names outside, upper case, hidden names', () => {
    assert.equal(digestOf(COMPLEX, 'sha384'), COMPLEX_DIGEST);
  });

  test('by both hashes', () => {
    assert.equal(digestOf(MULTIPLE, 'sha384'), SHA384_DIGEST);
    assert.equal(digestOf(MULTIPLE, 'sha512'), SHA512_DIGEST);
  });

  test('the order of the records is of no consequence', () => {
    const records = readZone(COMPLEX).toReversed();
    assert.equal(digestRecords(records, 'sha384'), COMPLEX_DIGEST);
  });

  test('names in data that is kept as octets count in lower case, wherever they stand', () => {
    const name = (text: string) => [text.length, ...Buffer.from(text), 0];
    const zone = (type: number, data: readonly number[]): ResourceRecord[] => [
      ...readZone(HEAD),
      { owner: APEX, type, ttl: 5, rdata: { type: 'UNKNOWN', code: type, data: Uint8Array.from(data) } },
    ];
    const digest = (type: number, data: readonly number[]) => digestRecords(zone(type, data), 'sha384');
    const naptr = (flag: string, target: string) => [0, 1, 0, 2, 1, ...Buffer.from(flag), 0, 0, ...name(target)];
    assert.deepEqual(digest(35, naptr('U', 'HOST')), digest(35, naptr('U', 'host')));
    assert.notDeepEqual(digest(35, naptr('U', 'host')), digest(35, naptr('u', 'host')), 'flags are no names');
    assert.deepEqual(digest(39, name('HOST')), digest(39, name('host')), 'DNAME');
    assert.deepEqual(digest(17, [...name('A'), ...name('B')]), digest(17, [...name('a'), ...name('b')]), 'RP');
    const signed = (signer: string, octet: number) => [...Array(18).fill(7), ...name(signer), octet];
    assert.deepEqual(digest(46, signed('S', 65)), digest(46, signed('s', 65)), 'RRSIG (RFC 4034 §6.2)');
    assert.notDeepEqual(digest(46, signed('s', 65)), digest(46, signed('s', 97)), 'a signature is no name');
    assert.notDeepEqual(digest(47, name('HOST')), digest(47, name('host')), 'NSEC stays as it is (RFC 6840 §5.1)');
  });

  test('sets are ordered by their data as it counts, not as it is written', () => {
    const target = (text: string) => ({ owner: `x.${APEX}` as DomainName, type: 39, ttl: 5, rdata: dname(text) });
    const dname = (text: string) =>
      ({ type: 'UNKNOWN', code: 39, data: Uint8Array.from([text.length, ...Buffer.from(text), 0]) }) as const;
    const digest = (...names: string[]) => digestRecords([...readZone(HEAD), ...names.map(target)], 'sha384');
    assert.equal(digest('a', 'B'), digest('a', 'b'));
    assert.equal(digest('a', 'A'), digest('a'), 'the same twice counts once');
  });
});

describe('verifying a zone', () => {
  test('the examples are right', () => {
    assert.deepEqual([SIMPLE, COMPLEX, MULTIPLE].map(verdictOf), ['valid', 'valid', 'valid']);
  });

  test('a record too many, another TTL or another serial make it wrong', () => {
    assert.equal(verdictOf(`${SIMPLE}\nns3 3600 IN A 203.0.113.64\n`), 'invalid');
    assert.equal(verdictOf(SIMPLE.replace('ns1           3600', 'ns1           3601')), 'invalid');
    assert.equal(verdictOf(SIMPLE.replace('admin 2018031900', 'admin 2018031901')), 'invalid');
  });

  test('one right digest is enough', () => {
    assert.equal(verdictOf(MULTIPLE.replace(SHA384_DIGEST, 'ab'.repeat(48))), 'valid');
    assert.equal(
      verdictOf(MULTIPLE.replace(SHA384_DIGEST, 'ab'.repeat(48)).replace(SHA512_DIGEST, 'ab'.repeat(64))),
      'invalid',
    );
  });

  test('two of one hash are none (RFC 8976 §4)', () => {
    const second = `example. 86400 IN ZONEMD 2018031900 1 1 ${'ab'.repeat(48)}\n`;
    assert.equal(verdictOf(`${SIMPLE}${second}`), 'invalid');
  });

  test('none, or only such that are not known, tell nothing', () => {
    assert.equal(verdictOf(SIMPLE.replace(/.*ZONEMD.*/, '')), 'absent');
    assert.equal(verdictOf(SIMPLE.replace('2018031900 1 1', '2018031900 1 240')), 'unknown');
    assert.equal(verdictOf(SIMPLE.replace('2018031900 1 1', '2018031900 241 1')), 'unknown');
  });
});
