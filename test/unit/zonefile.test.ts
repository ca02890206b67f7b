import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseType, rcodeText, typeText } from '../../src/dns/type-text.ts';
import { parseZoneText, readZoneFile, recordText, writeZoneFile } from '../../src/dns/zonefile.ts';
import { name, rawNames, record, records, soa } from '../kit/records.ts';

test('records as dig prints them', () => {
  const lines = [
    [soa('z.', 7), 'z.\t5\tIN\tSOA\tns.dns.z. hostmaster.z. 7 7200 1800 86400 5'],
    [record('a.z.', { type: 'A', address: '10.0.0.1' }), 'a.z.\t5\tIN\tA\t10.0.0.1'],
    [record('a.z.', { type: 'AAAA', address: '2001:db8::1' }, 0), 'a.z.\t0\tIN\tAAAA\t2001:db8::1'],
    [
      record('_h._tcp.z.', { type: 'SRV', priority: 0, weight: 100, port: 80, target: name('a.z.') }),
      '_h._tcp.z.\t5\tIN\tSRV\t0 100 80 a.z.',
    ],
    [record('z.', { type: 'MX', preference: 10, target: name('.') }), 'z.\t5\tIN\tMX\t10 .'],
    [
      record('z.', { type: 'TXT', texts: ['a "b" \\', '', '\x00ÿ;'] }),
      'z.\t5\tIN\tTXT\t"a \\"b\\" \\\\" "" "\\000\\255;"',
    ],
    [record('z.', { type: 'HINFO', cpu: 'RFC8482', os: '' }), 'z.\t5\tIN\tHINFO\t"RFC8482" ""'],
    [record('z.', { type: 'UNKNOWN', code: 4711, data: Uint8Array.from([1, 171]) }), 'z.\t5\tIN\tTYPE4711\t\\# 2 01AB'],
    [record('z.', { type: 'UNKNOWN', code: 43, data: new Uint8Array() }), 'z.\t5\tIN\tDS\t\\# 0'],
  ] as const;
  for (const [made, line] of lines) {
    assert.equal(recordText(made), line);
    assert.deepEqual(parseZoneText(line), [made]);
  }
});

test('what is written is read as it was', () => {
  fc.assert(
    fc.property(fc.array(records(rawNames, true)), (list) => {
      assert.deepEqual(parseZoneText([...writeZoneFile(list)].join('')), list);
    }),
    { numRuns: 300 },
  );
});

test('blank lines, comments, any blanks and any letter case are read', () => {
  const text = `
    ; a comment
    Web.Z.   30 in a 10.0.0.1 ; another
    z.\t30\tIN\ttxt\tbare "quoted ; no comment"\r
    z. 30 IN TYPE1 \\# 4 0A000002
  `;
  assert.deepEqual(parseZoneText(text), [
    record('web.z.', { type: 'A', address: '10.0.0.1' }, 30),
    record('z.', { type: 'TXT', texts: ['bare', 'quoted ; no comment'] }, 30),
    record('z.', { type: 'A', address: '10.0.0.2' }, 30),
  ]);
});

test('a line that is no record is named with its number', () => {
  const wrong: Record<string, RegExp> = {
    'a.z. 5 IN A': /no data for type A/,
    'a.z. 5 IN A 10.0.0.1 10.0.0.2': /no data/,
    'a.z. 5 IN A ::1': /no data/,
    'a.z. 5 IN AAAA 10.0.0.1': /no data/,
    'a.z. 5 IN NS relative': /no data/,
    'a.z. 5 IN SRV 0 0 65536 a.': /no data/,
    'a.z. 5 IN SOA a. b. 1 2 3 4': /no data/,
    'a.z. 5 IN SOA a. b. 4294967296 2 3 4 5': /no data/,
    'a.z. 5 IN A \\# 3 0A0000': /no data/,
    'a.z. 5 IN TYPE4711 \\# 3 0A00': /no data/,
    'a.z. 5 IN DS 1 2 3 abc': /no data/,
    'a 5 IN A 10.0.0.1': /no absolute name/,
    'a\\. 5 IN A 10.0.0.1': /no absolute name/,
    'a..z. 5 IN A 10.0.0.1': /no absolute name/,
    'a.z. x IN A 10.0.0.1': /no TTL/,
    'a.z. 2147483648 IN A 10.0.0.1': /no TTL/,
    'a.z. 5 CH A 10.0.0.1': /only class IN/,
    'a.z. 5 IN NOPE 10.0.0.1': /no type/,
    'a.z. 5 IN TXT "open': /no end/,
    'a.z. 5 IN TXT "\\256"': /no end/,
    'a.z. 5': /a record is/,
  };
  for (const [line, problem] of Object.entries(wrong)) {
    const [good, bad, ...more] = [...readZoneFile(`z. 5 IN A 10.0.0.1\n${line}`)];
    assert.ok(good && !('problem' in good));
    assert.ok(bad && 'problem' in bad, line);
    assert.equal(bad.line, 2);
    assert.match(bad.problem, problem, line);
    assert.equal(more.length, 0);
  }
});

test('types and rcodes have names, and numbers where they have none', () => {
  for (let type = 0; type <= 65_535; type++) assert.equal(parseType(typeText(type)), type);
  assert.equal(parseType('aaaa'), 28);
  assert.equal(parseType('TYPE65536'), undefined);
  assert.equal(parseType('TYPE'), undefined);
  assert.equal(rcodeText(3), 'NXDOMAIN');
  assert.equal(rcodeText(11), 'RCODE11');
});
