/**
 * Clients that begin connections and never finish them (SYN and nothing more), by the thousand, to TCP and TLS: UDP is
 * answered as before, and so are those who come by TCP and TLS. It needs a network of its own, in which a packet filter keeps the
 * server's half of the handshake from them. `ZONELOG_TEST_CLIENTS`: how many of each kind (default 3,000).
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CERTIFICATE, KEY } from '../kit/certificates.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { hasNetworks, Network } from '../peer/network.ts';
import type { Seen } from './half-open-child.ts';

const EACH = Number(process.env.ZONELOG_TEST_CLIENTS ?? 3_000);
const GOOD_CONNECTIONS = 50;
const FILTER = `add table ip lost
add chain ip lost replies { type filter hook input priority 0; }
add rule ip lost replies ip daddr 127.9.0.0/16 drop
`;

const network = hasNetworks ? await Network.open([]) : undefined;
const folder = await TestServer.prepare({
  corefile: `
.:{{dns}} {
    bind 127.0.0.1
    whoami
}
tls://.:{{ready}} {
    bind 127.0.0.1
    tls {{folder}}/cert.pem {{folder}}/key.pem
    whoami
}
`,
});
const rules = path.join(folder.folder, 'rules');
writeFileSync(rules, FILTER);
const filtered = await network?.run(['sh', '-c', `nft -f ${rules} && echo filtered`], folder.folder);
const lacks = network === undefined ? 'no networks of its own' : filtered?.trim() !== 'filtered' ? 'no nft' : undefined;

describe(`${EACH} connections of each kind that are never finished`, { skip: lacks }, () => {
  before(async () => {
    writeFileSync(path.join(folder.folder, 'cert.pem'), CERTIFICATE);
    writeFileSync(path.join(folder.folder, 'key.pem'), KEY);
    const server = network?.start(folder.command(), folder.folder);
    await eventually(
      () => server?.said() ?? '',
      (said) => said.includes('zonelog-'),
      'the server serves',
    );
  });

  test('keep nobody else from an answer', { timeout: 120_000 }, async (t) => {
    const child = path.join(import.meta.dirname, 'half-open-child.ts');
    const ports = [folder.port('dns'), folder.port('ready'), EACH].map(String);
    const printed = await network?.run([process.execPath, child, ...ports], folder.folder);
    const seen = JSON.parse(printed ?? '') as Seen;
    t.diagnostic(JSON.stringify(seen));
    assert.equal(seen.finished, 0, 'none of them is a connection');
    assert.ok(seen.halfOpen > 0);
    assert.equal(seen.tcp, GOOD_CONNECTIONS, 'by TCP');
    assert.equal(seen.tls, GOOD_CONNECTIONS, 'by TLS');
    assert.equal(seen.unanswered, 0, `of ${seen.sent} questions, ${seen.lost} of them lost`);
    assert.ok(seen.busyP99 < seen.calmP99 * 10 + 1_000, 'nearly all questions');
  });
});

after(async () => {
  network?.close();
  await folder.close();
});
