/** Transfers over TLS (RFC 9103) from a whole server: who gets them, by which certificate, and what plain TCP is told. */
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import { FrameReader, frameMessages } from '../../src/dns/framing.ts';
import { Rcode, RRType } from '../../src/dns/rrset.ts';
import { type Message, readMessage } from '../../src/dns/wire.ts';
import { CA, CERTIFICATE, KEY, SECOND_CERTIFICATE, SECOND_KEY } from '../kit/certificates.ts';
import { TransferRefused } from '../kit/dns-client.ts';
import { TestServer } from '../kit/server.ts';
import { question } from '../kit/serving.ts';

const ZONE = `$ORIGIN example.org.
@ 60 IN SOA ns.example.org. hostmaster.example.org. 7 7200 1800 86400 60
@ 60 IN NS ns.example.org.
ns 60 IN A 192.0.2.1
www 60 IN A 192.0.2.80
`;

const pin = createHash('sha256')
  .update(new X509Certificate(SECOND_CERTIFICATE).publicKey.export({ type: 'spki', format: 'der' }))
  .digest('base64');

const FIRST: ConnectionOptions = { cert: CERTIFICATE, key: KEY };
const SECOND: ConnectionOptions = { cert: SECOND_CERTIFICATE, key: SECOND_KEY };

describe('a server with a zone over TLS', () => {
  let server: TestServer;

  before(async () => {
    const body = (to: string) => `
    file {{folder}}/example.org.db example.org
    transfer {
        to ${to}
        tls required
    }`;
    server = await TestServer.prepare({
      corefile: `
tls://example.org:{{ready}} {
    bind 127.0.0.1
    tls {{folder}}/cert.pem {{folder}}/key.pem {{folder}}/ca.pem {
        client_auth verify_if_given
    }
    ${body('127.0.0.0/8 cert dns2.test')}
}
tls://example.org:{{health}} {
    bind 127.0.0.1
    tls {{folder}}/cert.pem {{folder}}/key.pem {
        client_auth request
    }
    ${body(`* cert sha256/${pin}`)}
}
.:{{dns}} {
    bind 127.0.0.1
    ${body('*')}
}
`,
    });
    for (const [name, text] of [
      ['example.org.db', ZONE],
      ['cert.pem', CERTIFICATE],
      ['key.pem', KEY],
      ['ca.pem', CA],
    ] as const) {
      writeFileSync(path.join(server.folder, name), text);
    }
    server.spawn();
    await server.answers();
  });
  after(() => server?.close());

  /** Asks one question, and reads messages until the transfer has ended or is refused. */
  async function ask(at: 'ready' | 'health', options: ConnectionOptions, type = 'AXFR'): Promise<Message[]> {
    const socket = connect({
      host: '127.0.0.1',
      port: server.port(at),
      servername: 'dns.test',
      ca: CA,
      ALPNProtocols: ['dot'],
      ...options,
    });
    try {
      await once(socket, 'secureConnect');
      socket.write(frameMessages([question('example.org', type, { edns: { udpSize: 1232 } })]));
      const reader = new FrameReader();
      const messages: Message[] = [];
      for await (const chunk of socket) {
        reader.push(chunk as Buffer);
        for (let octets = reader.next(); octets; octets = reader.next()) {
          messages.push(readMessage(Buffer.from(octets)) ?? assert.fail('a malformed message'));
        }
        const records = messages.flatMap(({ answer }) => answer);
        if (messages.at(-1)?.rcode !== Rcode.NOERROR || type !== 'AXFR') break;
        if (records.length > 1 && records.at(-1)?.type === RRType.SOA) break;
      }
      return messages;
    } finally {
      socket.destroy();
    }
  }

  const records = (messages: readonly Message[]) => messages.flatMap(({ answer }) => answer).length;
  const refusal = ([message]: readonly Message[]) => message?.rcode;

  test('hands it to who has the certificate that the stanza names', async () => {
    assert.equal(records(await ask('ready', SECOND)), 5);
    assert.equal(refusal(await ask('ready', FIRST)), Rcode.REFUSED);
    assert.equal(refusal(await ask('ready', {})), Rcode.REFUSED);
  });

  test('hands it to who has the pinned key, whoever vouches for it', async () => {
    assert.equal(records(await ask('health', SECOND)), 5);
    assert.equal(refusal(await ask('health', FIRST)), Rcode.REFUSED);
    assert.equal(refusal(await ask('health', {})), Rcode.REFUSED);
  });

  test('refuses transfers, but no questions, over TLS 1.2 and without ALPN', async () => {
    for (const less of [{ maxVersion: 'TLSv1.2' }, { ALPNProtocols: [] }] as const) {
      const options = { ...SECOND, ...less } as ConnectionOptions;
      assert.equal(refusal(await ask('ready', options)), Rcode.REFUSED, JSON.stringify(less));
      assert.equal(records(await ask('ready', options, 'SOA')), 1);
    }
  });

  test('refuses it over TCP and UDP, where questions are answered', async () => {
    await assert.rejects(server.dns.axfr('example.org.'), (error) => {
      assert.ok(error instanceof TransferRefused);
      assert.equal(error.rcode, 'REFUSED');
      return true;
    });
    assert.equal(await server.dns.serial('example.org.'), 7);
    await server.printed(/Refused AXFR of zone "example\.org\." to 127\.0\.0\.1: transfers of this zone are over TLS/);
  });
});
