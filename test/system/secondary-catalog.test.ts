/** One zonelog makes a catalog of its zones, another follows it: zones come and go there with no change to its Corefile. */
import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { ZonesListener } from '../kit/zones-listener.ts';

const zoneText = (apex: string, serial: number) => `$ORIGIN ${apex}.
@ 60 IN SOA ns hostmaster ${serial} 1 1 86400 60
@ 60 IN NS ns
ns 60 IN A 192.0.2.1
serial 60 IN TXT ${serial}
`;

describe('a catalog that is followed', () => {
  let primary: TestServer;
  let follower: TestServer;
  let listener: ZonesListener;

  const writePrimary = (zones: readonly string[]) => {
    const files = zones.map((zone) => `    file {{folder}}/${zone} ${zone} {\n        reload 50ms\n    }`);
    primary.writeCorefile(`
.:{{dns}} {
    bind 127.0.0.1
${files.join('\n')}
    transfer {
        to * 127.0.0.1:${follower.port('dns')}
        notify 10ms
        catalog cat.example
    }
}
`);
  };
  const writeZone = (zone: string, serial: number) => {
    // Whole or not at all: the primary may look at any time.
    writeFileSync(path.join(primary.folder, 'new'), zoneText(zone, serial));
    renameSync(path.join(primary.folder, 'new'), path.join(primary.folder, zone));
  };
  const reload = async (zones: readonly string[]) => {
    writePrimary(zones);
    primary.signal('SIGUSR1');
  };
  const serves = (zone: string, expected: string) =>
    eventually(
      () => follower.dns.data(`serial.${zone}.`, 'TXT'),
      (data) => data === expected,
      `${zone} has ${expected}`,
    );
  const isTold = (zone: string, serial: number) =>
    eventually(
      () => listener.last(`${zone}.`),
      (last) => last === serial,
      `${zone} ${serial} is told downstream`,
    );

  before(async () => {
    listener = await ZonesListener.open();
    primary = await TestServer.prepare({ corefile: '' });
    follower = await TestServer.prepare({ corefile: '' });
    follower.writeCorefile(`
.:{{dns}} {
    bind 127.0.0.1
    prometheus 127.0.0.1:{{metrics}}
    transfer {
        to 127.0.0.1:${listener.port}
        notify 10ms
    }
    secondary cat.example {
        transfer from 127.0.0.1:${primary.port('dns')}
        catalog org net
        refresh 100ms
        retry 100ms
    }
}
`);
    for (const zone of ['one.org', 'two.org', 'sub.two.org', 'three.net', 'four.com']) writeZone(zone, 1);
    writePrimary(['one.org', 'two.org', 'four.com']);
    primary.spawn();
    await primary.answers();
    follower.spawn();
    await follower.answers();
  });
  after(async () => {
    await follower?.close();
    await primary?.close();
    listener?.close();
  });

  test('brings its zones, those that are wanted', async () => {
    await serves('one.org', '"1"');
    await serves('two.org', '"1"');
    assert.equal(await follower.dns.data('serial.four.com.', 'TXT'), 'REFUSED');
    await follower.printed(/member "four.com." of catalog "cat.example." is not taken: it is none of the members/);
    assert.deepEqual(await follower.dns.axfr('one.org.'), await primary.dns.axfr('one.org.'));
    await isTold('one.org', 1);
    await isTold('two.org', 1);
    assert.equal(await follower.dns.data('version.cat.example.', 'TXT'), '"2"', 'who may transfer it may ask');
  });

  test('has members that change', async () => {
    writeZone('one.org', 2);
    await serves('one.org', '"2"');
    await isTold('one.org', 2);
    assert.equal((await follower.dns.ixfr('one.org.', 1)).kind, 'incremental');
  });

  test('brings zones that are added, also below others', async () => {
    assert.equal(await follower.dns.data('serial.sub.two.org.', 'TXT'), 'NXDOMAIN');
    await reload(['one.org', 'two.org', 'sub.two.org', 'three.net', 'four.com']);
    await serves('sub.two.org', '"1"');
    await serves('three.net', '"1"');
    await isTold('three.net', 1);
  });

  test('and its members outlive a restart with the primary away', async () => {
    await primary.stop();
    await follower.stop('SIGKILL');
    follower.spawn();
    await follower.answers();
    assert.equal(await follower.dns.data('serial.sub.two.org.', 'TXT'), '"1"');
    assert.equal(await follower.dns.data('serial.one.org.', 'TXT'), '"2"');
    assert.equal((await follower.dns.ixfr('one.org.', 1)).kind, 'incremental');
    primary.spawn();
    await primary.answers();
  });

  test('takes zones away', async () => {
    await reload(['one.org', 'two.org', 'four.com']);
    await serves('three.net', 'REFUSED');
    await serves('sub.two.org', 'NXDOMAIN');
    await serves('one.org', '"2"');
    await assert.rejects(follower.dns.axfr('three.net.'));
  });

  test('that nobody follows any more has no members', async () => {
    follower.writeCorefile(`
.:{{dns}} {
    bind 127.0.0.1
    secondary two.org {
        transfer from 127.0.0.1:${primary.port('dns')}
    }
}
`);
    follower.signal('SIGUSR1');
    await serves('one.org', 'REFUSED');
    await serves('two.org', '"1"');
  });
});
