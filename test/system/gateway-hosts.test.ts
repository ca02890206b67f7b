/** A whole server with load balancers that go by host names: what is asked of the resolver, answered, logged and transferred. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { FixtureApiServer } from '../../src/demo/apiserver.ts';
import type { KubeObject } from '../../src/demo/resources.ts';
import { kubeconfigOf } from '../kit/kubeconfig.ts';
import { checkHistory, readObjectEvents } from '../kit/log-reader.ts';
import { TestServer } from '../kit/server.ts';
import { type Answerer, replyTo, startUpstream, type Upstream } from '../kit/upstream.ts';
import { eventually } from '../kit/wait.ts';
import { checkAnswers, checkChange, checkStartWithout } from '../kit/zone-check.ts';

const ZONE = 'example.org.';
const ALIASED = 'alias.example.net.';

function ingress(name: string, ...hostnames: string[]): KubeObject {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, namespace: 'shop' },
    spec: { rules: [{ host: name }] },
    status: { loadBalancer: { ingress: hostnames.map((hostname) => ({ hostname })) } },
  };
}

/** What the resolver knows; a name that is missing here gets no reply at all. */
const BOOK: Readonly<Record<string, Readonly<Partial<Record<string, readonly string[]>>> | 'none' | 'refused'>> = {
  'lb-1.cloud.test': { A: ['192.0.2.1', '192.0.2.2'], AAAA: ['2001:db8::1'] },
  'lb-2.cloud.test': { A: ['192.0.2.20'] },
  'gone.cloud.test': 'none',
  'refused.cloud.test': 'refused',
};

const answer: Answerer = (asked) => {
  const { name = '', type = '' } = asked.query.questions?.[0] ?? {};
  const entry = BOOK[name];
  if (entry === undefined) return undefined;
  if (entry === 'none') return replyTo(asked, { rcode: 3 });
  if (entry === 'refused') return replyTo(asked, { rcode: 5 });
  return replyTo(asked, {
    answers: (entry[type] ?? []).map((data) => ({
      name,
      type: type as 'A',
      ttl: name === 'lb-2.cloud.test' ? 20 : 300,
      data,
    })),
  });
};

describe('load balancers with host names', () => {
  const api = new FixtureApiServer({
    objects: [
      ingress('www', 'lb-1.cloud.test'),
      ingress('both', 'lb-1.cloud.test', 'lb-2.cloud.test'),
      ingress('gone', 'gone.cloud.test'),
      ingress('refused', 'refused.cloud.test'),
      ingress('silent', 'silent.cloud.test'),
      ingress('loop.example.org', 'loop.example.org'),
    ],
  });
  let upstream: Upstream;
  let isUpstreamStopped = false;
  let server: TestServer;

  const data = (name: string, type = 'A') => server.dns.data(`${name}.${ZONE}`, type);
  const becomes = (name: string, type: string, wanted: string) => server.becomes(name, type, wanted);
  const resolved = () =>
    readObjectEvents(server.database)
      .filter(({ object }) => object === 'ResolvedHost')
      .map((event) => `${event.key} ${'facts' in event ? JSON.stringify(event.facts) : 'deleted'}`);

  before(async () => {
    const [{ url }, opened] = await Promise.all([api.start(), startUpstream(answer)]);
    upstream = opened;
    server = await TestServer.prepare({
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    errors
    prometheus 127.0.0.1:{{metrics}}
    k8s_gateway ${ZONE} {
        resources Ingress
        kubeconfig {{folder}}/config
        apex ns1.${ZONE} 127.0.0.1
        resolver 127.0.0.1:${upstream.port}
    }
    k8s_gateway ${ALIASED} {
        resources Ingress
        kubeconfig {{folder}}/config
        apex ns1.${ALIASED} 127.0.0.1
        resolver 127.0.0.1:${upstream.port}
        cname
    }
    transfer {
        to *
    }
}
`,
    });
    writeFileSync(path.join(server.folder, 'config'), kubeconfigOf({ name: 'c', url }));
    server.spawn();
    for (const zone of [ZONE, ALIASED]) await server.hasZone(zone);
  });
  after(async () => {
    await server?.close();
    await Promise.all([api.stop(), isUpstreamStopped ? undefined : upstream.stop()]);
  });

  test('addresses that the resolver has are answered and transferred', async () => {
    await becomes(`www.${ZONE}`, 'A', '192.0.2.1, 192.0.2.2');
    assert.equal(await data('www', 'AAAA'), '2001:db8::1');
    await becomes(`both.${ZONE}`, 'A', '192.0.2.1, 192.0.2.2, 192.0.2.20');
    const { records } = await checkAnswers(server.dns, ZONE);
    assert.deepEqual(
      records.filter((line) => line.startsWith('www.')),
      ['192.0.2.1', '192.0.2.2']
        .map((address) => `www.${ZONE}\t60\tIN\tA\t${address}`)
        .concat(`www.${ZONE}\t60\tIN\tAAAA\t2001:db8::1`),
    );
    const both = records
      .filter((line) => line.startsWith('both.'))
      .map((line) => line.split('\t').slice(1, 4).join(' '));
    assert.deepEqual(new Set(both), new Set(['20 IN A', '20 IN AAAA']), 'the TTL that its host name has');
  });

  test('a host name without addresses is denied; one that was never resolved is not', async () => {
    await becomes(`gone.${ZONE}`, 'A', 'NXDOMAIN');
    assert.equal(await data('refused'), 'SERVFAIL');
    assert.equal(await data('silent'), 'SERVFAIL');
    await server.printed(/refused\.cloud\.test: .*REFUSED/);
  });

  test('a name that stands for itself stands for nothing', async () => {
    assert.equal(await data('loop'), 'NXDOMAIN');
  });

  test('with `cname` the host name is an alias, and one of several is its addresses', async () => {
    assert.equal(await server.dns.data(`www.${ALIASED}`, 'A'), 'lb-1.cloud.test.');
    assert.equal(await server.dns.data(`www.${ALIASED}`, 'TXT'), 'lb-1.cloud.test.');
    assert.equal(await server.dns.data(`silent.${ALIASED}`, 'AAAA'), 'silent.cloud.test.');
    assert.equal(await server.dns.data(`both.${ALIASED}`, 'A'), '192.0.2.1, 192.0.2.2, 192.0.2.20');
    await checkAnswers(server.dns, ALIASED);
  });

  test('each finding is in the log once, for the one cluster that both stanzas look at', async () => {
    await eventually(resolved, (seen) => seen.length >= 3, 'three findings');
    assert.deepEqual(resolved().toSorted(), [
      'gone.cloud.test {"addresses":[]}',
      'lb-1.cloud.test {"addresses":["192.0.2.1","192.0.2.2","2001:db8::1"],"ttl":300}',
      'lb-2.cloud.test {"addresses":["192.0.2.20"],"ttl":20}',
    ]);
    await server.metricIs('zonelog_host_names', {}, 6);
    const atLeast = (name: string, result: string | undefined, least: number) =>
      eventually(
        () => server.metric(name, result === undefined ? {} : { result }),
        (count) => count >= least,
        `${name} ${result} is ${least}`,
      );
    await atLeast('zonelog_host_lookups_total', 'answer', 2);
    await atLeast('zonelog_host_lookups_total', 'failure', 1);
    await atLeast('zonelog_host_names_failing', undefined, 1);
  });

  test('another load balancer is a serial and an increment; what nobody needs is given up', async () => {
    await checkChange(server.dns, ZONE, async () => {
      api.apply(ingress('www', 'lb-2.cloud.test'));
      await becomes(`www.${ZONE}`, 'A', '192.0.2.20');
    });
    api.delete('networking.k8s.io/v1', 'Ingress', 'shop', 'both');
    await eventually(resolved, (seen) => seen.includes('lb-1.cloud.test deleted'), 'the log gives lb-1 up');
    await server.metricIs('zonelog_host_names', {}, 5);
  });

  test('a start without API server and resolver answers what was found', async () => {
    await checkStartWithout(server, ZONE, () => {
      isUpstreamStopped = true;
      return Promise.all([api.stop(), upstream.stop()]);
    });
    assert.equal(await data('www'), '192.0.2.20');
    await server.printed(/lb-2\.cloud\.test: .*what was found before stays/);
    assert.equal(await data('www'), '192.0.2.20');
    checkHistory(server.database, ZONE);
  });
});
