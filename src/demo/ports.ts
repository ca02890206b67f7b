/** Finding ports of 127.0.0.1 that nobody uses. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { OperatorError } from '../errors.ts';

const TRIES = 100;

/**
 * For each use the wanted port, or the next one that is free for both TCP and UDP and not given to another use.
 * @throws OperatorError when a hundred ports in a row are taken
 */
export async function choosePorts<Use extends string>(
  wanted: Readonly<Record<Use, number>>,
): Promise<Record<Use, number>> {
  const given = new Set<number>();
  const chosen: Partial<Record<Use, number>> = {};
  for (const [use, first] of Object.entries<number>(wanted) as [Use, number][]) {
    let port = first;
    while (given.has(port) || !(await isFree(port))) {
      port += 1;
      if (port > first + TRIES) throw new OperatorError(`no free port from ${first} to ${port - 1} on 127.0.0.1`);
    }
    given.add(port);
    chosen[use] = port;
  }
  return chosen as Record<Use, number>;
}

async function isFree(port: number): Promise<boolean> {
  return (await isFreeForTcp(port)) && (await isFreeForUdp(port));
}

function isFreeForTcp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function isFreeForUdp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)));
  });
}
