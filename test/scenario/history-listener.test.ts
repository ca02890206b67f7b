/** The listener of `history` in a whole server, as others can reach it: token, certificates, and what plain HTTP is told. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CA, CERTIFICATE, KEY } from '../kit/certificates.ts';
import { TestServer } from '../kit/server.ts';

const TOKEN = 'correct-horse-battery-staple';
const CLIENT = { cert: CERTIFICATE, key: KEY };

interface Asked {
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
}

describe('the history listener of a server that others can reach', () => {
  let server: TestServer;

  before(async () => {
    server = await TestServer.prepare({
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    kubernetes cluster.local {
        endpoint http://127.0.0.1:1
        startup_timeout 0s
    }
    history :{{health}} {
        token {{folder}}/token
        tls {{folder}}/cert.pem {{folder}}/key.pem {{folder}}/ca.pem
    }
}
`,
    });
    const files = { 'cert.pem': CERTIFICATE, 'key.pem': KEY, 'ca.pem': CA, token: `${TOKEN}\n` };
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(server.folder, name), text);
    server.spawn();
    await server.printed(/history/);
  });
  after(() => server?.close());

  async function ask(url: string, { token, ...tls }: Asked): Promise<{ status: number; body: string }> {
    const sent = request({
      host: '127.0.0.1',
      port: server.port('health'),
      servername: 'dns.test',
      path: url,
      ca: CA,
      agent: false,
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      ...tls,
    });
    sent.end();
    const [response] = await once(sent, 'response');
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    return { status: response.statusCode, body: Buffer.concat(chunks).toString() };
  }

  test('answers who shows a certificate and the token', async () => {
    const { status, body } = await ask('/api/v1/overview', { ...CLIENT, token: TOKEN });
    assert.equal(status, 200, body);
    assert.deepEqual(
      JSON.parse(body).zones.map(({ zone }: { zone: string }) => zone),
      ['cluster.local.'],
    );
  });

  test('refuses who shows no certificate in the handshake already', async () => {
    await assert.rejects(ask('/api/v1/overview', { token: TOKEN }), /alert|ECONNRESET|EPIPE|socket hang up/i);
  });

  test('refuses who has a certificate and not the token', async () => {
    for (const token of [undefined, `${TOKEN}!`, 'x']) {
      const { status } = await ask('/api/v1/overview', { ...CLIENT, ...(token && { token }) });
      assert.equal(status, 401, String(token));
    }
  });

  test('gives the page to whoever has a certificate: it holds nothing, and asks for the token', async () => {
    const { status, body } = await ask('/', CLIENT);
    assert.equal(status, 200);
    assert.match(body, /<script type="module" src="main.js">/);
  });

  test('lets go of who speaks plain HTTP, and serves the others as before', async () => {
    const socket = connect({ host: '127.0.0.1', port: server.port('health') });
    // A reset ends it too.
    socket.on('error', () => {});
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const told: Buffer[] = [];
    socket.on('data', (chunk) => told.push(chunk));
    socket.write('GET /api/v1/overview HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await closed;
    assert.doesNotMatch(Buffer.concat(told).toString(), /cluster\.local/);
    assert.equal((await ask('/api/v1/overview', { ...CLIENT, token: TOKEN })).status, 200);
    assert.ok(server.isRunning);
  });
});
