/** Transfers in over TLS (RFC 9103): whom we believe, who believes us, and what is no DNS over TLS at all. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { TlsOptions } from 'node:tls';
import { RRType } from '../../src/dns/rrset.ts';
import type { PrimaryTls } from '../../src/ingest/secondary/primary.ts';
import { CA, CERTIFICATE, KEY, SECOND_CERTIFICATE, SECOND_KEY } from '../kit/certificates.ts';
import { TestPrimary } from '../kit/primary.ts';
import { SecondaryKit, sourceOf } from '../kit/secondary.ts';
import { eventually } from '../kit/wait.ts';

const ZONE = 'example.org.';
const text = (serial: number) => `$ORIGIN ${ZONE}
@ 60 IN SOA ns hostmaster ${serial} 3600 60 86400 60
@ 60 IN NS ns
ns 60 IN A 192.0.2.1
`;

describe('a secondary over TLS', () => {
  let folder: string;
  const file = (name: string) => path.join(folder, name);
  /** For dns.test and 127.0.0.1. */
  const OWN: TlsOptions = { cert: CERTIFICATE, key: KEY };
  const running: { stop(): Promise<void> }[] = [];

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'zonelog-tls-'));
    const files = { 'ca.pem': CA, 'client.pem': SECOND_CERTIFICATE, 'client.key': SECOND_KEY };
    for (const [name, content] of Object.entries(files)) writeFileSync(file(name), content);
  });
  after(async () => {
    for (const one of running) await one.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function follow(server: TlsOptions, client: PrimaryTls): Promise<{ primary: TestPrimary; kit: SecondaryKit }> {
    const primary = await TestPrimary.open(text(1), { tls: server });
    const kit = new SecondaryKit();
    running.push(kit.secondaries, primary);
    const { address, port } = primary;
    await kit.secondaries.configure([sourceOf(ZONE, [], { primaries: [{ address, port, tls: client }] })]);
    return { primary, kit };
  }
  const isTaken = (kit: SecondaryKit, serial: number) =>
    eventually(
      () => [kit.serial(ZONE), kit.lines],
      ([seen]) => seen === serial,
      `serial ${serial} is taken`,
    );
  async function isRefused(server: TlsOptions, client: PrimaryTls, reason: RegExp): Promise<void> {
    const { kit } = await follow(server, client);
    await eventually(
      () => kit.lines.join('\n'),
      (lines) => reason.test(lines),
      `the log says ${reason}`,
    );
    assert.equal(kit.serial(ZONE), undefined);
  }

  test('takes the zone of a primary that an authority vouches for, for its address or for a name', async () => {
    const { primary, kit } = await follow(OWN, { ca: file('ca.pem') });
    await isTaken(kit, 1);
    primary.publish(text(2));
    kit.secondaries.notify(ZONE, primary.address);
    await isTaken(kit, 2);
    // Nothing goes by UDP, which anybody could read.
    assert.equal(primary.count(RRType.SOA, 'udp'), 0);
    assert.equal(primary.count(RRType.SOA, 'tcp'), 1);
    await isTaken((await follow(OWN, { ca: file('ca.pem'), serverName: 'dns.test' })).kit, 1);
  });

  test('takes nothing of a primary that nobody vouches for, or that is somebody else', async () => {
    await isRefused(OWN, {}, /unable to (verify|get)|self.signed/);
    await isRefused(OWN, { ca: file('ca.pem'), serverName: 'other.test' }, /other.test/);
  });

  test('shows its own certificate to who asks for one', async () => {
    const asking: TlsOptions = { ...OWN, ca: CA, requestCert: true, rejectUnauthorized: true };
    const client = { ca: file('ca.pem'), cert: file('client.pem'), key: file('client.key') };
    await isTaken((await follow(asking, client)).kit, 1);
    await isRefused(asking, { ca: file('ca.pem') }, /certificate required|connection closed|ECONNRESET|EPIPE/);
  });

  test('speaks TLS 1.3 only, and with nobody who does not choose dot', async () => {
    await isRefused(
      { ...OWN, maxVersion: 'TLSv1.2' },
      { ca: file('ca.pem') },
      /protocol version|connection closed|ECONNRESET/,
    );
    await isRefused(
      { ...OWN, ALPNProtocols: ['h2'] },
      { ca: file('ca.pem') },
      /alpn|no application protocol|ALPN dot/i,
    );
  });

  test('says which file it can not read, or what is none', async () => {
    writeFileSync(file('nonsense.pem'), 'nonsense');
    await isRefused(OWN, { ca: file('ca.pem'), cert: file('nonsense.pem'), key: file('client.key') }, /PEM/);
    await isRefused(OWN, { ca: file('ca.pem'), cert: file('none.pem'), key: file('client.key') }, /ENOENT.*none.pem/);
  });
});
