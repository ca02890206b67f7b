/** Zones that are written down, handed to a secondary: told of at the start and of each change, and taken whole. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import type { Transfers } from '../../src/compose/transfer-status.ts';
import { TransferRefused } from '../kit/dns-client.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { ZonesListener } from '../kit/zones-listener.ts';

const zoneText = (apex: string, serial: number, address = '192.0.2.80') => `$ORIGIN ${apex}
@ 60 IN SOA ns hostmaster ${serial} 7200 1800 86400 60
@ 60 IN NS ns
ns 60 IN A 192.0.2.1
www 60 IN A ${address}
`;

describe('zones of file and auto', () => {
  let listener: ZonesListener;
  let server: TestServer;

  const write = (name: string, text: string) => {
    // Whole or not at all: the server may look at any time.
    const file = path.join(server.folder, name);
    writeFileSync(`${server.folder}/new`, text);
    renameSync(`${server.folder}/new`, file);
  };
  const isTold = (zone: string, serial: number) =>
    eventually(
      () => listener.last(zone),
      (last) => last === serial,
      `${zone} ${serial} is told`,
    );

  before(async () => {
    listener = await ZonesListener.open();
    server = await TestServer.prepare({
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    multisocket 2
    prometheus 127.0.0.1:{{metrics}}
    file {{folder}}/db.example example.org {
        reload 100ms
    }
    file {{folder}}/db.late late.org {
        reload 100ms
    }
    auto auto.org {
        directory {{folder}}/zones (.*)\\.db {1}
        reload 100ms
    }
    transfer {
        to 127.0.0.1:${listener.port}
        notify 10ms
    }
}
`,
    });
    mkdirSync(path.join(server.folder, 'zones'));
    write('db.example', zoneText('example.org.', 1));
    write('zones/one.auto.org.db', zoneText('one.auto.org.', 11));
    server.spawn();
    await server.answers();
  });
  after(async () => {
    listener?.close();
    await server?.close();
  });

  test('are told of at the start, and handed out whole', async () => {
    await isTold('example.org.', 1);
    await isTold('one.auto.org.', 11);
    const zone = await server.dns.axfr('example.org.');
    assert.deepEqual(zone.records, [
      'example.org.\t60\tIN\tNS\tns.example.org.',
      'ns.example.org.\t60\tIN\tA\t192.0.2.1',
      'www.example.org.\t60\tIN\tA\t192.0.2.80',
    ]);
    assert.equal((await server.dns.axfr('one.auto.org.')).serial, 11);
  });

  test('are told of when their file has changed', async () => {
    write('db.example', zoneText('example.org.', 2, '192.0.2.81'));
    await isTold('example.org.', 2);
    // Whoever is told may ask at once, and any of the threads.
    for (let i = 0; i < 4; i++) {
      assert.ok((await server.dns.axfr('example.org.')).records.some((line) => line.endsWith('192.0.2.81')));
    }
    assert.equal((await server.dns.ixfr('example.org.', 1)).kind, 'full');
    assert.deepEqual(await server.dns.ixfr('example.org.', 2), { kind: 'current', serial: 2 });
    await eventually(
      () => server.metric('zonelog_secondary_transferred_serial', { zone: 'example.org.' }),
      (serial) => serial === 2,
      'what the secondary took is known',
    );
  });

  test('are not handed out before their file is there', async () => {
    await assert.rejects(
      server.dns.axfr('late.org.'),
      (error) => error instanceof TransferRefused && error.rcode === 'SERVFAIL',
    );
    write('db.late', zoneText('late.org.', 5));
    await isTold('late.org.', 5);
  });

  test('come and go with the files of a directory', async () => {
    write('zones/two.auto.org.db', zoneText('two.auto.org.', 21));
    await isTold('two.auto.org.', 21);
    rmSync(path.join(server.folder, 'zones', 'one.auto.org.db'));
    await eventually(
      () => server.dns.axfr('one.auto.org.').catch((error) => error),
      (error) => error instanceof TransferRefused,
      'the zone is gone',
    );
    // Where the answer to it came late, it was told again.
    assert.deepEqual([...new Set(listener.told.get('one.auto.org.'))], [11]);
  });

  test('what a secondary took is known after a restart', async () => {
    const last = async () => {
      const { stdout } = await promisify(execFile)(server.command()[0] as string, [
        'transfers',
        '--db',
        server.database,
        '-o',
        'json',
      ]);
      const { outgoing } = JSON.parse(stdout) as Transfers;
      return outgoing.find(({ zone }) => zone === 'example.org.')?.secondaries[0]?.last;
    };
    const before = await last();
    assert.deepEqual([before?.serial, before?.kind, before?.records], [2, 'full', 5]);
    await server.stop();
    listener.told.clear();
    server.spawn();
    // It is told when all threads have the zone: from then on it is shown.
    await isTold('example.org.', 2);
    assert.deepEqual(await last(), before);
  });
});
