import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TransferOptions, TransferTarget } from '../../src/corefile/config.ts';
import { findStanza } from '../../src/corefile/config.ts';
import { type ClientCertificate, isPermitted } from '../../src/transfer/access.ts';
import { name } from '../kit/records.ts';

const any: TransferTarget = { kind: 'any', key: undefined };

function at(address: string, port = 53): TransferTarget {
  return { kind: 'address', address, port, key: undefined };
}

function network(address: string, prefix: number): TransferTarget {
  return { kind: 'network', address, prefix, key: undefined };
}

function isAdmitted(address: string, ...targets: TransferTarget[]): boolean {
  return isPermitted(targets, { address });
}

test('nobody is admitted by nothing, everybody by `*`', () => {
  assert.equal(isAdmitted('192.0.2.1'), false);
  assert.equal(isAdmitted('192.0.2.1', any), true);
  assert.equal(isAdmitted('2001:db8::1', any), true);
});

test('an address admits itself, whatever its port, and no other', () => {
  assert.equal(isAdmitted('192.0.2.1', at('192.0.2.1')), true);
  assert.equal(isAdmitted('192.0.2.1', at('192.0.2.1', 5353)), true);
  assert.equal(isAdmitted('192.0.2.10', at('192.0.2.1')), false);
  assert.equal(isAdmitted('192.0.2.1', at('192.0.2.2'), at('192.0.2.1')), true);
  assert.equal(isAdmitted('2001:db8::1', at('2001:db8::1')), true);
  assert.equal(isAdmitted('2001:db8:0:0::1', at('2001:db8::1')), true);
  assert.equal(isAdmitted('2001:db8::2', at('2001:db8::1')), false);
});

test('an IPv4 address is the same over a dual-stack socket', () => {
  assert.equal(isAdmitted('::ffff:192.0.2.1', at('192.0.2.1')), true);
  assert.equal(isAdmitted('192.0.2.1', at('::ffff:192.0.2.1')), true);
  assert.equal(isAdmitted('::ffff:192.0.2.1', network('192.0.2.0', 24)), true);
  assert.equal(isAdmitted('::ffff:192.0.3.1', network('192.0.2.0', 24)), false);
  assert.equal(isAdmitted('192.0.2.1', network('::ffff:192.0.2.0', 120)), true);
  // The same 32 bits, but not mapped.
  assert.equal(isAdmitted('::192.0.2.1', at('192.0.2.1')), false);
});

test('prefixes of any length', () => {
  for (let prefix = 0; prefix <= 32; prefix++) {
    assert.equal(isAdmitted('255.255.255.255', network('255.255.255.255', prefix)), true);
    assert.equal(isAdmitted('0.0.0.0', network('255.255.255.255', prefix)), prefix === 0, `/${prefix}`);
  }
  assert.equal(isAdmitted('10.15.255.255', network('10.8.0.0', 13)), true);
  assert.equal(isAdmitted('10.16.0.0', network('10.8.0.0', 13)), false);
  assert.equal(isAdmitted('2001:db8:7fff::', network('2001:db8::', 33)), true);
  assert.equal(isAdmitted('2001:db8:8000::', network('2001:db8::', 33)), false);
});

test('a family is not admitted by a prefix of the other one', () => {
  assert.equal(isAdmitted('192.0.2.1', network('::', 0)), false);
  assert.equal(isAdmitted('2001:db8::1', network('::', 0)), true);
  assert.equal(isAdmitted('2001:db8::1', network('0.0.0.0', 0)), false);
  assert.equal(isAdmitted('192.0.2.1', network('0.0.0.0', 0)), true);
});

test('what is no address is admitted by nothing but `*`', () => {
  assert.equal(isAdmitted('', network('0.0.0.0', 0), network('::', 0), at('0.0.0.0')), false);
});

test('a target with a key wants the request signed with it', () => {
  const key = name('transfer-key.');
  const signed: TransferTarget = { kind: 'any', key };
  assert.equal(isPermitted([signed], { address: '192.0.2.1' }), false);
  assert.equal(isPermitted([signed], { address: '192.0.2.1', key: name('other-key.') }), false);
  assert.equal(isPermitted([signed], { address: '192.0.2.1', key }), true);
  assert.equal(isPermitted([{ ...at('192.0.2.2'), key }], { address: '192.0.2.1', key }), false);
  // Signed where no key is asked for: the address decides.
  assert.equal(isPermitted([at('192.0.2.1')], { address: '192.0.2.1', key }), true);
});

const PIN = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';

function certificateFor(names: readonly string[], isTrusted = true, pin = ''): ClientCertificate {
  return { isTrusted, isFor: (host) => names.includes(host), pin };
}

test('a target with a certificate name wants one that an authority vouches for', () => {
  const wanted: TransferTarget = { ...any, certificate: { kind: 'name', name: 'ns1.example.org' } };
  const shows = (certificate?: ClientCertificate) =>
    isPermitted([wanted], { address: '192.0.2.1', ...(certificate && { certificate }) });
  assert.equal(shows(), false);
  assert.equal(shows(certificateFor(['ns1.example.org'])), true);
  assert.equal(shows(certificateFor(['ns2.example.org'])), false);
  assert.equal(shows(certificateFor(['ns1.example.org'], false)), false);
});

test('a pinned certificate is itself, whoever vouches for it', () => {
  const wanted: TransferTarget = { ...at('192.0.2.1'), certificate: { kind: 'pin', sha256: PIN } };
  const shown = (pin: string, address = '192.0.2.1') =>
    isPermitted([wanted], { address, certificate: certificateFor([], false, pin) });
  assert.equal(shown(PIN), true);
  assert.equal(shown(PIN.replace('A', 'B')), false);
  assert.equal(shown(PIN, '192.0.2.2'), false);
});

test('address, key and certificate of a target are all wanted', () => {
  const key = name('k.');
  const certificate = certificateFor(['ns1.example.org']);
  const wanted: TransferTarget = { ...at('192.0.2.1'), key, certificate: { kind: 'name', name: 'ns1.example.org' } };
  assert.equal(isPermitted([wanted], { address: '192.0.2.1', key, certificate }), true);
  assert.equal(isPermitted([wanted], { address: '192.0.2.1', key }), false);
  assert.equal(isPermitted([wanted], { address: '192.0.2.1', certificate }), false);
  assert.equal(isPermitted([wanted], { address: '192.0.2.2', key, certificate }), false);
});

test('the stanza with the longest zone is taken, by labels and not by letters', () => {
  const stanza = (...zones: string[]): TransferOptions => ({ zones: zones.map(name), to: [any], source: undefined });
  const short = stanza('b.example.', '.');
  const long = stanza('a.b.example.');
  const again = stanza('b.example.');
  for (const stanzas of [
    [short, long, again],
    [long, short, again],
  ]) {
    assert.equal(findStanza(stanzas, name('x.a.b.example.')), long);
    assert.equal(findStanza(stanzas, name('a.b.example.')), long);
    assert.equal(findStanza(stanzas, name('xa.b.example.')), short);
    assert.equal(findStanza(stanzas, name('other.')), short);
  }
  assert.equal(findStanza([long], name('b.example.')), undefined);
  assert.equal(findStanza([], name('b.example.')), undefined);
});
