/** A catalog that Knot DNS makes of its zones (RFC 9432): they come and go on zonelog as they do there. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePorts } from '../kit/free-ports.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { sideOf, waitForCopy } from './copies.ts';
import { hasProgram, Peer, type PeerKind } from './peer.ts';

const TIMEOUT = 120_000;

const zoneText = (serial: number) => `@ 60 SOA ns hostmaster ${serial} 3600 1 86400 60
@ 60 NS ns
ns 60 A 192.0.2.1
serial 60 TXT "${serial}"
`;

/** Zones with their groups. */
let members: readonly (readonly [zone: string, group: string])[] = [
  ['one.example', 'first'],
  ['two.example', 'second'],
];

const KNOT_CATALOG: PeerKind = {
  name: 'knot',
  program: 'knotd',
  files: ({ folder, primary, port }) => ({
    'knot.conf': `
server:
    rundir: ${folder}
    listen: 127.0.0.1@${port}
log:
  - target: stderr
    any: info
database:
    storage: ${folder}
remote:
  - id: told
    address: 127.0.0.1@${primary}
acl:
  - id: looks
    address: 127.0.0.1
    action: transfer
template:
  - id: default
    storage: ${folder}
    acl: looks
    notify: told
    zonefile-load: difference
    journal-content: changes
zone:
  - domain: catalog.example
    catalog-role: generate
${members
  .map(
    ([zone, group]) => `  - domain: ${zone}
    file: zones.${zone}
    catalog-role: member
    catalog-zone: catalog.example
    catalog-group: ${group}
`,
  )
  .join('')}`,
  }),
  command: ({ folder }) => ['knotd', '-c', path.join(folder, 'knot.conf')],
};

describe('a catalog of Knot DNS', { skip: !hasProgram('knotd') && 'needs knotd' }, () => {
  let primary: Peer;
  let server: TestServer;

  const writeZone = (zone: string, serial: number) =>
    writeFileSync(path.join(primary.folder, `zones.${zone}`), zoneText(serial));
  const isSame = (zone: string) =>
    waitForCopy({
      zone,
      original: sideOf(primary.dns, zone),
      copy: sideOf(server.dns, zone),
      said: () => [primary.said(), server.said()],
      timeout: TIMEOUT,
    });
  const reconfigure = async (zones: typeof members) => {
    members = zones;
    await primary.stop();
    primary.configure('');
    await primary.start();
  };

  before(async () => {
    const [port = 0] = await freePorts(1);
    server = await TestServer.prepare({ corefile: '' });
    primary = new Peer(KNOT_CATALOG, server.port('dns'), port);
    for (const zone of ['one.example', 'two.example', 'three.example']) writeZone(zone, 1);
    await primary.start();
    server.writeCorefile(`
.:{{dns}} {
    bind 127.0.0.1
    transfer {
        to *
    }
    secondary catalog.example {
        transfer from 127.0.0.1:${port}
        catalog
        group second from 127.0.0.1:${port}
        retry 200ms
        refresh 1s 1s
    }
}
`);
    server.spawn();
    await server.answers();
  });
  after(async () => {
    await server?.close();
    await primary?.close();
  });

  test('brings its zones', async () => {
    await isSame('one.example.');
    await isSame('two.example.');
    await isSame('catalog.example.');
  });

  test('brings a zone that is added, and the others follow their changes', async () => {
    writeZone('one.example', 2);
    await reconfigure([...members, ['three.example', 'first']]);
    await isSame('three.example.');
    await isSame('one.example.');
    await eventually(
      () => server.dns.data('serial.one.example.', 'TXT'),
      (data) => data === '"2"',
      'the change is here',
      TIMEOUT,
    );
  });

  test('takes away a zone that is taken out', async () => {
    await reconfigure(members.filter(([zone]) => zone !== 'two.example'));
    await eventually(
      () => server.dns.data('serial.two.example.', 'TXT'),
      (data) => data === 'REFUSED',
      'two.example. is gone',
      TIMEOUT,
    );
    await isSame('one.example.');
    await isSame('three.example.');
  });
});
