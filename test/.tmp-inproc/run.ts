import { readFileSync } from 'node:fs';
import { loadCases, readFixture, questionsOf } from '../conformance/case.ts';
import { faultsOf } from '../conformance/compare.ts';
import { loadConfig } from '../../src/corefile/config.ts';
import { planConfig } from '../../src/compose/plan.ts';
import { normalize } from '../../src/ingest/normalize.ts';
import { given } from '../kit/given.ts';
import { kubernetesHandler } from '../../src/serve/plugins/kubernetes.ts';
import { describe as describeMessage, encodeQuery } from '../conformance/message.ts';
import { MessageEncoder } from '../../src/dns/encode.ts';
import { readQuery as parseQuery } from '../../src/dns/query.ts';
import { parseSelection } from '../../src/demo/selectors.ts';

const only = process.argv[2] ?? 'kubern';
let pass = 0, fail = 0;
for (const one of loadCases().filter((c) => c.name.includes(only) && ['kubernetes', 'kubernetai', 'multicluster'].includes(c.group) && !c.start)) {
  if (one.steps.some((s) => s.apply || s.control)) continue;
  const urls = new Map(Object.keys(one.clusters ?? {}).map((n, i) => [n, `http://127.0.0.1:${9000 + i}`]));
  const text = one.corefile.replace(/\{\{api:(\w+)\}\}/g, (_, n) => urls.get(n) ?? '').replace(/\{\{kubeconfig:(\w+)\}\}/g, '/tmp/kc-$1').replace(/\{\{port[^}]*\}\}/g, '1053').replace(/\{\{tmp\}\}/g, '/tmp');
  const config = loadConfig(text, { file: 'Corefile', env: (n: string) => ({KIT_TTL:'23',KIT_ZONE:'env.local'})[n], warn: () => {}, readFile: () => '', listDir: () => [] } as never);
  if (!config.ok) { console.log(one.name, 'CONFIG', config.error); continue; }
  const planned = planConfig(config.value, () => one.addrs?.length ? one.addrs.map((a) => a.split('/')[0] as string) : ['127.0.0.1']);
  const events: any[] = [];
  for (const view of planned.clusters) {
    const n = [...urls].find(([, u]) => view.connection.kind === 'endpoint' ? view.connection.url === u : view.connection.kind === 'kubeconfig' && true)?.[0];
    const fixture = JSON.parse(readFixture(one.clusters?.[n as string] as string));
    for (const kind of view.kinds) {
      for (const o of fixture.objects.filter((o: any) => o.kind === kind)) {
        const params = new URLSearchParams();
        if (view.labels && kind !== 'Namespace' && kind !== 'ServiceImport') params.set('labelSelector', view.labels);
        if (view.namespaceLabels && kind === 'Namespace') params.set('labelSelector', view.namespaceLabels);
        if (kind === 'Pod') params.set('fieldSelector', 'status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown');
        const sel: any = parseSelection({ fields: ['status.phase'], isNamespaced: kind !== 'Namespace' } as never, undefined, params);
        if (!sel.select) throw new Error(JSON.stringify(sel));
        if (!sel.select({ namespace: o.metadata.namespace ?? '', labels: o.metadata.labels ?? {}, fields: { 'status.phase': o.status?.phase ?? '' } } as never)) continue;
        const norm: any = normalize(kind, o);
        if (norm.status === 'rejected') { console.log('rejected', kind, norm); continue; }
        if (kind==='Pod' && o.metadata.deletionTimestamp) continue;
        events.push({ kind: `${kind}Upserted`, object: kind, cluster: view.id, key: norm.key, facts: norm.facts, cause: {} });
      }
      events.push({ kind: 'ClusterSynced', cluster: view.id, key: kind });
    }
  }
  const world = given([{ kind: 'PlanApplied', plan: planned.plan }], events);
  const block = planned.blocks[0]!;
  const handler = kubernetesHandler({ plugin: 'kubernetes', stanzas: [...block.kubernetes, ...block.multicluster], zoneOf: (id) => world.zone(id), resolve: () => undefined });
  const encoder = new MessageEncoder();
  for (const [i, step] of one.steps.entries()) for (const q of questionsOf(step)) {
    if (!q.query || q.query.raw || q.query.type === 'AXFR' || q.query.type === 'IXFR') continue;
    const wire = encodeQuery(q.query, 1);
    const parsed: any = parseQuery(wire);
    const query = parsed.query ?? parsed.value ?? parsed;
    const request: any = { ...query, transport: 'udp', remote: {}, local: {}, serverZone: '.' };
    const reply: any = await handler.handle(request, () => ({ kind: 'reply', rcode: 99 }) as never);
    if (reply.rcode === 99) continue;
    const out = encoder.encodeReply(request, reply, 65535);
    const msg = (out as any).message ?? out;
    const got: any = describeMessage(Buffer.from(msg), q.query);
    for (const s of ['answer', 'authority', 'additional']) got[s] = got[s].map((r: string) => r.replace(/ \d{9,} 7200 /, ' NOW 7200 '));
    const f = faultsOf({ ...q, expect: { ...q.expect } } as never, { ...got, ...(q.expect.edns && { edns: q.expect.edns }) }, one.corefile).filter((x) => !/^(tc|edns)/.test(x));
    if (f.length) { fail++; if (fail < 80) console.log(one.name, i, JSON.stringify(q.query), '\n   ', f.slice(0, 4).join('\n    ')); } else pass++;
  }
}
console.log({ pass, fail });
