/** A client of DNS over TLS that asks one question. */
import { once } from 'node:events';
import { connect } from 'node:tls';
import { frameMessages } from '../../src/dns/framing.ts';
import { readMessage } from '../../src/dns/wire.ts';
import { CA } from './certificates.ts';
import { question } from './serving.ts';

/** Connects as `dns.test` is known, and asks for `a.test A`. @returns whether an answer came */
export async function askByTls(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port, servername: 'dns.test', ca: CA });
  try {
    await once(socket, 'secureConnect');
    socket.write(frameMessages([question('a.test', 'A')]));
    const [reply] = (await once(socket, 'data')) as [Buffer];
    return readMessage(reply.subarray(2))?.isResponse === true;
  } finally {
    socket.destroy();
  }
}
