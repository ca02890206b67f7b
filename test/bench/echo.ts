/** Sends every datagram back: what the prober measures here is the machine, not a server. Tells its port by IPC. */
import { createSocket } from 'node:dgram';

const socket = createSocket({ type: 'udp4', lookup: (host, _options, callback) => callback(null, host, 4) });
socket.on('message', (packet, { port, address }) => socket.send(packet, port, address));
socket.bind(0, '127.0.0.1', () => process.send?.(socket.address().port));
process.on('disconnect', () => process.exit());
