/** `secondary`: a zone as another server has it, through all that can happen to either of them. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import type { WriterStatus } from '../../src/compose/messages.ts';
import type { Transfers } from '../../src/compose/transfer-status.ts';
import { RRType } from '../../src/dns/rrset.ts';
import type { LiveIncoming } from '../../src/web/live.ts';
import { DnsClient } from '../kit/dns-client.ts';
import { freePorts } from '../kit/free-ports.ts';
import { TestPrimary } from '../kit/primary.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { ZonesListener } from '../kit/zones-listener.ts';

/** Times of the SOA record: refresh, retry, expire. */
const zoneText = (serial: number, hosts: readonly string[], times = '3600 60 86400') => `$ORIGIN example.org.
@ 60 IN SOA ns hostmaster ${serial} ${times} 60
@ 60 IN NS ns
ns 60 IN A 192.0.2.1
${hosts.map((host, i) => `${host} 60 IN A 192.0.2.${i + 10}`).join('\n')}
`;

const AXFR = 252;
const IXFR = 251;

describe('a secondary zone', () => {
  let primary: TestPrimary;
  let listener: ZonesListener;
  let server: TestServer;
  let historyPort = 0;

  const isServed = (serial: number) =>
    eventually(
      () => server.dns.serial('example.org.'),
      (seen) => seen === serial,
      `serial ${serial} is served`,
    );

  before(async () => {
    primary = await TestPrimary.open(zoneText(10, ['www', 'mail']), { address: '127.0.0.2' });
    listener = await ZonesListener.open();
    [historyPort = 0] = await freePorts(1);
    server = await TestServer.prepare({
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    prometheus 127.0.0.1:{{metrics}}
    ready 127.0.0.1:{{ready}}
    history 127.0.0.1:${historyPort}
    errors
    transfer {
        to * 127.0.0.1:${listener.port}
        notify 10ms
    }
    secondary example.org {
        transfer from 127.0.0.2:${primary.port}
        notify from 127.0.0.3
        refresh 200ms
        retry 100ms
        expire 1s
    }
}
`,
    });
    server.spawn();
    await server.answers();
  });
  after(async () => {
    await server?.close();
    await primary?.stop();
    listener?.close();
  });

  test('is taken whole at the start, answered from, handed on, and told of', async () => {
    await isServed(10);
    assert.equal(await server.dns.data('www.example.org.', 'A'), '192.0.2.10');
    assert.equal(await server.dns.data('nobody.example.org.', 'A'), 'NXDOMAIN');
    const { message } = await server.dns.ask('mail.example.org.', 'A');
    assert.ok(message.isAuthoritative);
    const copy = await server.dns.axfr('example.org.');
    assert.deepEqual([copy.serial, copy.records], [10, primary.lines]);
    await eventually(
      () => listener.last('example.org.'),
      (serial) => serial === 10,
      'it is told of downstream',
    );
    assert.deepEqual([primary.count(AXFR), primary.count(IXFR)], [1, 0]);
  });

  test('follows by differences when it is told, and hands these on', async () => {
    primary.publish(zoneText(11, ['www', 'mail', 'new']));
    primary.publish(zoneText(12, ['www', 'mail2', 'new']));
    assert.equal(await primary.notify(server.port('dns')), 0);
    await isServed(12);
    assert.deepEqual([primary.count(AXFR), primary.count(IXFR)], [1, 1]);
    assert.deepEqual((await server.dns.axfr('example.org.')).records, primary.lines);
    // An answer that was kept is gone too.
    assert.equal(await server.dns.data('mail.example.org.', 'A'), 'NXDOMAIN');
    const step = await server.dns.ixfr('example.org.', 10);
    assert.equal(step.kind, 'incremental');
    await eventually(
      () => listener.last('example.org.'),
      (serial) => serial === 12,
      'it is told of downstream',
    );
  });

  const run = async (...args: readonly string[]) => {
    const { stdout } = await promisify(execFile)(server.command()[0] as string, [...args, '--db', server.database]);
    return stdout;
  };

  test('is shown as it is now, with its primary and its last transfer', async () => {
    const from = `127.0.0.2:${primary.port}`;
    const { incoming } = JSON.parse(await run('transfers', '-o', 'json')) as Transfers;
    const [zone] = incoming;
    assert.deepEqual([incoming.length, zone?.zone, zone?.serial, zone?.failures], [1, 'example.org.', 12, 0]);
    const { primary: source, kind, serial, records, octets = 0, seconds = -1 } = zone?.last ?? {};
    assert.deepEqual([source, kind, serial, records], [from, 'incremental', 12, 9]);
    assert.ok(octets > 100 && seconds >= 0);
    assert.ok((zone?.expiresAt ?? 0) > (zone?.refreshedAt ?? Number.POSITIVE_INFINITY));
    assert.match(await run('transfers'), /^ZONE +SERIAL +PRIMARY .*\nexample\.org\. +12 +127\.0\.0\.2:\d+ /m);
    const overview = await fetch(`http://127.0.0.1:${historyPort}/api/v1/overview`);
    const shown = ((await overview.json()) as { incoming: LiveIncoming[] }).incoming;
    assert.deepEqual(
      shown.map((one) => [one.zone, one.serial, one.last?.primary, one.last?.kind, one.isExpired]),
      [['example.org.', 12, from, 'incremental', false]],
    );
    assert.ok((shown[0]?.refreshed ?? 'z') < (shown[0]?.expires ?? ''), 'moments as text');
    const { secondaries } = JSON.parse(await run('status')) as WriterStatus;
    assert.deepEqual(
      secondaries.map(({ zone, serial }) => [zone, serial]),
      [['example.org.', 12]],
    );
  });

  test('has a history like any other zone', async () => {
    const difference = await run('diff', 'example.org', '10', '12');
    assert.match(difference, /^-mail\.example\.org\.\t60\tIN\tA\t192\.0\.2\.11$/m);
    assert.match(difference, /^\+mail2\.example\.org\.\t60\tIN\tA\t192\.0\.2\.11$/m);
    assert.match(await run('history', 'mail.example.org', 'A'), /serial 10 .*until .*serial 12/);
    assert.match(await run('zone', 'example.org', '--at', '10'), /mail\.example\.org\./);
  });

  test('takes the whole zone where there are no differences', async () => {
    primary.isFullOnly = true;
    primary.publish(zoneText(13, ['www']));
    await primary.notify(server.port('dns'));
    await isServed(13);
    assert.deepEqual((await server.dns.axfr('example.org.')).records, primary.lines);
    primary.isFullOnly = false;
  });

  test('hears only who may tell', async () => {
    const count = () => primary.count(RRType.SOA);
    assert.equal(await primary.notify(server.port('dns'), { from: '127.0.0.4', timeoutMs: 200 }), undefined);
    await server.metricIs('zonelog_notify_in_total', { result: 'ignored' }, 1);
    await server.printed(/Ignored notify for zone "example.org." from 127.0.0.4/);
    const before = count();
    assert.equal(await primary.notify(server.port('dns'), { from: '127.0.0.3' }), 0);
    await eventually(count, (now) => now > before, 'the primary is asked');
    assert.equal(await primary.notify(server.port('dns'), { zone: 'www.example.org.' }), 9);
  });

  test('finds out by itself when nobody tells', async () => {
    primary.publish(zoneText(14, ['www', 'quiet'], '0 0 86400'));
    await primary.notify(server.port('dns'));
    await isServed(14);
    primary.publish(zoneText(15, ['www', 'quieter'], '0 0 86400'));
    await isServed(15);
  });

  test('is served after a restart with the primary away, and goes on from there', async () => {
    primary.publish(zoneText(16, ['www', 'kept'], '0 0 86400'));
    await isServed(16);
    await primary.stop();
    await server.stop('SIGKILL');
    server.spawn();
    await server.answers();
    assert.equal(await server.dns.data('kept.example.org.', 'A'), '192.0.2.11');
    assert.equal((await server.dns.ixfr('example.org.', 15)).kind, 'incremental');
    await server.printed(/zone "example.org." could not be refreshed: 127.0.0.2:\d+: /);
    const whole = primary.count(AXFR);
    primary.publish(zoneText(17, ['www', 'kept', 'later'], '0 0 86400'));
    await primary.start();
    await isServed(17);
    await server.printed(/zone "example.org." is refreshed again/);
    assert.equal(primary.count(AXFR), whole, 'only differences were taken');
  });

  test('expires without a primary, is refused downstream then, and comes back with one', async () => {
    primary.publish(zoneText(18, ['www'], '0 0 1'));
    await isServed(18);
    await primary.stop();
    await eventually(
      () => server.dns.data('www.example.org.', 'A'),
      (data) => data === 'SERVFAIL',
      'it has expired',
    );
    await assert.rejects(new DnsClient(server.port('dns')).axfr('example.org.'), /SERVFAIL/);
    await server.printed(/zone "example.org." has expired/);
    await eventually(
      () => server.http('ready'),
      ({ body }) => /zone example.org. has expired/.test(body),
      '/ready says so',
    );
    await server.metricIs('zonelog_transfer_in_expired', { zone: 'example.org.' }, 1);
    await server.stop();
    server.spawn();
    await server.answers();
    assert.equal(await server.dns.data('www.example.org.', 'A'), 'SERVFAIL', 'after a restart too');
    await primary.start();
    await eventually(
      () => server.dns.data('www.example.org.', 'A'),
      (data) => data === '192.0.2.10',
      'it is good again',
    );
    // It is good for a second after each look at the primary: a machine that stands still for longer lets it expire again.
    await eventually(
      () => server.dns.axfr('example.org.'),
      ({ serial }) => serial === 18,
      'it is handed on again',
    );
  });
});
