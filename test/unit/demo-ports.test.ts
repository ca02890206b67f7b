import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { choosePorts } from '../../src/demo/ports.ts';

describe('choosing ports', () => {
  it('passes over a port that is taken for TCP', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const chosen = await choosePorts({ dns: port });
    server.close();
    assert.ok(chosen.dns > port);
  });

  it('passes over a port that is taken for UDP', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    const chosen = await choosePorts({ dns: port });
    socket.close();
    assert.ok(chosen.dns > port);
  });

  it('gives no port to two uses', async () => {
    const chosen = await choosePorts({ a: 39_000, b: 39_000, c: 39_001 });
    assert.equal(new Set(Object.values(chosen)).size, 3);
  });
});
