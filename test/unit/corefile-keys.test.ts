import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchZone, normalizeZones, parseServerKey, portOf, type ServerKey } from '../../src/corefile/keys.ts';
import { checkListeners } from '../../src/corefile/listeners.ts';
import { parseName } from '../../src/dns/name.ts';

function key(text: string): ServerKey {
  const parsed = parseServerKey(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

function fault(text: string): string {
  const parsed = parseServerKey(text);
  assert.ok(!parsed.ok, text);
  return parsed.error.message;
}

test('zones are lower-case and absolute', () => {
  assert.deepEqual(key('EXAMPLE.ORG').zones, ['example.org.']);
  assert.deepEqual(key('.').zones, ['.']);
  assert.deepEqual(key('example.org.:1053').zones, ['example.org.']);
});

test('a comma inside a key does not split it', () => {
  const { zones, port } = key('example.org,example.com:1053');
  assert.deepEqual(zones, ['example.org,example.com.']);
  assert.equal(port, 1053);
});

test('schemes have their own ports, a port in the key wins', () => {
  const ports = ['tls', 'quic', 'grpc', 'https', 'https3'].map((s) => portOf(key(`${s}://example.org`), 53));
  assert.deepEqual(ports, [853, 853, 443, 443, 443]);
  assert.equal(portOf(key('dns://example.org'), 1053), 1053);
  assert.equal(portOf(key('example.org'), 1053), 1053);
  assert.equal(portOf(key('example.org:5300'), 1053), 5300);
  assert.equal(portOf(key('tls://example.org:5300'), 1053), 5300);
});

test('address blocks are reverse zones, expanded off the octet', () => {
  assert.deepEqual(key('10.0.0.0/15').zones, ['0.10.in-addr.arpa.', '1.10.in-addr.arpa.']);
  assert.deepEqual(key('10.0.0.0/8').zones, ['10.in-addr.arpa.']);
  assert.deepEqual(key('10.0.0.0/24:53').zones, ['0.0.10.in-addr.arpa.']);
  assert.deepEqual(key('0.0.0.0/0').zones, ['in-addr.arpa.']);
  assert.equal(key('192.168.1.0/25').zones.length, 128);
  assert.equal(key('192.168.1.0/25').zones[127], '127.1.168.192.in-addr.arpa.');
  const eighteen = key('10.9.3.0/18').zones;
  assert.deepEqual([eighteen.length, eighteen[0], eighteen[63]], [64, '0.9.10.in-addr.arpa.', '63.9.10.in-addr.arpa.']);
  assert.deepEqual(key('2001:db8::/31').zones, ['8.b.d.0.1.0.0.2.ip6.arpa.', '9.b.d.0.1.0.0.2.ip6.arpa.']);
  assert.deepEqual(key('fd00:96::/32').zones, ['6.9.0.0.0.0.d.f.ip6.arpa.']);
  assert.equal(key('2001:db8::/32:5353').port, 5353);
});

test('what is no key says why', () => {
  assert.equal(fault('example.org:'), 'expecting data after last colon: "example.org:"');
  assert.equal(fault('a..b'), 'zone is not a valid domain name: a..b');
  assert.equal(fault(':53'), 'zone is not a valid domain name: ');
  assert.match(fault(`${'a.'.repeat(128)}`), /^specified zone is too long: 256 > 255$/);
  assert.equal(fault('::fFFF:B:F/115'), 'invalid CIDR ::fFFF:B:F/115');
  assert.equal(fault('0:0::/32'), 'invalid CIDR 0:0::/32');
  assert.match(fault('example.org:70000'), /invalid port/);
});

test('zone arguments: what can not be read is dropped, none are those of the block', () => {
  assert.deepEqual(normalizeZones(['Foo.ORG', 'a..b', '10.0.0.0/15']), [
    'foo.org.',
    '0.10.in-addr.arpa.',
    '1.10.in-addr.arpa.',
  ]);
  const block = key('cluster.local').zones;
  assert.deepEqual(normalizeZones([], block), ['cluster.local.']);
  assert.deepEqual(normalizeZones(['a..b'], block), []);
});

test('the longest zone matches', () => {
  const zones = normalizeZones(['.', 'local', 'cluster.local']);
  const match = (name: string) => matchZone(parseName(name) ?? assert.fail(name), zones);
  assert.equal(match('a.cluster.local'), 'cluster.local.');
  assert.equal(match('xcluster.local'), 'local.');
  assert.equal(match('org'), '.');
});

const block = (keys: string[], bind: string[] = [], isFiltered = false) => ({ keys: keys.map(key), bind, isFiltered });

test('the same zone on the same listener is refused', () => {
  const check = (...blocks: ReturnType<typeof block>[]) => {
    const checked = checkListeners(blocks, 53);
    return checked.ok ? 'fine' : checked.error.message;
  };
  assert.equal(check(block(['.']), block(['.:53'])), 'cannot serve dns://.:53 - it is already defined');
  assert.equal(check(block(['.', '.'])), 'cannot serve dns://.:53 - it is already defined');
  assert.equal(check(block(['.']), block(['.:54'])), 'fine');
  assert.equal(check(block(['.']), block(['tls://.'])), 'fine');
  assert.equal(check(block(['a.org']), block(['b.org'])), 'fine');
  assert.equal(check(block(['.'], ['127.0.0.1']), block(['.'], ['127.0.0.2'])), 'fine');
  assert.equal(
    check(block(['.'], ['127.0.0.1']), block(['.'], ['127.0.0.1'])),
    'cannot serve dns://.:53 on 127.0.0.1 - it is already defined',
  );
  assert.equal(
    check(block(['.'], ['127.0.0.1']), block(['.'])),
    'cannot serve dns://.:53 - zone overlap listener capacity with dns://.:53 on 127.0.0.1',
  );
  assert.equal(
    check(block(['.']), block(['.'], ['127.0.0.1'])),
    'cannot serve dns://.:53 on 127.0.0.1 - zone overlap listener capacity with dns://.:53',
  );
  assert.equal(check(block(['.'], [], true), block(['.'], [], true), block(['.'])), 'fine');
  assert.match(check(block(['.']), block(['.'], [], true)), /already defined/);
});
