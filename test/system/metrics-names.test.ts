/** `/metrics` of a whole server against the table of the peer's metrics, and against docs/metrics.md. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { FaultyApiServer } from '../kit/apiserver.ts';
import { DASHBOARD_QUERIES, PEER_METRICS } from '../kit/peer-metrics.ts';
import { TestServer } from '../kit/server.ts';
import { addressReply, startUpstream, type Upstream } from '../kit/upstream.ts';
import { eventually } from '../kit/wait.ts';

const DOCUMENT = path.join(import.meta.dirname, '..', '..', 'docs', 'metrics.md');
/** What a histogram's samples are called. */
const PARTS = /_(?:bucket|sum|count)$/;

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface Scrape {
  readonly types: ReadonlyMap<string, string>;
  readonly samples: readonly Sample[];
}

function parse(text: string): Scrape {
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    const [, name = '', type = ''] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (name !== '') types.set(name, type);
    const [, metric = '', inside = ''] = /^([a-z_0-9]+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (metric === '') continue;
    const labels = [...inside.matchAll(/([a-z_]+)="((?:\\.|[^"\\])*)"/g)].map(([, label = '', value = '']) => [
      label,
      value,
    ]);
    samples.push({ name: metric, labels: Object.fromEntries(labels) as Record<string, string> });
  }
  return { types, samples };
}

describe('/metrics', () => {
  const api = new FaultyApiServer();
  let server: TestServer;
  let upstream: Upstream;
  let scrape: Scrape;

  before(async () => {
    upstream = await startUpstream((asked) => addressReply(asked));
    api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } });
    api.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'apps' },
      spec: { clusterIP: 'None', clusterIPs: ['None'], ports: [{ port: 80 }] },
    });
    const { url } = await api.start();
    server = await TestServer.start({
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    errors
    log
    health 127.0.0.1:{{health}} {
        lameduck 0s
    }
    ready 127.0.0.1:{{ready}}
    prometheus 127.0.0.1:{{metrics}} {
        runtime_metrics
    }
    reload
    local
    dns64 64:ff9b::/96 {
        allow_ipv4
    }
    autopath @erratic
    acl {
        block net 127.0.0.1/32 type HINFO
        filter type MX
        drop type NAPTR
    }
    cache
    cookie
    rrl
    tsig {
        require NSEC
    }
    template IN TXT template.test {
        answer "{{ .Name }} 5 IN TXT x"
    }
    template IN TXT broken.test {
        answer "{{ index .Match 5 }}"
    }
    hosts {
        192.0.2.1 hosts.test
        fallthrough
    }
    kubernetes cluster.local {
        endpoint ${url}
        apiserver_qps 100
    }
    transfer {
        to *
    }
    forward forward.test 127.0.0.1:${upstream.port}
    erratic {
        drop 0
    }
}
`,
    });
    // Some metrics, as the Corefile's version, are there only when the start is over.
    await server.started();
    await watched();
    // The time of the change is in an annotation, of changes after the first list.
    api.apply({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: 'web-1',
        namespace: 'apps',
        labels: { 'kubernetes.io/service-name': 'web' },
        annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': new Date().toISOString() },
      },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.0.0.1'] }],
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    });
    await eventually(
      () => server.dns.data('web.apps.svc.cluster.local', 'A'),
      (text) => text === '10.0.0.1',
      'the change',
    );
    await askEverything();
    scrape = await eventually(
      async () => parse((await server.http('metrics')).body),
      ({ samples }) => samples.some(({ name }) => name === 'coredns_health_request_duration_seconds_count'),
      'the metrics',
    );
  });
  after(async () => {
    await server?.close();
    await api.stop();
    await upstream?.stop();
  });

  const watched = () =>
    eventually(
      () => api.watchCount,
      (count) => count >= 3,
      'all kinds are watched',
    );
  const askEverything = async () => {
    const questions = [
      ['a.forward.test', 'A'],
      ['a.forward.test', 'A'],
      ['b.forward.test', 'A'],
      ['six.forward.test', 'AAAA'],
      ['localhost.x.test', 'A'],
      ['hosts.test', 'A'],
      ['x.template.test', 'TXT'],
      ['x.broken.test', 'TXT'],
      ['x.test', 'HINFO'],
      ['x.test', 'MX'],
      ['www.a.example.org', 'A'],
    ] as const;
    for (const [name, type] of questions) await server.dns.ask(name, type, { edns: 1232 });
    await server.dns.ask('no.apps.svc.cluster.local', 'A');
    await server.dns.send(dropped(), 200);
    await server.dns.send(withDnssecOk(), 5_000);
  };

  test('has the metrics of the peer, each of its type', () => {
    const wrong = Object.entries(PEER_METRICS).filter(([name, { type }]) => scrape.types.get(name) !== type);
    assert.deepEqual(
      wrong.map(([name]) => `${name}: ${scrape.types.get(name)}`),
      [],
    );
  });

  for (const [name, { type, labels, isEmpty }] of Object.entries(PEER_METRICS)) {
    test(`${name} has the labels of the peer`, () => {
      const found = scrape.samples.filter((sample) =>
        type === 'histogram' ? sample.name === `${name}_count` : sample.name === name,
      );
      if (!isEmpty) assert.ok(found.length > 0, 'there is no sample');
      for (const sample of found) assert.deepEqual(Object.keys(sample.labels).toSorted(), labels.toSorted());
    });
  }

  test('has nothing under the name of the peer that the peer has not', () => {
    const unknown = [...scrape.types.keys()].filter((name) => name.startsWith('coredns_') && !(name in PEER_METRICS));
    assert.deepEqual(unknown, []);
  });

  for (const [metric, labels] of DASHBOARD_QUERIES) {
    test(`a dashboard's ${metric} by (${labels.join(', ')}) shows something`, () => {
      const found = scrape.samples.filter(({ name }) => name === metric);
      assert.ok(found.some((sample) => labels.every((label) => (sample.labels[label] ?? '') !== '')));
    });
  }

  test('is all in docs/metrics.md', () => {
    const text = readFileSync(DOCUMENT, 'utf8');
    const missing = [...scrape.types.keys()].filter((name) => !text.includes(`\`${name}\``));
    assert.deepEqual(missing, []);
  });

  test('docs/metrics.md names the labels that there are', () => {
    const rows = readFileSync(DOCUMENT, 'utf8').matchAll(/^\| `([a-z_0-9]+)` \| (\w+) \| ([^|]*) \|/gm);
    const documented = new Map(
      [...rows].map(([, name = '', type = '', labels = '']) => [name, { type, labels: labels.trim() }]),
    );
    const wrong: string[] = [];
    for (const { name, labels } of scrape.samples) {
      const family = scrape.types.has(name) ? name : name.replace(PARTS, '');
      const row = documented.get(family);
      const own = Object.keys(labels).filter((label) => label !== 'le');
      const listed = row?.labels === '–' ? [] : (row?.labels.split(', ') ?? []);
      if (row?.type !== scrape.types.get(family) || own.toSorted().join() !== listed.toSorted().join())
        wrong.push(`${family}: ${scrape.types.get(family)} {${own.join(', ')}}`);
    }
    assert.deepEqual([...new Set(wrong)], []);
  });
});

/** `x.test NAPTR` */
function dropped(): Buffer {
  return Buffer.concat([Buffer.from('7001010000010000000000000178047465737400', 'hex'), Buffer.from([0, 35, 0, 1])]);
}

/** `hosts.test A` with the DO bit. */
function withDnssecOk(): Buffer {
  const question = Buffer.from('70020100000100000000000105686f73747304746573740000010001', 'hex');
  return Buffer.concat([question, Buffer.from('0000291000000080000000', 'hex')]);
}
