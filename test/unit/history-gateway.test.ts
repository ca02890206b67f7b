/** Questions about the past of hosts: the objects that named them, and what these led to. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { openDatabase } from '../../src/database.ts';
import type { Explanation, RecordValue } from '../../src/history/answers.ts';
import { openHistory } from '../../src/history/questions.ts';
import type { GatewayPlan } from '../../src/ingest/plan.ts';
import {
  EAST,
  name,
  planApplied,
  remove,
  service,
  stanza,
  synced,
  upsert,
  zoneDefinition,
} from '../kit/cluster-events.ts';
import { StoredHistory } from '../kit/stored-history.ts';

const KINDS = ['HTTPRoute', 'Gateway', 'Ingress', 'Service'] as const;
const GATEWAY: GatewayPlan = {
  resources: ['HTTPRoute', 'Ingress', 'Service'],
  ingressClasses: ['public'],
  nodeAddressType: 'InternalIP',
  zones: [name('example.org')],
  servers: [{ name: name('ns.example.org') }],
};
const PLAN = planApplied(
  zoneDefinition(
    'example.org',
    [stanza(EAST, { plugin: 'k8s_gateway', primary: name('example.org'), ttl: 60, needs: KINDS, gateway: GATEWAY })],
    { kind: 'gateway' },
  ),
);
const ingress = (hosts: readonly string[], targets: readonly string[], of = 'public') => ({
  class: of,
  hosts,
  targets,
});

const folder = mkdtempSync(path.join(tmpdir(), 'zonelog-'));
const file = path.join(folder, 'zonelog.db');
const database = openDatabase(file);
const stored = new StoredHistory(database.db);
for (const events of [
  [PLAN, ...synced(EAST, KINDS)],
  [upsert(EAST, 'Ingress', 'shop/web', ingress(['www.example.org', '*.apps.example.org'], ['192.0.2.1']))],
  [upsert(EAST, 'Gateway', 'infra/gw', { targets: ['192.0.2.9'] })],
  [upsert(EAST, 'HTTPRoute', 'shop/api', { hosts: ['api'], parents: [{ gateway: 'infra/gw' }] })],
  [upsert(EAST, 'Ingress', 'shop/web', ingress(['www.example.org', '*.apps.example.org'], ['192.0.2.2']))],
  [upsert(EAST, 'Gateway', 'infra/gw', { targets: ['192.0.2.10'] })],
  [upsert(EAST, 'Ingress', 'shop/inner', ingress(['inner.example.org'], ['192.0.2.3'], 'private'))],
  [upsert(EAST, 'Ingress', 'shop/pending', ingress(['pending.example.org'], []))],
  [upsert(EAST, 'HTTPRoute', 'shop/lost', { hosts: ['lost'], parents: [{ gateway: 'infra/none' }] })],
  [upsert(EAST, 'Ingress', 'shop/named', ingress(['named.example.org'], ['lb.example.net']))],
  [service(EAST, 'shop/lb', ['10.0.0.1'], { type: 'LoadBalancer', external: ['192.0.2.4'] })],
  [remove(EAST, 'Service', 'shop/lb')],
])
  stored.append(events);
const opened = openHistory(file, { now: () => Date.UTC(2100, 0, 1) });
assert.ok(opened.ok);
const history = opened.value;

after(() => {
  history.close();
  database.close();
  rmSync(folder, { recursive: true, force: true });
});

function why(host: string, at?: string): Explanation {
  const answered = history.why({ name: host, ...(at !== undefined && { at }) });
  assert.ok(answered.ok);
  return answered.value[0] as Explanation;
}

function valuesOf(host: string): RecordValue[] {
  const answered = history.recordHistory({ name: host });
  assert.ok(answered.ok);
  return [...answered.value.items];
}

const objects = (events: readonly { kind: string; namespace?: string; name: string }[]) =>
  events.map((event) => `${event.kind} ${event.namespace}/${event.name}`);

describe('why, of a host', () => {
  it('names the object that names it, and when that became what it was', () => {
    const { outcome, stanzas, summary } = why('www.example.org');
    assert.equal(outcome, 'answer');
    assert.match(summary, /it is named by Ingress shop\/web; IngressUpserted shop\/web at 2026-11-21T00:00:04/);
    assert.deepEqual(objects(stanzas[0]?.events ?? []), ['Ingress shop/web']);
  });

  it('names the Gateway of a route as well', () => {
    const { stanzas } = why('api.example.org');
    assert.deepEqual(objects(stanzas[0]?.events ?? []), ['Gateway infra/gw', 'HTTPRoute shop/api']);
  });

  it('names the wildcard that stands for it', () => {
    assert.match(why('any.apps.example.org').summary, /\*\.apps\.example\.org\. is named by Ingress shop\/web/);
  });

  it('tells an empty step from a name that nobody names', () => {
    assert.deepEqual(
      [why('apps.example.org').outcome, why('apps.example.org').stanzas[0]?.text],
      ['nodata', 'it has names below it'],
    );
    assert.deepEqual(
      [why('none.example.org').outcome, why('none.example.org').stanzas[0]?.code],
      ['nxdomain', 'noHost'],
    );
  });

  it('says why an object that names it has nothing for it', () => {
    const textOf = (host: string) => why(host).stanzas[0]?.text ?? '';
    assert.match(textOf('inner.example.org'), /Ingress shop\/inner is not of the classes in `ingressClasses`/);
    assert.match(textOf('pending.example.org'), /Ingress shop\/pending has no address/);
    assert.match(textOf('lost.example.org'), /HTTPRoute shop\/lost has no Gateway \(infra\/none\)/);
    assert.deepEqual(
      [why('named.example.org').outcome, why('named.example.org').stanzas[0]?.code],
      ['servfail', 'neverResolved'],
    );
  });
});

describe('the history of a host', () => {
  it('has its values, and the object behind each', () => {
    const values = valuesOf('www.example.org');
    assert.deepEqual(
      values.map(({ records, causes }) => [records[0]?.data, ...objects(causes)]),
      [
        ['192.0.2.2', 'Ingress shop/web'],
        ['192.0.2.1', 'Ingress shop/web'],
      ],
    );
  });

  it('follows the Gateways of its routes', () => {
    assert.deepEqual(
      valuesOf('api.example.org').map(({ records, causes }) => [records[0]?.data, ...objects(causes)]),
      [
        ['192.0.2.10', 'Gateway infra/gw'],
        ['192.0.2.9', 'HTTPRoute shop/api'],
      ],
    );
  });

  it('of a Service ends when it is deleted', () => {
    const [last, first] = valuesOf('lb.shop.example.org');
    assert.deepEqual([last?.records, objects(last?.causes ?? [])], [[], ['Service shop/lb']]);
    assert.equal(first?.records[0]?.data, '192.0.2.4');
  });
});

describe('who has an address', () => {
  it('are the objects that have it, and the hosts of that moment', () => {
    const answered = history.who('192.0.2.2', undefined);
    assert.ok(answered.ok);
    assert.deepEqual(
      answered.value.holders.map(({ kind, namespace, name: own }) => `${kind} ${namespace}/${own}`),
      ['Ingress shop/web'],
    );
    assert.deepEqual(
      answered.value.names.map(({ owner }) => owner),
      ['*.apps.example.org.', 'www.example.org.'],
    );
  });
});
