/** Ports of 127.0.0.1 that nobody uses, by TCP or UDP. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** All different: each is held until the last one is found. */
export async function freePorts(count: number): Promise<number[]> {
  const held: { close(): unknown }[] = [];
  const ports: number[] = [];
  try {
    while (ports.length < count) {
      const server = createServer().listen(0, '127.0.0.1');
      held.push(server);
      await once(server, 'listening');
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const socket = createSocket('udp4');
      held.push(socket);
      const isFree = await new Promise<boolean>((resolve) => {
        socket.once('error', () => resolve(false));
        socket.bind(port, '127.0.0.1', () => resolve(true));
      });
      if (isFree) ports.push(port);
    }
    return ports;
  } finally {
    for (const holder of held) holder.close();
  }
}
