/** The hosts file of the machine, for host names of load balancers. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { createSystemHosts } from '../../src/compose/system-hosts.ts';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import { followHosts } from '../../src/ingest/host-names.ts';
import { createLogger } from '../../src/logger.ts';
import { EAST } from '../kit/cluster-events.ts';

test('the hosts file is read as it is at the moment, and localhost is the machine itself', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'zonelog-hosts-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'hosts');
  const hosts = createSystemHosts(file);
  assert.deepEqual(hosts('localhost'), ['127.0.0.1', '::1'], 'without a file');
  writeFileSync(file, '127.0.0.1 localhost\n192.0.2.7 LB.example.net # one\n2001:db8::7 lb.example.net\n');
  assert.deepEqual(hosts('localhost'), ['127.0.0.1'], 'what the file says of it counts');
  assert.deepEqual(hosts('lb.example.NET'), ['192.0.2.7', '2001:db8::7']);
  assert.deepEqual(hosts('any.localhost'), ['127.0.0.1', '::1']);
  assert.equal(hosts('other.example.net'), undefined);
  assert.equal(hosts('notlocalhost'), undefined);
  writeFileSync(file, '192.0.2.88 lb.example.net\n');
  assert.deepEqual(hosts('lb.example.net'), ['192.0.2.88']);
});

test('what the hosts file has is not asked of the resolvers of the system, but of those that a stanza names', async () => {
  const pushed = (own: readonly { readonly address: string; readonly port: number }[] | undefined) => {
    const { promise, resolve } = Promise.withResolvers<ClusterEvent | string>();
    const ask = () => {
      resolve('asked');
      return [];
    };
    const follower = followHosts(
      {
        servers: ask,
        hosts: () => ['127.0.0.1', '::1'],
        random: () => 0,
        logger: createLogger(() => {}),
      },
      {
        clock: { now: () => 0, after: () => () => {} },
        known: { get: () => undefined, keys: () => [], sync: () => 'synced', held: () => undefined },
        committer: { push: ({ events }) => resolve(events[0] as ClusterEvent), room: () => undefined },
        serversOf: () => (own === undefined ? undefined : ask()),
      },
    );
    follower.follow(new Map([[EAST, new Set(['localhost'])]]));
    return promise.finally(() => follower.stop());
  };
  assert.deepEqual(await pushed(undefined), {
    kind: 'ResolvedHostUpserted',
    object: 'ResolvedHost',
    cluster: EAST,
    key: 'localhost',
    facts: { addresses: ['127.0.0.1', '::1'] },
    cause: { manager: 'resolver' },
  });
  assert.equal(await pushed([]), 'asked');
});
