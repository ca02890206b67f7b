import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cookieFactory, ownSecrets, parseSecrets } from '../../src/compose/cookie.ts';
import { makeCookie } from '../../src/dns/cookie.ts';
import { Rcode } from '../../src/dns/rrset.ts';
import type { Handler, Outcome, Request } from '../../src/serve/chain.ts';
import { createCookie } from '../../src/serve/plugins/cookie.ts';
import { optionsOf } from '../kit/corefile.ts';
import { blockOf, nextWith, requestOf, toolsOf } from '../kit/handlers.ts';
import { ask, entryOf, question, ToyZone } from '../kit/serving.ts';
import { temporaryFolder } from '../kit/temporary.ts';

const NOW = 1_700_000_000;
const SECRET = Buffer.alloc(16, 3);
const CLIENT = Buffer.from('0102030405060708', 'hex');
/** 192.0.2.1, which the kit's questions come from. */
const ADDRESS = Uint8Array.of(192, 0, 2, 1);
const GOOD = makeCookie(CLIENT, ADDRESS, SECRET, NOW);

function cookie(isRequired = false): Handler {
  return createCookie({ secretsAt: () => [SECRET], isRequired, clock: () => NOW });
}

function withOptions(...options: readonly { readonly code: number; readonly data: Uint8Array }[]): Partial<Request> {
  return { edns: { version: 0, udpSize: 1232, isDnssecOk: false, options } };
}

function sent(outcome: Outcome): { readonly rcode: number; readonly cookie: string | undefined } {
  assert.ok(outcome.kind === 'reply');
  const found = outcome.ednsOptions?.find(({ code }) => code === 10);
  return { rcode: outcome.rcode, cookie: found && Buffer.from(found.data).toString('hex') };
}

async function askWith(handler: Handler, parts: Partial<Request>) {
  const { next, asked } = nextWith('www.test. 5 IN A 192.0.2.9');
  const outcome = await handler.handle(requestOf('www.test', 'A', parts), next);
  return { ...sent(outcome), asked: asked[0] };
}

describe('cookie', () => {
  it('gives a cookie to who has none, and answers all the same', async () => {
    const { rcode, cookie: given, asked } = await askWith(cookie(), withOptions({ code: 10, data: CLIENT }));
    assert.deepEqual([rcode, given], [Rcode.NOERROR, GOOD.toString('hex')]);
    assert.equal(asked?.hasGoodCookie, false);
  });

  it('knows its own cookie again, sends it back as it is, and says so to the plugins after it', async () => {
    const { cookie: back, asked } = await askWith(cookie(), withOptions({ code: 10, data: GOOD }));
    assert.equal(back, GOOD.toString('hex'));
    assert.equal(asked?.hasGoodCookie, true);
  });

  it('makes an old one anew', async () => {
    const old = makeCookie(CLIENT, ADDRESS, SECRET, NOW - 2000);
    const { cookie: back, asked } = await askWith(cookie(), withOptions({ code: 10, data: old }));
    assert.equal(back, GOOD.toString('hex'));
    assert.equal(asked?.hasGoodCookie, true);
  });

  it('replaces one that is not its own', async () => {
    const other = makeCookie(CLIENT, ADDRESS, Buffer.alloc(16, 4), NOW);
    const { rcode, cookie: back, asked } = await askWith(cookie(), withOptions({ code: 10, data: other }));
    assert.deepEqual([rcode, back, asked?.hasGoodCookie], [Rcode.NOERROR, GOOD.toString('hex'), false]);
  });

  it('calls a cookie of an impossible length a format error', async () => {
    const { rcode, asked } = await askWith(cookie(), withOptions({ code: 10, data: Buffer.alloc(12) }));
    assert.deepEqual([rcode, asked], [Rcode.FORMERR, undefined]);
  });

  it('hands the question on without the cookie, and with the other options', async () => {
    const nsid = { code: 3, data: new Uint8Array() };
    const { asked } = await askWith(cookie(), withOptions(nsid, { code: 10, data: GOOD }));
    assert.deepEqual(asked?.edns?.options, [nsid]);
  });

  it('leaves questions without a cookie alone', async () => {
    const { next, asked } = nextWith('');
    const request = requestOf('www.test', 'A');
    const outcome = await cookie(true).handle(request, next);
    assert.equal(asked[0], request);
    assert.ok(outcome.kind === 'reply' && outcome.ednsOptions === undefined);
  });

  it('require: BADCOOKIE by UDP, with the cookie to come back with; TCP proves the address itself', async () => {
    const bad = await askWith(cookie(true), withOptions({ code: 10, data: CLIENT }));
    assert.deepEqual([bad.rcode, bad.cookie, bad.asked], [Rcode.BADCOOKIE, GOOD.toString('hex'), undefined]);
    const good = await askWith(cookie(true), withOptions({ code: 10, data: GOOD }));
    assert.equal(good.rcode, Rcode.NOERROR);
    const tcp = await askWith(cookie(true), { ...withOptions({ code: 10, data: CLIENT }), transport: 'tcp' });
    assert.equal(tcp.rcode, Rcode.NOERROR);
  });

  it('a reply in the cookie of one client is not kept for another', () => {
    const zone = new ToyZone();
    zone.set('www', '192.0.2.7');
    const { entry } = entryOf({ '.': [cookie(), zone.handler()] });
    const options = [{ code: 10, data: CLIENT }];
    const reply = () => ask(entry, question('www.toy.test', 'A', { edns: { options } }));
    assert.deepEqual(
      reply().opt?.options.map(({ code }) => code),
      [10],
    );
    reply();
    assert.equal(entry.cache.size.entries, 0);
  });

  it('counts what it sees', async () => {
    const handler = cookie();
    await askWith(handler, withOptions({ code: 10, data: CLIENT }));
    await askWith(handler, withOptions({ code: 10, data: GOOD }));
    const samples = handler.metrics?.()[0]?.samples.map(({ labels, value }) => [...labels, value]);
    assert.deepEqual(samples, [
      ['new', 1],
      ['good', 1],
    ]);
  });
});

describe("the server's own secrets", () => {
  it('are equal in all threads, change with the period, and the last one stays good', () => {
    const seed = new Uint8Array(32).fill(1);
    const [a, b] = [ownSecrets(seed, 3600), ownSecrets(seed, 3600)];
    assert.deepEqual(a(NOW), b(NOW));
    const [first] = a(NOW);
    const [second, before] = a(NOW + 3600);
    assert.notDeepEqual(second, first);
    assert.deepEqual(before, first);
    assert.equal(second?.length, 16);
    assert.notDeepEqual(ownSecrets(new Uint8Array(32), 3600)(NOW)[0], first);
  });
});

describe('secrets of the Corefile and of a file', () => {
  const A = '0123456789abcdef0123456789abcdef';
  const B = 'f'.repeat(32);

  it('are read in order, comments left out', () => {
    const read = parseSecrets(`# ours\n${A}\n\n${B} # the old one\n`);
    assert.deepEqual(read.ok && read.value.map((secret) => secret.toString('hex')), [A, B]);
    assert.deepEqual(parseSecrets('# none\n'), { ok: false, error: 'there is no secret in it' });
    assert.deepEqual(parseSecrets(`${A}\nxyz`), { ok: false, error: 'line 2: a secret has 32 hexadecimal digits' });
  });

  it('make and accept cookies', async (t) => {
    const folder = temporaryFolder(t);
    folder.write('secrets', `${B}\n`);
    const block = blockOf({ ...optionsOf(`root ${folder.path}\ncookie {\n secret ${A}\n secrets secrets\n}`) });
    const handler = cookieFactory(() => NOW, new Uint8Array(32))(block, toolsOf().tools);
    assert.ok(handler);
    t.after(() => handler.close?.());
    const made = makeCookie(CLIENT, ADDRESS, Buffer.from(A, 'hex'), NOW).toString('hex');
    assert.equal((await askWith(handler, withOptions({ code: 10, data: CLIENT }))).cookie, made);
    const other = makeCookie(CLIENT, ADDRESS, Buffer.from(B, 'hex'), NOW);
    assert.equal((await askWith(handler, withOptions({ code: 10, data: other }))).asked?.hasGoodCookie, true);
  });

  it('a file that is missing, or has no secret, is a reason not to start', (t) => {
    const folder = temporaryFolder(t);
    const block = blockOf(optionsOf(`cookie {\n secrets ${folder.path}/none\n}`));
    const make = () => cookieFactory(() => NOW, new Uint8Array(32))(block, toolsOf().tools);
    assert.throws(make, /open .*none: no such file or directory/);
    folder.write('none', 'x\n');
    assert.throws(make, /none: line 1: a secret has 32 hexadecimal digits/);
  });
});
