/** A host of a gateway zone is looked at with what may decide about it, not with the whole world. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openDatabase, openReadOnly } from '../../src/database.ts';
import type { DomainName } from '../../src/dns/name.ts';
import { openHistory } from '../../src/history/questions.ts';
import { scopeOf } from '../../src/history/scope.ts';
import { HistorySource } from '../../src/history/source.ts';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import type { GatewayPlan } from '../../src/ingest/plan.ts';
import { EAST, name, planApplied, stanza, synced, upsert, zoneDefinition } from '../kit/cluster-events.ts';
import { StoredHistory } from '../kit/stored-history.ts';
import { temporaryFolder } from '../kit/temporary.ts';

const KINDS = ['HTTPRoute', 'Gateway', 'Ingress', 'Service'] as const;
const GATEWAY: GatewayPlan = {
  resources: ['HTTPRoute', 'Ingress', 'Service'],
  nodeAddressType: 'InternalIP',
  zones: [name('example.org')],
  servers: [{ name: name('ns.example.org') }],
};
const PART = stanza(EAST, { plugin: 'k8s_gateway', primary: name('example.org'), needs: KINDS, gateway: GATEWAY });
const ZONE = zoneDefinition('example.org', [PART], { kind: 'gateway' });
const ingress = (key: string, ...hosts: string[]) => upsert(EAST, 'Ingress', key, { hosts, targets: ['192.0.2.1'] });

/** Hosts that have nothing to do with each other, and those of a test. */
function record(t: TestContext, events: readonly ClusterEvent[]) {
  const file = `${temporaryFolder(t).path}/zonelog.db`;
  const database = openDatabase(file);
  const stored = new StoredHistory(database.db);
  const others = Array.from({ length: 200 }, (_, i) => ingress(`shop/other-${i}`, `other-${i}.example.org`));
  stored.append([planApplied(ZONE), ...synced(EAST, KINDS), ...others]);
  stored.append(events);
  const db = openReadOnly(file);
  const opened = openHistory(file, { now: () => Date.UTC(2100, 0, 1) });
  assert.ok(opened.ok);
  t.after(() => {
    opened.value.close();
    db.close();
    database.close();
  });
  const source = new HistorySource(db, () => Date.UTC(2100, 0, 1));
  const scope = (host: string) => {
    const states = source.states();
    const subject = { kind: 'host', name: name(host), apex: ZONE.apex as DomainName } as const;
    const { refs, around, isWhole } = scopeOf(states, subject, [ZONE], 1, states.endOf(2));
    const keysOf = (all: typeof refs) => all.map(({ kind, key }) => `${kind} ${key}`).sort();
    return { refs: keysOf(refs), around: keysOf(around), isWhole };
  };
  const why = (host: string) => {
    const answered = opened.value.why({ name: host });
    assert.ok(answered.ok);
    return answered.value[0]?.outcome;
  };
  return { scope, why };
}

test('the objects that name it, its wildcard, and names above and below it', (t) => {
  const { scope, why } = record(t, [
    ingress('shop/www', 'www.example.org'),
    ingress('shop/wild', '*.example.org'),
    ingress('shop/below', 'a.b.www.example.org'),
    ingress('shop/relative', 'x.www'),
    ingress('shop/servers', 'ns.example.org'),
    upsert(EAST, 'Gateway', 'shop/gate', { targets: ['192.0.2.9'] }),
    upsert(EAST, 'HTTPRoute', 'shop/route', { hosts: ['www.example.org'], parents: [{ gateway: 'shop/gate' }] }),
  ]);
  assert.deepEqual(scope('www.example.org'), {
    refs: ['Gateway shop/gate', 'HTTPRoute shop/route', 'Ingress shop/wild', 'Ingress shop/www'],
    around: [
      'Gateway shop/gate',
      'HTTPRoute shop/route',
      'Ingress shop/below',
      'Ingress shop/relative',
      'Ingress shop/servers',
      'Ingress shop/wild',
      'Ingress shop/www',
    ],
    isWhole: false,
  });
  assert.equal(why('www.example.org'), 'answer');
  assert.equal(why('b.www.example.org'), 'nodata');
  assert.equal(why('c.www.example.org'), 'nxdomain');
  assert.equal(why('any.example.org'), 'answer');
});

test('a service’s own name makes that of its namespace a step', (t) => {
  const facts = { type: 'LoadBalancer', clusterIPs: ['10.0.0.1'], ports: [], external: ['192.0.2.4'] } as const;
  const { scope, why } = record(t, [upsert(EAST, 'Service', 'apps/lb', facts)]);
  assert.deepEqual(scope('apps.example.org').around, ['Service apps/lb']);
  assert.equal(why('apps.example.org'), 'nodata');
  assert.equal(why('lb.apps.example.org'), 'answer');
});

test('of a name with a great many below it the whole world is looked at, with the same answer', (t) => {
  const many = Array.from({ length: 1_001 }, (_, i) => ingress(`shop/many-${i}`, `h${i}.many.example.org`));
  const { scope, why } = record(t, many);
  assert.equal(scope('many.example.org').isWhole, true);
  assert.equal(why('many.example.org'), 'nodata');
  assert.equal(scope('h1.many.example.org').isWhole, false);
  assert.equal(why('h1.many.example.org'), 'answer');
});
