/** RFC 9018's own examples (appendix A), and what no example shows. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkCookie, makeCookie } from '../../src/dns/cookie.ts';
import { sipHash24 } from '../../src/dns/siphash.ts';
import { octetsOf } from '../../src/serve/networks.ts';

const hex = (text: string) => Buffer.from(text, 'hex');
const address = (text: string) => octetsOf(text) ?? assert.fail(text);

describe('SipHash-2-4', () => {
  it("has the value of its authors' example", () => {
    const count = (length: number) => Uint8Array.from({ length }, (_, i) => i);
    assert.equal(sipHash24(count(16), count(15)).toString('hex'), 'e545be4961ca29a1');
  });
});

describe('cookies of RFC 9018, appendix A', () => {
  const SECRET = hex('e5e973e5a6b2a43f48e7dc849e37bfcf');

  it('A.1: a new one', () => {
    const made = makeCookie(hex('2464c4abcf10c957'), address('198.51.100.100'), SECRET, 0x5cf79f11);
    assert.equal(made.toString('hex'), '2464c4abcf10c957010000005cf79f111f8130c3eee29480');
  });

  it('A.2: the same client 40 minutes later has it renewed', () => {
    const now = 0x5cf7a871;
    const data = hex('2464c4abcf10c957010000005cf79f111f8130c3eee29480');
    assert.equal(checkCookie(data, address('198.51.100.100'), [SECRET], now), 'old');
    const made = makeCookie(data, address('198.51.100.100'), SECRET, now);
    assert.equal(made.toString('hex'), '2464c4abcf10c957010000005cf7a871d4a564a1442aca77');
  });

  it('A.3: reserved octets that are not zero are part of the hash', () => {
    const data = hex('fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5');
    assert.equal(checkCookie(data, address('203.0.113.203'), [SECRET], 0x5cf78f71 + 60), 'good');
    const plain = hex('fc93fc62807ddb86010000005cf78f71a314227b6679ebf5');
    assert.equal(checkCookie(plain, address('203.0.113.203'), [SECRET], 0x5cf78f71 + 60), 'bad');
  });

  it('A.4: IPv6, and a secret that was replaced', () => {
    const client = address('2001:db8:220:1:59de:d0f4:8769:82b8');
    const [before, after] = [hex('dd3bdf9344b678b185a6f5cb60fca715'), hex('445536bcd2513298075a5d379663c962')];
    const data = hex('22681ab97d52c298010000005cf7c57926556bd0934c72f8');
    assert.equal(checkCookie(data, client, [after, before], 0x5cf7c609), 'good');
    assert.equal(checkCookie(data, client, [after], 0x5cf7c609), 'bad');
    const made = makeCookie(data, client, after, 0x5cf7c609);
    assert.equal(made.toString('hex'), '22681ab97d52c298010000005cf7c609a6bb79d16625507a');
  });
});

describe('checkCookie', () => {
  const secret = Buffer.alloc(16, 7);
  const client = address('192.0.2.1');
  const data = makeCookie(Buffer.alloc(8, 1), client, secret, 1_000_000);
  const check = (option: Uint8Array, now = 1_000_000) => checkCookie(option, client, [secret], now);

  it('tells lengths that can not be', () => {
    const kinds = [0, 7, 8, 9, 15, 16, 24, 40, 41].map((length) => check(Buffer.alloc(length)));
    const [m, b] = ['malformed', 'bad'];
    assert.deepEqual(kinds, [m, m, 'new', m, m, b, b, b, m]);
  });

  it('accepts an hour, and five minutes ahead', () => {
    assert.equal(check(data, 1_000_000 + 3600), 'old');
    assert.equal(check(data, 1_000_000 + 3601), 'bad');
    assert.equal(check(data, 1_000_000 - 300), 'good');
    assert.equal(check(data, 1_000_000 - 301), 'bad');
  });

  it('counts across the end of 32 bits', () => {
    const late = makeCookie(Buffer.alloc(8, 1), client, secret, 2 ** 32 - 10);
    assert.equal(check(late, 2 ** 32 + 10), 'good');
  });

  it('is bound to client, address and every octet', () => {
    assert.equal(checkCookie(data, address('192.0.2.2'), [secret], 1_000_000), 'bad');
    for (let at = 0; at < data.length; at++) {
      const other = Buffer.from(data);
      other[at] = (other[at] as number) ^ 1;
      assert.equal(check(other), 'bad', `octet ${at}`);
    }
  });
});
