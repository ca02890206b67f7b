/** What manifests would do, told before they do it. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { rdataText } from '../../src/dns/rdata-text.ts';
import type { ClusterId } from '../../src/ingest/event.ts';
import { EAST, namespace, planApplied, service, stanza, synced, WEST, zoneDefinition } from '../kit/cluster-events.ts';
import { runAt } from '../kit/command-run.ts';
import { START } from '../kit/given.ts';
import { type Recording, recordTo } from '../kit/recorded.ts';
import { type Folder, temporaryFolder } from '../kit/temporary.ts';

const run = (...argv: string[]) => runAt(START + 3_600_000, argv);

interface Rig {
  readonly folder: Folder;
  readonly db: string;
  readonly recording: Recording;
}

function rig(t: TestContext): Rig {
  const folder = temporaryFolder(t);
  const db = path.join(folder.path, 'zonelog.db');
  const recording = recordTo(db);
  t.after(() => recording.database.close());
  recording.record([planApplied(zoneDefinition('cluster.local.', [stanza(EAST)]))]);
  recording.record([namespace(EAST, 'apps'), ...synced(EAST)]);
  recording.record([service(EAST, 'apps/web', ['10.0.0.1'])]);
  return { folder, db, recording };
}

const WEB = 'web.apps.svc.cluster.local.';

function manifest(name: string, spec: string): string {
  return `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\n  namespace: apps\nspec:\n${spec}`;
}
const SAME = '  ports:\n    - {name: http, port: 80}\n';

test('plan tells which records would go and come, and changes nothing', async (t) => {
  const { folder, db, recording } = rig(t);
  const file = folder.write('web.yaml', manifest('web', '  ports:\n    - {name: http, port: 8080}\n'));
  const { code, out, err } = await run('plan', '-f', file, '-db', db);
  assert.deepEqual([code, err], [0, '']);
  const [head = ''] = out.split('\n');
  assert.match(head, /^--- cluster\.local\. \d+$/);
  assert.deepEqual(out.split('\n').slice(1, -1), [
    '+++ cluster.local. planned',
    `-${WEB}\t5\tIN\tSRV\t0 100 80 ${WEB}`,
    `-_http._tcp.${WEB}\t5\tIN\tSRV\t0 100 80 ${WEB}`,
    `+${WEB}\t5\tIN\tSRV\t0 100 8080 ${WEB}`,
    `+_http._tcp.${WEB}\t5\tIN\tSRV\t0 100 8080 ${WEB}`,
  ]);
  assert.equal(recording.log.lastBatch, 3);
});

test('what is there already changes nothing, and the exit code says so', async (t) => {
  const { folder, db } = rig(t);
  const file = folder.write('web.yaml', manifest('web', SAME));
  assert.deepEqual(await run('plan', '-f', file, '-db', db), { code: 1, out: '', err: '' });
});

test('a folder is read as a whole; what is assigned later and what does nothing is told', async (t) => {
  const { folder, db } = rig(t);
  folder.write('a.yaml', `${manifest('new', SAME)}---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n`);
  folder.write('b.json', JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'none' }, spec: {} }));
  folder.write('notes.txt', 'not: [a manifest');
  const { code, out, err } = await run('plan', '-f', folder.path, '-db', db);
  assert.equal(code, 0);
  assert.match(out, /^\+new\.apps\.svc\.cluster\.local\.\t5\tIN\tA\t0\.0\.0\.1$/m);
  assert.deepEqual(err.split('\n').slice(0, -1), [
    'Service apps/new is given its cluster IP when it is applied: 0.0.0.1 stands for it',
    'Service default/none is given its cluster IP when it is applied: 0.0.0.2 stands for it',
    'namespace default does not exist, nor do these manifests make it',
    'nothing comes of these by themselves: 1 Deployment',
  ]);
});

test('a namespace and what lies in it come together, in any order', async (t) => {
  const { folder, db } = rig(t);
  const shop = manifest('cart', '  clusterIP: 10.0.0.9\n').replace('namespace: apps', 'namespace: shop');
  const file = folder.write('shop.yaml', `${shop}---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n`);
  const { out, err } = await run('plan', '-f', file, '-db', db, '-o', 'json');
  assert.equal(err, '');
  const { notes, zones } = JSON.parse(out);
  assert.deepEqual(notes, []);
  assert.deepEqual(zones[0].removed, []);
  assert.deepEqual(zones[0].added, [{ owner: 'cart.shop.svc.cluster.local.', ttl: 5, type: 'A', data: '10.0.0.9' }]);
});

test('what is planned is what comes when it happens', async (t) => {
  const { folder, db, recording } = rig(t);
  const file = folder.write('web.yaml', manifest('web', `  clusterIP: 10.0.0.7\n${SAME}`));
  const { out } = await run('plan', '-f', file, '-db', db, '-o', 'json');
  const [zone] = JSON.parse(out).zones;
  const { versions } = recording.record([service(EAST, 'apps/web', ['10.0.0.7'])]);
  const changeset = versions[0]?.changeset;
  assert.ok(changeset);
  const texts = (records: readonly { owner: string; data: string }[]) => records.map((r) => `${r.owner} ${r.data}`);
  const plain = (records: typeof changeset.added) => records.map((r) => `${r.owner} ${rdataText(r.rdata)}`);
  assert.deepEqual(texts(zone.removed), plain(changeset.removed));
  assert.deepEqual(texts(zone.added), plain(changeset.added));
});

test('of several clusters one is to be named', async (t) => {
  const { folder, db, recording } = rig(t);
  recording.record([planApplied(zoneDefinition('cluster.local.', [stanza(EAST), stanza(WEST)]))]);
  recording.record([...synced(EAST), ...synced(WEST)]);
  const file = folder.write('web.yaml', manifest('other', `  clusterIP: 10.1.0.7\n${SAME}`));
  const unclear = await run('plan', '-f', file, '-db', db);
  assert.deepEqual([unclear.code, unclear.out], [2, '']);
  assert.match(unclear.err, /which cluster\? --cluster chooses one of /);
  assert.equal((await run('plan', '-f', file, '-db', db, '--cluster', 'nowhere')).code, 2);
  assert.equal((await run('plan', '-f', file, '-db', db, '--cluster', EAST)).code, 0);
});

test('what can not be read is told in one line', async (t) => {
  const { folder, db } = rig(t);
  const cases: [string, RegExp][] = [
    [folder.write('bad.yaml', 'a: [b\n'), /bad\.yaml: /],
    [folder.write('empty.yaml', '# nothing\n'), /no objects/],
    [folder.write('other.yaml', 'hello: there\n'), /not a Kubernetes object/],
    [path.join(folder.path, 'none.yaml'), /no such file/],
  ];
  for (const [file, message] of cases) {
    const { code, out, err } = await run('plan', '-f', file, '-db', db);
    assert.deepEqual([code, out], [2, ''], file);
    assert.match(err, message);
    assert.match(err, /^[^\n]*\n$/);
  }
});

test('what the stanza does not look at changes nothing, and what it loses sight of goes', async (t) => {
  const { folder, db, recording } = rig(t);
  const view = `${EAST}?namespaces=apps&labels=tier=front` as ClusterId;
  recording.record([planApplied(zoneDefinition('cluster.local.', [stanza(view)]))]);
  recording.record([namespace(view, 'apps'), ...synced(view), service(view, 'apps/web', ['10.0.0.1'])]);
  const labelled = (name: string, space: string, tier: string) =>
    manifest(name, `  clusterIP: 10.1.0.7\n${SAME}`).replace(
      'namespace: apps',
      `namespace: ${space}\n  labels: {tier: ${tier}}`,
    );
  for (const [space, tier, code] of [
    ['apps', 'front', 0],
    ['apps', 'back', 1],
    ['shop', 'front', 1],
  ] as const) {
    const file = folder.write('other.yaml', labelled('other', space, tier));
    assert.equal((await run('plan', '-f', file, '-db', db)).code, code, `${space} ${tier}`);
  }
  const lost = await run('plan', '-f', folder.write('web.yaml', labelled('web', 'apps', 'back')), '-db', db);
  assert.match(lost.out, /^-web\.apps\.svc\.cluster\.local\.\t5\tIN\tA\t10\.0\.0\.1$/m);
});
