import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readMasterFile } from '../../src/dns/master-file.ts';
import { recordText, writeZoneFile } from '../../src/dns/zonefile.ts';
import { nameOf } from '../kit/serving.ts';

const ORIGIN = nameOf('example.org');

function linesOf(text: string, include?: (file: string) => string | undefined): string[] {
  const options = { origin: ORIGIN, ...(include && { include }) };
  return [...readMasterFile(text, options)].map((found) =>
    'problem' in found ? `line ${found.line}: ${found.problem}` : recordText(found).replaceAll('\t', ' '),
  );
}

test('names are relative to the origin, and owner, class and TTL may be left out', () => {
  const text = [
    '$TTL 1h',
    '@ IN SOA ns admin 3 1h 10m 1d 60 ; the start',
    '  NS ns',
    '  300 IN NS ns.other.net.',
    'ns A 192.0.2.1',
    '   IN 60 AAAA 2001:DB8::1',
    '$ORIGIN sub',
    'www CNAME @',
    '* IN TXT "a b" c',
  ].join('\n');
  assert.deepEqual(linesOf(text), [
    'example.org. 3600 IN SOA ns.example.org. admin.example.org. 3 3600 600 86400 60',
    'example.org. 3600 IN NS ns.example.org.',
    'example.org. 300 IN NS ns.other.net.',
    'ns.example.org. 3600 IN A 192.0.2.1',
    'ns.example.org. 60 IN AAAA 2001:db8::1',
    'www.sub.example.org. 3600 IN CNAME sub.example.org.',
    '*.sub.example.org. 3600 IN TXT "a b" "c"',
  ]);
});

test('without $TTL a record takes the TTL of the one before it, and the first an hour', () => {
  assert.deepEqual(linesOf('a A 10.0.0.1\na 5 A 10.0.0.2\na A 10.0.0.3'), [
    'a.example.org. 3600 IN A 10.0.0.1',
    'a.example.org. 5 IN A 10.0.0.2',
    'a.example.org. 5 IN A 10.0.0.3',
  ]);
});

test('parentheses join lines, with comments and blanks in them', () => {
  const text = '@ 5 IN SOA a b ( 1 ; serial\n  2 3\n\n  4 5 )\nx 5 TXT ( "one"\n"two" )\ny 5 A 10.0.0.1\r\n';
  assert.deepEqual(linesOf(text), [
    'example.org. 5 IN SOA a.example.org. b.example.org. 1 2 3 4 5',
    'x.example.org. 5 IN TXT "one" "two"',
    'y.example.org. 5 IN A 10.0.0.1',
  ]);
});

test('a fault is named with its line, and the rest is read', () => {
  const text =
    'a 5 A 10.0.0.1\nb 5 A nonsense\n$WHAT x\nc 5 TXT "open\nd 5 A 10.0.0.2\ne 5 A ) 10.0.0.2\nf 5 A 10.0.0.3';
  const lines = linesOf(text);
  assert.equal(lines[0], 'a.example.org. 5 IN A 10.0.0.1');
  assert.match(lines[1] ?? '', /^line 2: no data for type A/);
  assert.match(lines[2] ?? '', /^line 3: \$WHAT: no directive/);
  assert.match(lines[3] ?? '', /^line 4: a quote/);
  assert.equal(lines.at(-1), 'f.example.org. 5 IN A 10.0.0.3');
  assert.match(linesOf('a 5 SOA a b ( 1 2 3').at(-1) ?? '', /^line 1: a parenthesis/);
  assert.deepEqual(linesOf('  A 10.0.0.1'), ['line 1: a record without an owner']);
});

test('$INCLUDE reads another file under its own origin, and neither for ever nor unasked', () => {
  const files: Record<string, string> = { more: 'x 5 A 10.0.0.1\n$ORIGIN z.\ny 5 A 10.0.0.2', self: '$INCLUDE self' };
  const read = (file: string) => files[file];
  assert.deepEqual(linesOf('$INCLUDE more sub\nw 5 A 10.0.0.3', read), [
    'x.sub.example.org. 5 IN A 10.0.0.1',
    'y.z. 5 IN A 10.0.0.2',
    'w.example.org. 5 IN A 10.0.0.3',
  ]);
  assert.match(linesOf('$INCLUDE self', read).join(), /too deep/);
  assert.match(linesOf('$INCLUDE gone', read).join(), /can't be read/);
  assert.match(linesOf('$INCLUDE more').join(), /not allowed/);
});

test('$GENERATE makes records of a pattern, up to a limit', () => {
  assert.deepEqual(
    linesOf('$GENERATE 1-5/2 host-$ 60 A 10.0.0.\x24{10,0,d}\n$GENERATE 9-10 h\x24{-8,3,x} 5 CNAME a$$b'),
    [
      'host-1.example.org. 60 IN A 10.0.0.11',
      'host-3.example.org. 60 IN A 10.0.0.13',
      'host-5.example.org. 60 IN A 10.0.0.15',
      'h001.example.org. 5 IN CNAME a\\036b.example.org.',
      'h002.example.org. 5 IN CNAME a\\036b.example.org.',
    ],
  );
  assert.match(linesOf('$GENERATE 0-70000 a$ A 10.0.0.1').join(), /more than/);
  assert.match(linesOf('$GENERATE 5-1 a$ A 10.0.0.1').join(), /no range/);
});

test('types that are kept as octets are read field by field', () => {
  const made: Record<string, string> = {
    'CAA 0 issue "ca.example"': '\\# 17 0005697373756563612E6578616D706C65',
    'TLSA 3 1 1 ab cd': '\\# 5 030101ABCD',
    'SSHFP 4 2 0102': '\\# 4 04020102',
    'DS 1 2 3 ab': '\\# 5 00010203AB',
    'NAPTR 1 2 "u" "sip" "" .': '\\# 12 000100020175037369700000',
    'DNAME other': '\\# 19 056F74686572076578616D706C65036F726700',
    'URI 1 2 "x:y"': '\\# 7 00010002783A79',
    'HTTPS 1 . alpn=h2,h3 port=8443 ipv4hint=192.0.2.1 key7="/q"':
      '\\# 33 000100000100060268320268330003000220FB00040004C0000201000700022F71',
    'HTTPS 0 svc.z.': '\\# 9 000003737663017A00',
    'EUI48 00-11-22-33-44-55': '\\# 6 001122334455',
    'NSEC3PARAM 1 0 0 -': '\\# 5 0100000000',
    'MINFO a z.': '\\# 18 0161076578616D706C65036F726700017A00',
    'GPOS -32.6882 116.8652 10.0': '\\# 23 082D33322E36383832083131362E383635320431302E30',
    'NID 10 14:4fff:ff20:ee64': '\\# 10 000A00144FFFFF20EE64',
    'L32 10 10.1.2.0': '\\# 6 000A0A010200',
    'LP 10 z.': '\\# 5 000A017A00',
    'DNSKEY 256 3 8 AwEAAa==': '\\# 8 0100030803010001',
  };
  for (const [text, expected] of Object.entries(made)) {
    assert.deepEqual(linesOf(`x 5 ${text}`), [`x.example.org. 5 IN ${text.split(' ')[0]} ${expected}`], text);
  }
  for (const wrong of [
    'CAA 256 issue "x"',
    'TLSA 3 1 1',
    'DS 1 2 3 abc',
    'HTTPS 1 . port=x',
    'LOC 1 2 3',
    'LOC 91 N 0 E 0',
    'LOC 1 60 N 0 E 0',
    'LOC 0 E 1 N 0',
    'LOC 1 N 1 E 0 1 2 3 4',
    'APL 3:10.0.0.0/8',
    'APL 1:10.0.0.0/33',
    'IPSECKEY 10 1 2 gw.z. AQID',
    'IPSECKEY 10 4 2 . AQID',
    'AMTRELAY 10 2 1 203.0.113.15',
    'HIP 2 abc AQID',
    'NID 1 0:0:0',
    'EUI48 00-11',
  ]) {
    assert.match(linesOf(`x 5 ${wrong}`).join(), /no data/, wrong);
  }
});

test('types whose text is no plain run of fields: LOC, APL, IPSECKEY, HIP, AMTRELAY', () => {
  const made: Record<string, string> = {
    // RFC 1876 §4: 42d21'54" is 152,514,000 thousandths of a second of arc, and the equator is 2^31.
    'LOC 42 21 54 N 71 06 18 W -24m 30m': '\\# 16 00331613 89172DD0 70BE15F0 00988D20',
    'LOC 0 S 180 E 0': '\\# 16 00121613 80000000 A69FB200 00989680',
    'APL 1:192.168.32.0/21 !2:ff00::/8 1:0.0.0.0/0': '\\# 16 00011503C0A820 00020881FF 00010000',
    'IPSECKEY 10 0 2 . AQID': '\\# 6 0A0002 010203',
    'IPSECKEY 10 1 2 192.0.2.38 AQ ID': '\\# 10 0A0102 C0000226 010203',
    'IPSECKEY 10 3 2 gw.z. AQID': '\\# 12 0A0302 026777017A00 010203',
    'HIP 2 2001 AQID rvs.z.': '\\# 16 02020003 2001 010203 03727673017A00',
    'AMTRELAY 10 1 2 2001:db8::15': '\\# 18 0A82 20010DB8000000000000000000000015',
    'AMTRELAY 10 0 0 .': '\\# 2 0A00',
  };
  for (const [text, expected] of Object.entries(made)) {
    const [first, length, ...hex] = expected.split(' ');
    const data = `${first} ${length} ${hex.join('')}`;
    assert.deepEqual(linesOf(`x 5 ${text}`), [`x.example.org. 5 IN ${text.split(' ')[0]} ${data}`], text);
  }
});

test('names beyond ASCII are their octets in UTF-8, whatever the letter', () => {
  assert.deepEqual(linesOf('\u00e9 5 A 10.0.0.1\n\u0436 5 A 10.0.0.1\n\\233 5 A 10.0.0.1\n\u212a 5 A 10.0.0.1'), [
    '\\195\\169.example.org. 5 IN A 10.0.0.1',
    '\\208\\182.example.org. 5 IN A 10.0.0.1',
    '\\233.example.org. 5 IN A 10.0.0.1',
    '\\226\\132\\170.example.org. 5 IN A 10.0.0.1',
  ]);
});

test('class 1 is IN, and a HINFO of one string has no system', () => {
  assert.deepEqual(linesOf('x 5 CLASS1 HINFO pc'), ['x.example.org. 5 IN HINFO "pc" ""']);
});

test('type bitmaps, hashes and times of signed zones', () => {
  assert.deepEqual(linesOf('x 5 NSEC a.z. A MX RRSIG NSEC TYPE1234'), [
    `x.example.org. 5 IN NSEC \\# ${5 + 8 + 29} 0161017A000006400100000003041B${'00'.repeat(26)}20`,
  ]);
  assert.deepEqual(linesOf('x 5 RRSIG A 5 3 86400 20030322173103 20030220173103 2642 e.z. AAEC'), [
    'x.example.org. 5 IN RRSIG \\# 26 00010503000151803E7C9DD73E5510D70A520165017A00000102',
  ]);
});

test('what is written is read back', () => {
  const text = '@ 5 SOA a b 1 2 3 4 5\n* 7 SRV 1 2 3 t\nx 8 CAA 0 a "b"';
  const records = [...readMasterFile(text, { origin: ORIGIN })].flatMap((found) => ('problem' in found ? [] : [found]));
  const written = [...writeZoneFile(records)].join('');
  assert.deepEqual(linesOf(written), written.trimEnd().replaceAll('\t', ' ').split('\n'));
  assert.equal(records.length, 3);
});

test('no text makes the reader throw, or loop', () => {
  const word = fc.constantFrom(
    '$TTL',
    '$ORIGIN',
    '$GENERATE',
    '1-3',
    'a',
    '@',
    'IN',
    '5',
    'A',
    'SOA',
    'TXT',
    'HTTPS',
    '(',
    ')',
    '"',
    '"x"',
    '\\',
    ';',
    '\n',
    ' ',
    '10.0.0.1',
    '.',
    '$',
    'alpn=',
    '\\999',
    'NSEC',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ maxLength: 200 }),
        fc.array(word, { maxLength: 60 }).map((words) => words.join(' ')),
      ),
      (text) => {
        assert.ok(linesOf(text).length <= 3 * (text.split('\n').length + 1));
      },
    ),
  );
});
