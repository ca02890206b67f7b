/** Questions over TLS (RFC 7858) and HTTPS (RFC 8484), asked with Node's own clients. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { Transport } from '../../src/corefile/config.ts';
import { FrameReader, frameMessages } from '../../src/dns/framing.ts';
import { Rcode } from '../../src/dns/rrset.ts';
import type { ServingOptions } from '../../src/serve/serving.ts';
import { CA, CERTIFICATE, KEY, SECOND_CERTIFICATE, SECOND_KEY } from '../kit/certificates.ts';
import { optionsOf } from '../kit/corefile.ts';
import { type Answered, decode, loopbackBlock, question, servingOf, ToyZone } from '../kit/serving.ts';
import { eventually } from '../kit/wait.ts';

const CLIENT: ConnectionOptions = { host: '127.0.0.1', servername: 'dns.test', ca: CA };

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'zonelog-tls-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(path.join(folder, 'cert.pem'), CERTIFICATE);
  writeFileSync(path.join(folder, 'key.pem'), KEY);
  writeFileSync(path.join(folder, 'ca.pem'), CA);
  return folder;
}

function blockOf(transport: Transport, tls: string, port = 0) {
  const base = loopbackBlock(['tls', 'toy'], { options: optionsOf(tls) });
  return { ...base, keys: base.keys.map((key) => ({ ...key, transport, port })) };
}

async function serve(t: TestContext, transport: Transport, tls: string, options: Partial<ServingOptions> = {}) {
  const zone = new ToyZone();
  zone.set('web', '10.0.0.1');
  const { serving, lines } = servingOf({ toy: () => zone.handler() }, options);
  t.after(() => serving.stop(0));
  const started = await serving.configure([blockOf(transport, tls)]);
  assert.ok(started.ok, started.ok ? '' : started.error);
  const port = serving.listening()[0]?.port ?? 0;
  return { serving, zone, lines, port, started: started.value.lines };
}

/** Whatever the reason. */
function closeOf(socket: Socket): Promise<void> {
  socket.on('error', () => {});
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

async function open(t: TestContext, port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ ...CLIENT, port, ...options });
  t.after(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

async function ask(socket: TLSSocket, ...packets: readonly Buffer[]): Promise<Answered[]> {
  const reader = new FrameReader();
  const answers: Answered[] = [];
  socket.write(frameMessages(packets));
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    reader.push(chunk as Buffer);
    for (let message = reader.next(); message; message = reader.next()) answers.push(decode(Buffer.from(message)));
    if (answers.length >= packets.length) break;
  }
  return answers;
}

const tlsOf = (folder: string, more = '') => `tls ${folder}/cert.pem ${folder}/key.pem ${folder}/ca.pem ${more}`;

test('questions over TLS are answered, several on one connection, and counted as such', async (t) => {
  const { port, serving, started } = await serve(t, 'tls', tlsOf(folderOf(t)));
  assert.deepEqual(started, ['tls://.:0 on 127.0.0.1']);
  const socket = await open(t, port, { ALPNProtocols: ['dot'] });
  assert.equal(socket.alpnProtocol, 'dot');
  const ids = [1, 2, 3];
  const answers = await ask(socket, ...ids.map((id) => question('web.toy.test', 'A', { id })));
  assert.deepEqual(
    answers.map(({ id, answer }) => [id, answer[0]]),
    ids.map((id) => [id, 'web.toy.test 5 A 10.0.0.1']),
  );
  const requests = serving.snapshot().find(({ name }) => name === 'coredns_dns_requests_total');
  assert.deepEqual(
    requests?.samples.map(({ labels }) => [labels[0], labels[3]]),
    [['tls://127.0.0.1:0', 'tcp']],
  );
});

test('a large reply is whole over TLS', async (t) => {
  const { port, zone } = await serve(t, 'tls', tlsOf(folderOf(t)));
  zone.set('many', ...Array.from({ length: 900 }, (_, i) => `10.1.${i >> 8}.${i & 255}`));
  const [answer] = await ask(await open(t, port), question('many.toy.test', 'A'));
  assert.deepEqual([answer?.answer.length, answer?.isTruncated], [900, false]);
});

test('clients without a certificate are turned away where one is required', async (t) => {
  const folder = folderOf(t);
  const withCertificate = { cert: CERTIFICATE, key: KEY };
  for (const mode of ['require', 'require_and_verify']) {
    const { port } = await serve(t, 'tls', tlsOf(folder, `{\nclient_auth ${mode}\n}`));
    const [answer] = await ask(await open(t, port, withCertificate), question('web.toy.test', 'A'));
    assert.equal(answer?.rcode, Rcode.NOERROR, mode);
    const without = connect({ ...CLIENT, port });
    t.after(() => without.destroy());
    without.on('error', () => {});
    without.write(frameMessages([question('web.toy.test', 'A')]));
    let octets = 0;
    without.on('data', (chunk: Buffer) => {
      octets += chunk.length;
    });
    await closeOf(without);
    assert.equal(octets, 0, mode);
  }
});

test('a reload takes up a certificate whose files have changed; half a change is refused', async (t) => {
  const folder = folderOf(t);
  const { serving, port } = await serve(t, 'tls', tlsOf(folder));
  const namesOf = async () => (await open(t, port)).getPeerX509Certificate()?.subject;
  assert.equal(await namesOf(), 'CN=dns.test');
  writeFileSync(path.join(folder, 'cert.pem'), SECOND_CERTIFICATE);
  const half = await serving.configure([blockOf('tls', tlsOf(folder))]);
  assert.equal(half.ok, false);
  assert.match(half.ok ? '' : half.error, /^plugin\/tls: could not load TLS cert/);
  assert.equal(await namesOf(), 'CN=dns.test', 'all as before');
  writeFileSync(path.join(folder, 'key.pem'), SECOND_KEY);
  const socket = await open(t, port);
  const whole = await serving.configure([blockOf('tls', tlsOf(folder))]);
  assert.equal(whole.ok, true);
  assert.equal(await namesOf(), 'CN=dns2.test');
  const [answer] = await ask(socket, question('web.toy.test', 'A'));
  assert.equal(answer?.rcode, Rcode.NOERROR, 'connections that were open stay so');
});

test('unreadable and unfit certificates, and schemes that nobody serves, are refused in one line', async () => {
  const { serving } = servingOf({});
  const tries = [
    [
      blockOf('tls', 'tls /nonexistent/cert.pem /nonexistent/key.pem'),
      /^plugin\/tls: open \/nonexistent\/cert.pem: no such file/,
    ],
    [blockOf('quic', ''), /^cannot serve quic:\/\/\.: the scheme is not supported by zonelog$/],
  ] as const;
  for (const [block, why] of tries) {
    const result = await serving.configure([block]);
    assert.match(result.ok ? '' : result.error, why);
  }
});

test('handshakes that nobody ends don’t keep others out, and are cut off', async (t) => {
  const tcpLimits = { maxPerClient: 20, maxConnections: 40, readMs: 300 };
  const { port, serving } = await serve(t, 'tls', tlsOf(folderOf(t)), { tcpLimits });
  const closed: Promise<void>[] = [];
  const connectMany = () => {
    for (let i = 0; i < 30; i++) {
      const socket = connectTcp(port, '127.0.0.1');
      t.after(() => socket.destroy());
      closed.push(closeOf(socket));
    }
  };
  const numberOf = (wanted: string) => {
    const value = serving.snapshot().find(({ name }) => name === wanted)?.samples[0]?.value;
    return typeof value === 'number' ? value : 0;
  };
  // Once more where the machine was so slow that the first of them were cut off before the last had come.
  await eventually(
    () => {
      assert.ok(numberOf('zonelog_tcp_connections') <= 20, 'no more than one client may have');
      if (numberOf('zonelog_tcp_connections') === 0) connectMany();
      return numberOf('zonelog_tcp_connections_refused_total');
    },
    (refused) => refused >= 10,
    'those beyond are refused',
  );
  await Promise.all(closed);
  await eventually(
    () => numberOf('zonelog_tcp_connections'),
    (open) => open === 0,
    'all of them are gone',
  );
  const [answer] = await ask(await open(t, port), question('web.toy.test', 'A'));
  assert.equal(answer?.rcode, Rcode.NOERROR);
});

interface Http {
  readonly status: number;
  readonly type: string | undefined;
  readonly cache: string | undefined;
  readonly body: Buffer;
}

async function post(
  port: number,
  body: Buffer | undefined,
  parts: { path?: string; type?: string; method?: string; plain?: boolean } = {},
): Promise<Http> {
  const {
    path: at = '/dns-query',
    type = 'application/dns-message',
    method = body ? 'POST' : 'GET',
    plain = false,
  } = parts;
  const options = {
    host: '127.0.0.1',
    port,
    path: at,
    method,
    headers: { ...(body && { 'content-type': type }), connection: 'close' },
  };
  const request = plain ? httpRequest(options) : httpsRequest({ ...options, ca: CA, servername: 'dns.test' });
  request.end(body);
  const [response] = await once(request, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const { 'content-type': got, 'cache-control': cache } = response.headers;
  return { status: response.statusCode, type: got, cache, body: Buffer.concat(chunks) };
}

test('questions over HTTPS: POST and GET, HTTP/1.1 and HTTP/2, fresh for as long as the smallest TTL', async (t) => {
  const { port, serving, started } = await serve(t, 'https', tlsOf(folderOf(t)));
  assert.deepEqual(started, ['https://.:0 on 127.0.0.1']);
  const packet = question('web.toy.test', 'A', { id: 0 });
  const posted = await post(port, packet);
  assert.deepEqual([posted.status, posted.type, posted.cache], [200, 'application/dns-message', 'max-age=5']);
  assert.deepEqual(decode(posted.body).answer, ['web.toy.test 5 A 10.0.0.1']);
  const got = await post(port, undefined, { path: `/dns-query?dns=${packet.toString('base64url')}` });
  assert.deepEqual(got.body, posted.body);

  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: CA, servername: 'dns.test' });
  t.after(() => session.destroy());
  const bodies = await Promise.all(
    [1, 2, 3].map(async () => {
      const stream = session.request({
        ':method': 'POST',
        ':path': '/dns-query',
        'content-type': 'application/dns-message',
      });
      stream.end(packet);
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    }),
  );
  for (const body of bodies) assert.deepEqual(body, posted.body);
  const families = serving.snapshot();
  const statuses = families.find(({ name }) => name === 'coredns_dns_https_responses_total');
  assert.deepEqual(statuses?.samples, [{ labels: ['https://127.0.0.1:0', '200'], value: 5 }]);
});

test('what is no question over HTTPS gets a status that says so', async (t) => {
  const { port } = await serve(t, 'https', tlsOf(folderOf(t)));
  const packet = question('web.toy.test', 'A');
  const statusOf = async (...args: Parameters<typeof post> extends [number, ...infer Rest] ? Rest : never) =>
    (await post(port, ...args)).status;
  assert.equal(await statusOf(packet, { path: '/' }), 404);
  assert.equal(await statusOf(packet, { type: 'text/plain' }), 415);
  assert.equal(await statusOf(packet, { method: 'PUT' }), 405);
  assert.equal(await statusOf(undefined), 400);
  assert.equal(await statusOf(undefined, { path: '/dns-query?dns=a.b' }), 400);
  assert.equal(await statusOf(undefined, { path: '/dns-query?dns=AAAA&dns=AAAA' }), 400);
  assert.equal(await statusOf(Buffer.from('short')), 400);
  assert.equal(await statusOf(Buffer.alloc(70_000)), 413);
});

test('https without `tls` is plain HTTP, for who ends TLS before it', async (t) => {
  const { port } = await serve(t, 'https', '');
  const { status, body } = await post(port, question('web.toy.test', 'A'), { plain: true });
  assert.equal(status, 200);
  assert.deepEqual(decode(body).answer, ['web.toy.test 5 A 10.0.0.1']);
});

test('a body that does not come in time is given up', async (t) => {
  const { port } = await serve(t, 'https', '', { tcpLimits: { readMs: 100, idleMs: 5000 } });
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    path: '/dns-query',
    method: 'POST',
    headers: { 'content-type': 'application/dns-message', 'content-length': 40 },
  });
  request.on('error', () => {});
  request.write(Buffer.alloc(10));
  const [response] = await once(request, 'response');
  assert.equal(response.statusCode, 408);
  request.destroy();
});

test('stop ends open connections', async (t) => {
  const { port, serving } = await serve(t, 'https', tlsOf(folderOf(t)));
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: CA, servername: 'dns.test' });
  session.on('error', () => {});
  await once(session, 'connect');
  // It may end with a reset, which would be an error to `once`.
  const closed = new Promise<void>((resolve) => session.once('close', () => resolve()));
  await serving.stop(50);
  await closed;
});
