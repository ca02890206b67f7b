/** What connections to the history listener cost that send no request, or not all of one: bytes in, bytes out. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { it, type TestContext } from 'node:test';
import { type WebApp, webApp } from '../kit/web-app.ts';

async function listening(t: TestContext, options: Parameters<typeof webApp>[1] = {}): Promise<[WebApp, number]> {
  const app = await webApp(t, options);
  await app.http.listen({ host: '127.0.0.1', port: 0 });
  const address = app.http.server.address();
  assert.ok(address !== null && typeof address === 'object');
  return [app, address.port];
}

function open(t: TestContext, port: number): Socket {
  const socket = connect({ host: '127.0.0.1', port });
  // A server that lets go of somebody who still sends resets the connection.
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  return socket;
}

/** All that comes until the server lets go. */
async function endOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  // Not `once` of node:events, to which a reset is an error.
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return Buffer.concat(chunks).toString();
}

function problemIn(reply: string, status: number): void {
  const [head = '', body = ''] = reply.split('\r\n\r\n');
  assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} `), reply);
  assert.match(head, /content-type: application\/problem\+json/i);
  assert.equal(JSON.parse(body).status, status);
}

async function assertServes(port: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/events?limit=1`, { headers: { connection: 'close' } });
  assert.equal(answer.status, 200);
}

const HEAD = 'GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n';

it('what is no HTTP gets its 4xx as a problem, and the connection ends', async (t) => {
  const [app, port] = await listening(t);
  const cases: readonly (readonly [status: number, sent: string | Buffer])[] = [
    [400, 'HELO mail.example\r\n\r\n'],
    [400, Buffer.from('160301020001000001fc0303', 'hex')],
    [400, `${HEAD}Content-Length: -1\r\n\r\n`],
    [400, `${HEAD}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n`],
    [400, `${HEAD}Bad Header\r\n\r\n`],
    [400, 'GET /api/v1/events HTTP/1.1\r\nConnection: close\r\n\r\n'],
    [413, `${HEAD}Content-Length: 99999999999\r\n\r\n`],
    [413, `${HEAD}Transfer-Encoding: chunked\r\n\r\n`],
    [431, `${HEAD}X-Long: ${'x'.repeat(20_000)}\r\n\r\n`],
  ];
  for (const [status, sent] of cases) {
    const socket = open(t, port);
    const reply = endOf(socket);
    socket.write(sent);
    // What node itself refuses has no body: a request without a host.
    if (status === 400 && String(sent).includes('Connection: close')) assert.match(await reply, /^HTTP\/1\.1 400 /);
    else problemIn(await reply, status);
  }
  await assertServes(port);
  assert.deepEqual(app.lines, []);
});

const HASTY = { requestTimeout: 300, keepAliveTimeout: 300, lookEvery: 50 };

it('half a request, and none at all, are waited for only so long', async (t) => {
  const [, port] = await listening(t, { limits: HASTY });
  const half = open(t, port);
  half.write(HEAD);
  const silent = open(t, port);
  const idle = open(t, port);
  idle.write(`${HEAD}\r\n`);
  const [halfReply, , idleReply] = await Promise.all([endOf(half), endOf(silent), endOf(idle)]);
  problemIn(halfReply, 408);
  assert.match(idleReply, /^HTTP\/1\.1 200 /);
  await assertServes(port);
});

it('the limits hold for a server that was made elsewhere, for TLS', async (t) => {
  const { createServer } = await import('node:http');
  const [app, port] = await listening(t, { limits: HASTY, makeServer: (handler) => createServer(handler) });
  assert.equal(app.http.server.requestTimeout, 300);
  assert.equal(app.http.server.maxConnections, 256);
  await assertServes(port);
});

it('connections beyond 256 are dropped, and those that are there go on', async (t) => {
  const [, port] = await listening(t);
  const held = await Promise.all(
    Array.from({ length: 256 }, async () => {
      const socket = open(t, port);
      await once(socket, 'connect');
      return socket;
    }),
  );
  // All are accepted once the last one is answered.
  const last = held.at(-1) as Socket;
  last.write(`${HEAD}\r\n`);
  await once(last, 'data');
  assert.equal(await endOf(open(t, port)), '');
  const first = held[0] as Socket;
  first.write(`${HEAD}\r\n`);
  const [reply] = await once(first, 'data');
  assert.match(String(reply), /^HTTP\/1\.1 200 /);
});

it('who may not ask costs no question', async (t) => {
  let asked = 0;
  const live = async () => {
    asked += 1;
    return { clusters: [], secondaries: [], incoming: [] };
  };
  const access = { token: () => 'correct-horse-battery-staple', hasCertificates: false, host: '' };
  const { get } = await webApp(t, { access, live });
  for (let i = 0; i < 100; i++) assert.equal((await get('/overview')).status, 401);
  assert.equal(asked, 0);
  assert.equal((await get('/overview', { authorization: 'Bearer correct-horse-battery-staple' })).status, 200);
  assert.equal(asked, 1);
});
