/** An API server that comes up empty and answers 200: what is known is held, not believed to be gone. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { FaultyApiServer } from '../kit/apiserver.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';

const PROGRAM = process.env.ZONELOG_TEST_SERVER ?? join(import.meta.dirname, '../../bin/zonelog');
const SERVICES = 30;
const HELD = 'zonelog_ingest_held_deletions';

describe('a list that lacks most of what is known', () => {
  const api = new FaultyApiServer();
  let server: TestServer;
  const address = (i: number) => server.dns.ask(`s${i}.apps.svc.cluster.local`, 'A').then((reply) => reply.rcode);
  const relist = (count: number) => {
    api.emptyLists(count);
    api.compact();
    api.dropConnections();
  };

  const run = promisify(execFile);
  const zonelog = async (...args: string[]) => (await run(PROGRAM, [...args, '-db', server.database])).stdout;
  /** What `why` says of what the guard holds of a service; undefined: nothing. */
  const heldOf = async (i: number) => {
    const [explanation] = JSON.parse(await zonelog('why', `s${i}.apps.svc.cluster.local`, '-o', 'json'));
    return explanation.stanzas[0].held as string | undefined;
  };
  const untilOf = (held: string | undefined) => /Service apps\/s\d+ since .*? or at ([^;\s]+)/.exec(held ?? '')?.[1];

  before(async () => {
    api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } });
    for (let i = 0; i < SERVICES; i++) {
      api.apply({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: `s${i}`, namespace: 'apps' },
        spec: { clusterIP: `10.96.0.${i + 1}`, clusterIPs: [`10.96.0.${i + 1}`], ports: [{ port: 80 }] },
      });
    }
    const { url } = await api.start();
    server = await TestServer.start({
      corefile: `.:{{dns}} {
        bind 127.0.0.1
        ready 127.0.0.1:{{ready}}
        prometheus 127.0.0.1:{{metrics}}
        kubernetes cluster.local {
          endpoint ${url}
          guard 50%
        }
      }`,
    });
    await server.hasZone('cluster.local.');
    assert.equal(await address(0), 'NOERROR');
  });

  after(async () => {
    await server?.close();
    await api.stop();
  });

  test('is held: names stay, and a metric and an error line say so', async () => {
    relist(6);
    await eventually(
      () => server.metric(HELD, { kind: 'Service' }),
      (held) => held === SERVICES,
      'the deletions are held',
    );
    assert.equal(await address(3), 'NOERROR');
    await server.printed(
      /\[ERROR\].* a list has lost 30 of 30 (?:objects of kind Service|services with their namespaces): held/,
    );
  });

  test('is told by why: since when, by which guard, until when', async () => {
    await eventually(
      async () => JSON.parse(await zonelog('status')).clusters[0],
      (status) => status.held >= SERVICES,
      'the status has them',
    );
    assert.match((await server.http('ready', '/ready?verbose')).body, /the guard holds \d+ deletions: http/);
    const held = (await heldOf(3)) ?? '';
    assert.match(
      held,
      /the guard holds the deletion of Service apps\/s3 since 20\S+Z: a list lacked 30 of 30, more than 50%;/,
    );
    assert.ok(Date.parse(untilOf(held) ?? '') > Date.now());
  });

  test('is forgotten when the names come back', async () => {
    relist(0);
    await eventually(
      () => server.metric(HELD),
      (held) => held === 0,
      'nothing is held',
    );
    assert.equal(await address(3), 'NOERROR');
    assert.equal(await heldOf(3), undefined);
  });

  test('is still not believed after a restart, and comes true by an operator’s command', async () => {
    await server.stop('SIGKILL');
    for (let i = 0; i < SERVICES; i++) api.delete('v1', 'Service', 'apps', `s${i}`);
    api.compact();
    server.spawn();
    await server.answers();
    await eventually(
      () => server.metric(HELD, { kind: 'Service' }),
      (held) => held === SERVICES,
      'the deletions are held',
    );
    assert.equal(await address(3), 'NOERROR');
    const until = untilOf(await heldOf(3));
    assert.ok(until !== undefined);
    await server.stop('SIGKILL');
    server.spawn();
    await eventually(
      () => server.metric(HELD, { kind: 'Service' }),
      (held) => held === SERVICES,
      'the deletions are held again',
    );
    assert.equal(untilOf(await heldOf(3)), until, 'a restart makes the time no longer');
    // Metrics are there before commands are heard.
    await server.started();
    assert.match(await zonelog('release'), /^released: http:/);
    await eventually(
      () => address(3),
      (rcode) => rcode === 'NXDOMAIN',
      's3 is gone',
    );
    const told = (await zonelog('events', '--kind', 'Guard')).split('\n');
    const words = told.flatMap((line) => / (Deletions\w+) +Service( \(\w+)?/.exec(line)?.slice(1).join('') ?? []);
    const story = ['DeletionsHeld (30', 'DeletionsReleased (shown', 'DeletionsHeld (30', 'DeletionsReleased (operator'];
    assert.deepEqual(words, story);
    const gone = await run(PROGRAM, ['why', 's3.apps.svc.cluster.local', '-db', server.database]).catch((e) => e);
    assert.equal(gone.code, 1);
    assert.match(gone.stdout, /DeletionsReleased Guard Service/);
  });

  test('does not hold what the watch itself deletes', async () => {
    for (let i = 0; i < SERVICES; i++) {
      api.apply({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: `s${i}`, namespace: 'apps' },
        spec: { clusterIP: `10.96.0.${i + 1}`, clusterIPs: [`10.96.0.${i + 1}`], ports: [{ port: 80 }] },
      });
    }
    await eventually(
      () => address(29),
      (rcode) => rcode === 'NOERROR',
      's29 answers',
    );
    for (let i = 0; i < SERVICES; i++) api.delete('v1', 'Service', 'apps', `s${i}`);
    await eventually(
      () => address(29),
      (rcode) => rcode === 'NXDOMAIN',
      's29 is gone',
    );
    assert.equal(await server.metric(HELD), 0);
  });
});
