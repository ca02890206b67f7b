/**
 * Ports of 127.0.0.1 that nobody uses, by TCP or UDP, and that nobody else is given: neither another test process nor, as they
 * lie below the range that the system chooses from, a socket that asks for any port. So a server may be started on one
 * long after, and again.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';

/** Ports are claimed by blocks: one claim lasts a test for all its servers. */
const BLOCK = 32;
/** PowerDNS asks its questions from any of the ports below that down to 10,000, those of a server that is away for a moment too. */
const FIRST_PORT = 20_000;
const FIRST_BLOCK = Math.ceil(FIRST_PORT / BLOCK);
/** Where the system's own choice begins, unless it says otherwise. */
const DEFAULT_EPHEMERAL = 32_768;
const BLOCKS = Math.max(1, Math.floor((firstEphemeral() - FIRST_BLOCK * BLOCK) / BLOCK));
/** Processes that are started one after another begin far enough from each other. */
const STRIDE = 8;

let next = 0;
let end = 0;
/** Blocks that were tried, counted from one that depends on the process: most find theirs at once. */
let tried = 0;
let claiming: Promise<void> | undefined;

/** @returns so many ports, each of which this process is given once */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    while (next === end) {
      claiming ??= claimBlock().finally(() => {
        claiming = undefined;
      });
      await claiming;
    }
    const port = next++;
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

async function claimBlock(): Promise<void> {
  for (; tried < BLOCKS; tried++) {
    const block = FIRST_BLOCK + ((process.pid * STRIDE + tried) % BLOCKS);
    if (!(await claim(block))) continue;
    tried += 1;
    next = block * BLOCK;
    end = next + BLOCK;
    return;
  }
  throw new Error('all blocks of ports are taken');
}

/**
 * A claim is an abstract Unix socket, which the kernel takes back when the process ends, however it ends. Systems other
 * than Linux have none: there a block is only likely to be nobody else's.
 */
async function claim(block: number): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const server = createServer((socket) => socket.destroy());
  return isListening(server.listen(`\0zonelog-test-ports-${block}`).unref());
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const socket = createSocket('udp4');
  try {
    if (!(await isListening(server.listen(port, '127.0.0.1')))) return false;
    return await new Promise<boolean>((resolve) => {
      socket.once('error', () => resolve(false));
      socket.bind(port, '127.0.0.1', () => resolve(true));
    });
  } finally {
    const closed = once(socket, 'close');
    socket.close();
    await closed;
    if (server.listening) await once(server.close(), 'close');
  }
}

function isListening(server: Server): Promise<boolean> {
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.once('listening', () => resolve(true));
  });
}

function firstEphemeral(): number {
  try {
    const [first] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/);
    // A system that chooses from nearly all ports leaves no room: then it may choose one of ours.
    return Number(first) > FIRST_PORT + 2_000 ? Number(first) : DEFAULT_EPHEMERAL;
  } catch {
    return DEFAULT_EPHEMERAL;
  }
}
