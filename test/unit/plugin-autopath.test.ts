import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseZoneText } from '../../src/dns/zonefile.ts';
import type { ZoneDefinition } from '../../src/ingest/plan.ts';
import { TEXT_STYLE } from '../../src/logger.ts';
import { emptyReply, type Next } from '../../src/serve/chain.ts';
import { createFindLabel } from '../../src/serve/labels.ts';
import { createAutopath, openAutopath } from '../../src/serve/plugins/autopath.ts';
import { createErratic } from '../../src/serve/plugins/erratic.ts';
import { createClientKnowledge, partsOf } from '../../src/serve/plugins/kubernetes-clients.ts';
import { createLog } from '../../src/serve/plugins/log.ts';
import { searchListOf } from '../../src/serve/plugins/search-list.ts';
import {
  EAST,
  name,
  namespace,
  planApplied,
  stanza,
  synced,
  upsert,
  WEST,
  zoneDefinition,
} from '../kit/cluster-events.ts';
import { optionsOf } from '../kit/corefile.ts';
import { given } from '../kit/given.ts';
import { askHandler, blockOf, requestOf, toolsOf } from '../kit/handlers.ts';
import { nameOf } from '../kit/serving.ts';
import { temporaryFolder } from '../kit/temporary.ts';

const PATH = ['apps.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'corp.example', '.'].map(name);

/** A plugin behind that has these names alone, and takes none in `refused`. */
function having(records: string, refused: readonly string[] = [], isAsync = false) {
  const asked: string[] = [];
  const next: Next = ({ question }) => {
    asked.push(question.name);
    const all = parseZoneText(records);
    const answer = all.filter(({ owner }) => owner === question.name);
    const rcode = refused.includes(question.name) ? 2 : answer.length > 0 ? 0 : 3;
    const reply = { ...emptyReply(rcode), answer };
    return isAsync ? Promise.resolve(reply) : reply;
  };
  return { next, asked };
}

const handler = () => createAutopath([name('.')], () => PATH);

test('autopath: the first suffix under which there is something', async () => {
  for (const isAsync of [false, true]) {
    const { next, asked } = having('web.data.svc.cluster.local. 5 IN A 10.0.0.1', [], isAsync);
    const { answer } = await askHandler(handler(), requestOf('Web.data.apps.svc.cluster.local', 'A'), next);
    assert.deepEqual(answer, [
      'web.data.apps.svc.cluster.local. 5 IN CNAME web.data.svc.cluster.local.',
      'web.data.svc.cluster.local. 5 IN A 10.0.0.1',
    ]);
    assert.deepEqual(asked, ['web.data.apps.svc.cluster.local.', 'web.data.svc.cluster.local.']);
  }
});

test('autopath: the name itself needs no alias, and an empty answer is one', async () => {
  const own = having('web.apps.svc.cluster.local. 5 IN A 10.0.0.1');
  assert.equal((await askHandler(handler(), requestOf('web.apps.svc.cluster.local', 'A'), own.next)).answer.length, 1);
  const nodata: Next = () => emptyReply(0);
  assert.deepEqual((await askHandler(handler(), requestOf('x.apps.svc.cluster.local', 'A'), nodata)).answer, []);
});

test('autopath: when all are missing, or fail, the first reply is the answer', async () => {
  const { next, asked } = having('', ['www.example.net.', 'www.example.net.corp.example.']);
  const reply = await askHandler(handler(), requestOf('www.example.net.apps.svc.cluster.local', 'A'), next);
  assert.equal(reply.rcode, 'NXDOMAIN');
  assert.deepEqual(asked.slice(1), [
    'www.example.net.svc.cluster.local.',
    'www.example.net.cluster.local.',
    'www.example.net.corp.example.',
    'www.example.net.',
  ]);
});

test('autopath: what another server answers ends the walk, also an error; that nobody answers does not', async () => {
  const failing: Next = ({ question }) =>
    question.name === 'www.example.net.'
      ? { ...emptyReply(2), isRecursionAvailable: true }
      : { ...emptyReply(3), isAuthoritative: true };
  const asked = requestOf('www.example.net.apps.svc.cluster.local', 'A');
  assert.equal((await askHandler(handler(), asked, failing)).rcode, 'SERVFAIL');
});

test('autopath: only names under the first suffix, in its zones, of clients that are known', async () => {
  const once = async (autopath: ReturnType<typeof createAutopath>, asked: string) => {
    const behind = having('');
    await askHandler(autopath, requestOf(asked, 'A'), behind.next);
    return behind.asked.length === 1;
  };
  assert.ok(await once(handler(), 'web.data.svc.cluster.local'));
  assert.ok(await once(handler(), 'apps.svc.cluster.local'));
  assert.ok(
    await once(
      createAutopath([name('other')], () => PATH),
      'x.apps.svc.cluster.local',
    ),
  );
  assert.ok(
    await once(
      createAutopath([name('.')], () => undefined),
      'x.apps.svc.cluster.local',
    ),
  );
});

test('autopath: success is counted, and nothing of the block is kept', async () => {
  const autopath = handler();
  await askHandler(autopath, requestOf('x.apps.svc.cluster.local', 'A'), having('x. 5 IN A 10.0.0.1').next);
  assert.deepEqual(autopath.metrics?.()[0]?.samples, [{ labels: ['dns://127.0.0.1:53'], value: 1 }]);
  assert.notEqual(autopath.isPure, true);
});

test('autopath: the list of a file, and lists that nobody has', async (t) => {
  const folder = temporaryFolder(t);
  folder.write('resolv.conf', 'search a.test b.test');
  const { tools } = toolsOf();
  const autopath = openAutopath(blockOf(optionsOf(`root ${folder.path}\nautopath resolv.conf`)), tools);
  const { answer } = await askHandler(autopath, requestOf('x.a.test', 'A'), having('x.b.test. 5 IN A 10.0.0.1').next);
  assert.equal(answer.length, 2);
  assert.throws(() => openAutopath(blockOf(optionsOf('autopath no-such-file')), tools), /no such file/);
  assert.throws(() => openAutopath(blockOf(optionsOf('autopath @whoami\nwhoami')), tools), /does not know/);
  assert.throws(() => openAutopath(blockOf(optionsOf('autopath @kubernetes')), tools), /does not know/);
  assert.deepEqual(searchListOf('domain a\n# search x\nsearch b c. ..\nnameserver 1.1.1.1'), ['b.', 'c.']);
});

const pod = (cluster: typeof EAST, key: string, ...addresses: string[]) => upsert(cluster, 'Pod', key, { addresses });

function knowledge(plugin: 'kubernetes' | 'kubernetai', stanzas: readonly (readonly ZoneDefinition[])[]) {
  const plan = planApplied(...new Set(stanzas.flat()));
  const events = [
    ...synced(EAST),
    ...synced(WEST),
    namespace(EAST, 'test-1'),
    namespace(WEST, 'test-1'),
    namespace(EAST, 'b'),
    pod(EAST, 'test-1/one', '10.0.0.1', 'fd00::1'),
    pod(WEST, 'test-1/one', '10.0.0.1'),
    pod(EAST, 'b/only-east', '10.0.0.2'),
  ];
  const { zone } = given([plan], events);
  return createClientKnowledge({ plugin, stanzas, zoneOf: zone, hostSearch: [name('corp.example')] });
}

const verified = (cluster: typeof EAST) => stanza(cluster, { pods: 'verified' });
const from = (address: string, asked: string) => requestOf(asked, 'A', { remote: { address, port: 1 } });

test('kubernetes: the search list of a pod', () => {
  const zones = [zoneDefinition('cluster.local', [verified(EAST)]), zoneDefinition('in-addr.arpa', [verified(EAST)])];
  const known = knowledge('kubernetes', [zones]);
  const list = ['test-1.svc.cluster.local.', 'svc.cluster.local.', 'cluster.local.', 'corp.example.', '.'];
  for (const address of ['10.0.0.1', '::ffff:10.0.0.1', 'fd00::1']) {
    assert.deepEqual(known.searchPath?.(from(address, 'x.cluster.local')), list, address);
  }
  assert.equal(known.searchPath?.(from('10.0.0.9', 'x.cluster.local')), undefined);
  assert.equal(known.searchPath?.(from('10.0.0.1', 'x.other')), undefined);
  assert.equal(known.searchPath?.(from('10.0.0.1', 'x.in-addr.arpa')), undefined);
  const unwatched = knowledge('kubernetes', [[zoneDefinition('cluster.local', [stanza(EAST)])]]);
  assert.equal(unwatched.searchPath?.(from('10.0.0.1', 'x.cluster.local')), undefined);
});

test('kubernetai: later stanzas first, and those of clusters that know the client before the others', () => {
  const east = zoneDefinition('fluster.local', [verified(EAST)]);
  const west = zoneDefinition('cluster.local', [verified(WEST)]);
  const known = knowledge('kubernetai', [[east], [west]]);
  const suffixes = (ns: string, zone: string) => [`${ns}.svc.${zone}.`, `svc.${zone}.`, `${zone}.`];
  assert.deepEqual(known.searchPath?.(from('10.0.0.1', 'x.cluster.local'))?.slice(0, 6), [
    ...suffixes('test-1', 'cluster.local'),
    ...suffixes('test-1', 'fluster.local'),
  ]);
  assert.deepEqual(known.searchPath?.(from('10.0.0.2', 'x.cluster.local'))?.slice(0, 6), [
    ...suffixes('b', 'fluster.local'),
    ...suffixes('b', 'cluster.local'),
  ]);
  const shared = zoneDefinition('cluster.local', [verified(WEST), verified(EAST)]);
  const merged = knowledge('kubernetai', [[shared], [shared]]);
  assert.deepEqual(
    merged.searchPath?.(from('10.0.0.2', 'x.cluster.local'))?.slice(0, 3),
    suffixes('b', 'cluster.local'),
  );
});

test('metadata: the parts of a name and the client, in the log and for who asks', () => {
  const known = knowledge('kubernetes', [[zoneDefinition('cluster.local', [verified(EAST)])]]);
  const label = (key: string, asked = '_http._tcp.web.apps.svc.cluster.local') =>
    known.label?.(from('10.0.0.2', asked), `kubernetes/${key}`);
  assert.deepEqual(
    ['port-name', 'protocol', 'endpoint', 'service', 'namespace', 'kind', 'client-namespace', 'client-pod-name'].map(
      (key) => label(key),
    ),
    ['http', 'tcp', '', 'web', 'apps', 'svc', 'b', 'only-east'],
  );
  assert.equal(label('endpoint', 'e.web.apps.svc.cluster.local'), 'e');
  assert.equal(label('parse-error', 'x.cluster.local'), 'invalid query name');
  assert.equal(label('service', 'web.elsewhere'), undefined);
  assert.equal(label('cluster'), undefined);
  assert.equal(known.label?.(from('10.0.0.2', 'a.cluster.local'), 'other/service'), undefined);
  const siblings = () => [{ name: 'kubernetes', handle: () => emptyReply(0), ...known }];
  const lines: string[] = [];
  const block = blockOf(optionsOf('metadata\nlog . "{name} {/kubernetes/service} {/none/such}"'));
  const log = createLog(
    block.options.log ?? [],
    (entry) => lines.push(TEXT_STYLE.query(entry)),
    createFindLabel(block, { siblings }),
  );
  const sent = { rcode: 0, message: Buffer.alloc(12), flags: 0, answers: 1, size: 1, requestSize: 1, seconds: 0 };
  log.observe?.(from('10.0.0.2', 'web.apps.svc.cluster.local'), sent);
  assert.deepEqual(lines, ['[INFO] web.apps.svc.cluster.local. web -\n']);
  const off = createFindLabel(blockOf({}), { siblings });
  assert.equal(off(from('10.0.0.2', 'web.apps.svc.cluster.local'), 'kubernetes/service'), undefined);
});

test('autopath @erratic: the list of the peer, though kubernetes stands in the block too', () => {
  const asked: string[] = [];
  const erratic = createErratic({ drop: 0, truncate: 0, delay: 0, delayMs: 0, large: false }, () => () => {});
  const kubernetes = { name: 'kubernetes', handle: () => emptyReply(0), searchPath: () => [nameOf('wrong')] };
  const { tools } = toolsOf({ siblings: () => [kubernetes, erratic] });
  const handler = openAutopath(blockOf(optionsOf('autopath @erratic\nkubernetes cluster.local\nerratic')), tools);
  const next: Next = ({ question }) => {
    asked.push(question.name);
    return emptyReply(3);
  };
  void handler.handle(requestOf('www.a.example.org', 'A'), next);
  assert.deepEqual(asked, ['www.a.example.org.', 'www.b.example.org.', 'www.']);
});

test('metadata: names of ServiceImports and zonal names have parts of their own', () => {
  const parts = (text: string, isImport: boolean, isZonal: boolean) => partsOf(text.split('.'), { isImport, isZonal });
  assert.deepEqual(
    [parts('e.c.web.apps.svc', true, false).endpoint, parts('e.c.web.apps.svc', true, false).cluster],
    ['e', 'c'],
  );
  assert.equal(parts('z.1.pin._zone.web.apps.svc', false, true).zone, 'z.1');
  assert.deepEqual(Object.keys(parts('a.b.c.web.apps.svc', false, false)), ['parse-error']);
});
