/** `forward` to servers that speak TLS (RFC 7858) and HTTPS (RFC 8484). */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createServer as createTls, type TLSSocket } from 'node:tls';
import packet from 'dns-packet';
import { FrameReader, frameMessages } from '../../src/dns/framing.ts';
import { Rcode, RRType } from '../../src/dns/rrset.ts';
import { CA, CERTIFICATE, KEY } from '../kit/certificates.ts';
import { forwardingOf } from '../kit/forwarding.ts';
import { requestFor } from '../kit/handlers.ts';
import { addressReply } from '../kit/upstream.ts';

const TRUSTED = { ca: CA, cert: undefined, key: undefined };

const reply = (octets: Buffer) => addressReply({ query: packet.decode(octets) });

async function tlsServer(t: TestContext) {
  const seen = {
    connections: 0,
    names: [] as (string | false)[],
    protocols: [] as (string | false | null)[],
    resumed: 0,
  };
  const sockets = new Set<TLSSocket>();
  const server = createTls({ key: KEY, cert: CERTIFICATE, ALPNProtocols: ['dot'] }, (socket) => {
    sockets.add(socket);
    seen.connections += 1;
    seen.names.push((socket as TLSSocket & { servername: string | false }).servername);
    seen.protocols.push(socket.alpnProtocol);
    if (socket.isSessionReused()) seen.resumed += 1;
    const reader = new FrameReader();
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      reader.push(chunk);
      for (let message = reader.next(); message; message = reader.next()) socket.write(frameMessages([reply(message)]));
    });
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const hangUp = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  t.after(() => {
    hangUp();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen, hangUp };
}

test('a TLS server is asked over one connection, under the name that the Corefile gives it', async (t) => {
  const { port, seen, hangUp } = await tlsServer(t);
  const { ask, count } = forwardingOf(t, `forward . tls://127.0.0.1%dns.test:${port}`, { tls: TRUSTED });
  assert.equal(await ask(requestFor('a.test')), '0 192.0.2.7');
  assert.equal(await ask(requestFor('b.test', RRType.A, { transport: 'tcp' })), '0 192.0.2.7');
  assert.deepEqual([seen.connections, seen.names, seen.protocols], [1, ['dns.test'], ['dot']]);
  assert.equal(count('coredns_proxy_conn_cache_hits_total', 'tcp-tls'), 1);
  hangUp();
  assert.equal(await ask(requestFor('c.test')), '0 192.0.2.7');
  assert.deepEqual([seen.connections, seen.resumed], [2, 1], 'the session is taken up again');
});

test('tls_servername is for all servers, and without any name the address must be in the certificate', async (t) => {
  const { port, seen } = await tlsServer(t);
  const named = `forward . tls://127.0.0.1:${port} {\ntls_servername dns.test\n}`;
  assert.equal(await forwardingOf(t, named, { tls: TRUSTED }).ask(requestFor('a.test')), '0 192.0.2.7');
  const plain = `forward . tls://127.0.0.1:${port}`;
  assert.equal(await forwardingOf(t, plain, { tls: TRUSTED }).ask(requestFor('a.test')), '0 192.0.2.7');
  assert.deepEqual(seen.names, ['dns.test', false]);
});

test('a certificate of an unknown authority, or for another name, is no server of ours', async (t) => {
  const { port } = await tlsServer(t);
  const cases = [
    [`forward . tls://127.0.0.1%dns.test:${port} {\nmax_fails 0\n}`, undefined],
    [`forward . tls://127.0.0.1%bank.test:${port} {\nmax_fails 0\n}`, CA],
  ] as const;
  for (const [corefile, ca] of cases) {
    const { outcome } = forwardingOf(t, corefile, { tls: { ...TRUSTED, ca } });
    const failed = await outcome(requestFor('a.test'));
    assert.ok(failed.kind === 'reply');
    assert.equal(failed.rcode, Rcode.SERVFAIL);
    assert.match(failed.failure ?? '', /certificate/);
  }
});

interface Posted {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly type: string | undefined;
  readonly id: number;
  readonly version: string;
}

type Respond = (octets: Buffer) => { status?: number; type?: string; body: Buffer };
const answered: Respond = (octets) => ({ body: reply(octets) });

async function httpsServer(t: TestContext, respond: Respond = answered, isHttp2 = true) {
  const posted: Posted[] = [];
  const take = async (
    request: Http2ServerRequest | import('node:http').IncomingMessage,
    response: Http2ServerResponse | import('node:http').ServerResponse,
  ) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? '', 'https://dns.test');
    const octets =
      request.method === 'GET' ? Buffer.from(url.searchParams.get('dns') ?? '', 'base64url') : Buffer.concat(chunks);
    const { 'content-type': type } = request.headers;
    posted.push({
      method: request.method,
      path: url.pathname,
      type,
      id: octets.readUInt16BE(0),
      version: request.httpVersion,
    });
    const { status = 200, type: media = 'application/dns-message', body } = respond(octets);
    (response as import('node:http').ServerResponse).writeHead(status, { 'content-type': media }).end(body);
  };
  const server: Http2SecureServer | import('node:https').Server = isHttp2
    ? createSecureServer({ key: KEY, cert: CERTIFICATE }, (q, r) => void take(q, r))
    : createHttps({ key: KEY, cert: CERTIFICATE }, (q, r) => void take(q, r));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, posted };
}

test('an HTTPS server gets the question by POST with id 0, over HTTP/2 where it speaks that', async (t) => {
  for (const isHttp2 of [true, false]) {
    const { url, posted } = await httpsServer(t, answered, isHttp2);
    const { ask } = forwardingOf(t, `forward . ${url}`, { tls: TRUSTED });
    assert.equal(await ask(requestFor('a.test')), '0 192.0.2.7');
    const [first] = posted;
    assert.deepEqual(first, {
      method: 'POST',
      path: '/dns-query',
      type: 'application/dns-message',
      id: 0,
      version: isHttp2 ? '2.0' : '1.1',
    });
  }
});

test('doh_method GET puts the question into the URL', async (t) => {
  const { url, posted } = await httpsServer(t);
  const { ask } = forwardingOf(t, `forward . ${url}/resolve {\ndoh_method GET\n}`, { tls: TRUSTED });
  assert.equal(await ask(requestFor('a.test')), '0 192.0.2.7');
  assert.deepEqual([posted[0]?.method, posted[0]?.path], ['GET', '/resolve']);
});

test('other statuses, media types, and bodies that are no message are failures', async (t) => {
  const cases: [Respond, RegExp][] = [
    [(octets) => ({ status: 503, body: reply(octets) }), /unexpected status 503/],
    [(octets) => ({ type: 'text/html', body: reply(octets) }), /unexpected content type text\/html/],
    [() => ({ body: Buffer.from('short') }), /no DNS message/],
    [(octets) => ({ body: octets }), /no DNS message/],
    [() => ({ body: Buffer.alloc(100_000) }), /./],
  ];
  for (const [respond, why] of cases) {
    const { url } = await httpsServer(t, respond);
    const { outcome } = forwardingOf(t, `forward . ${url} {\nmax_fails 0\n}`, { tls: TRUSTED });
    const failed = await outcome(requestFor('a.test'));
    assert.ok(failed.kind === 'reply');
    assert.equal(failed.rcode, Rcode.SERVFAIL);
    assert.match(failed.failure ?? '', why);
  }
});

test('an HTTPS server with a certificate that nobody trusts is not asked', async (t) => {
  const { url, posted } = await httpsServer(t);
  const { ask } = forwardingOf(t, `forward . ${url} {\nmax_fails 0\n}`);
  assert.equal(await ask(requestFor('a.test')), '2');
  assert.equal(posted.length, 0);
});
