/**
 * Another server, to forward to: answers every question at once with one address and a TTL of five minutes, and tells its
 * port by IPC. It knows no type: who asks for something else than A gets an A record all the same.
 */
import { createSocket } from 'node:dgram';

const HEADER = 12;
const RECORD = Buffer.from('c00c000100010000012c0004c0000201', 'hex');
const RECEIVE_BUFFER = 4 * 1024 * 1024;

const socket = createSocket({ type: 'udp4', lookup: (host, _options, callback) => callback(null, host, 4) });
socket.on('message', (query, { port, address }) => {
  let end = HEADER;
  while (end < query.length && query[end] !== 0) end += 1 + (query[end] as number);
  const reply = Buffer.concat([query.subarray(0, end + 5), RECORD]);
  // QR, RA; RD as it came; no error.
  reply[2] = 0x80 | ((query[2] as number) & 1);
  reply[3] = 0x80;
  reply.writeUInt16BE(1, 6);
  reply.writeUInt32BE(0, 8);
  socket.send(reply, port, address);
});
socket.bind(0, '127.0.0.1', () => {
  socket.setRecvBufferSize(RECEIVE_BUFFER);
  process.send?.(socket.address().port);
});
process.on('disconnect', () => process.exit());
