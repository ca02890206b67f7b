import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Rcode } from '../../src/dns/rrset.ts';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import type { ZoneDefinition } from '../../src/ingest/plan.ts';
import type { Next, Outcome, Reply } from '../../src/serve/chain.ts';
import { kubernetesHandler } from '../../src/serve/plugins/kubernetes.ts';
import {
  EAST,
  name,
  namespace,
  planApplied,
  service,
  stanza,
  synced,
  WEST,
  zoneDefinition,
} from '../kit/cluster-events.ts';
import { given, recordLine } from '../kit/given.ts';
import { requestFor } from '../kit/handlers.ts';

const ROOT = [name('.')];

function replyOf(rcode: number): Reply {
  return { kind: 'reply', rcode, isAuthoritative: false, answer: [], authority: [], additional: [] };
}

/** The handler of a block whose stanzas have these zones; `ask` gives the answer, or what the next plugin was asked. */
function block(stanzas: readonly (readonly ZoneDefinition[])[], ...batches: ClusterEvent[][]) {
  const { zone } = given([planApplied(...new Set(stanzas.flat()))], ...batches);
  const handler = kubernetesHandler({
    plugin: 'kubernetai',
    stanzas,
    zoneOf: zone,
    resolve: () => assert.fail('nothing to resolve'),
  });
  return (text: string, next: Next = () => replyOf(Rcode.REFUSED)) => handler.handle(requestFor(text), next);
}

async function outcomeOf(outcome: Outcome | Promise<Outcome>): Promise<unknown[]> {
  const reply = await outcome;
  assert.equal(reply.kind, 'reply');
  return reply.kind === 'reply' ? [reply.rcode, ...reply.answer.map(recordLine)] : [];
}

const east = [namespace(EAST, 'apps'), service(EAST, 'apps/web', ['10.0.0.1'])];
const west = [
  namespace(WEST, 'apps'),
  service(WEST, 'apps/web', ['10.0.0.2']),
  service(WEST, 'apps/far', ['10.0.0.3']),
];
const all = [...east, ...synced(EAST), ...west, ...synced(WEST)];

describe('the handler of kubernetes stanzas', () => {
  const short = zoneDefinition('local', [stanza(WEST, { fallthrough: ROOT })]);
  const long = zoneDefinition('cluster.local', [stanza(EAST, { fallthrough: ROOT })]);
  const PASSED = [Rcode.REFUSED];

  it('answers from the longest zone of a stanza, and from no other zone of it', async () => {
    const ask = block([[short, long]], all);
    assert.deepEqual(await outcomeOf(ask('web.apps.svc.cluster.local')), [
      0,
      'web.apps.svc.cluster.local. 5 A 10.0.0.1',
    ]);
    assert.deepEqual(await outcomeOf(ask('web.apps.svc.local')), [0, 'web.apps.svc.local. 5 A 10.0.0.2']);
    assert.deepEqual(await outcomeOf(ask('apps.svc.cluster.local')), [0]);
    assert.deepEqual(await outcomeOf(ask('far.apps.svc.cluster.local')), PASSED);
    assert.deepEqual(await outcomeOf(ask('example.org')), PASSED);
  });

  it('asks the stanzas in their order', async () => {
    const under = zoneDefinition('cluster.local', [stanza(EAST)]);
    const names = ['web.apps.svc.cluster.local', 'other.cluster.local'];
    const first = block([[under], [short]], all);
    const second = block([[short], [under]], all);
    assert.deepEqual(await outcomeOf(first(names[0] as string)), [0, `${names[0]}. 5 A 10.0.0.1`]);
    assert.deepEqual(await outcomeOf(second(names[0] as string)), [0, `${names[0]}. 5 A 10.0.0.1`]);
    assert.deepEqual(await outcomeOf(first(names[1] as string)), [Rcode.NXDOMAIN]);
    assert.deepEqual(await outcomeOf(second(names[1] as string)), [Rcode.NXDOMAIN]);
  });

  it('takes no denial for sure while a cluster that was passed over was never synced', async () => {
    const ask = block([[long]], east);
    const web = await outcomeOf(ask('web.apps.svc.cluster.local'));
    assert.deepEqual(web, [0, 'web.apps.svc.cluster.local. 5 A 10.0.0.1']);
    const denials: Next[] = [() => replyOf(Rcode.NXDOMAIN), async () => replyOf(Rcode.NXDOMAIN)];
    for (const next of denials) {
      const reply = await ask('nothing.apps.svc.cluster.local', next);
      assert.ok(reply.kind === 'reply');
      assert.deepEqual([reply.rcode, reply.ede?.text], [Rcode.SERVFAIL, 'never synced: east']);
    }
    assert.deepEqual(await outcomeOf(ask('nothing.apps.svc.cluster.local', () => replyOf(Rcode.NOERROR))), [0]);
    const sure = block([[long]], all);
    assert.deepEqual(await outcomeOf(sure('nothing.apps.svc.cluster.local', () => replyOf(Rcode.NXDOMAIN))), [
      Rcode.NXDOMAIN,
    ]);
  });

  it('lets others give data to names that exist without addresses, but not deny them', async () => {
    const ask = block([[long]], all);
    const denied: Next = () => replyOf(Rcode.NXDOMAIN);
    for (const text of ['dns.cluster.local', 'dns-version.cluster.local', '_tcp.web.apps.svc.cluster.local']) {
      assert.deepEqual(await outcomeOf(ask(text)), PASSED, text);
      assert.deepEqual(await outcomeOf(ask(text, denied)), [Rcode.NOERROR], text);
    }
    const closed = block([[zoneDefinition('cluster.local', [stanza(EAST)])]], all);
    assert.deepEqual(await outcomeOf(closed('dns.cluster.local')), [Rcode.NOERROR]);
  });

  it('keeps no answer of others for a name that it may have one day', async () => {
    const names = [name('nothing.apps.svc.cluster.local')];
    const reply = await block([[long]], all)('nothing.apps.svc.cluster.local', () => ({
      ...replyOf(Rcode.NOERROR),
      source: { zone: 'other.', names },
    }));
    assert.equal(reply.kind === 'reply' && reply.source, undefined);
  });
});
