/** Each line of kubernetes-names.txt. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { Rcode, RRType } from '../../src/dns/rrset.ts';
import type { ClusterEvent, PortFacts } from '../../src/ingest/event.ts';
import type { StanzaPlan } from '../../src/ingest/plan.ts';
import type { Zone } from '../../src/projection/zone.ts';
import { answer } from '../../src/serve/answer.ts';
import {
  EAST,
  HTTP,
  KINDS,
  name,
  namespace,
  planApplied,
  service,
  slice,
  stanza,
  synced,
  upsert,
  zoneDefinition,
} from '../kit/cluster-events.ts';
import { given, recordLine } from '../kit/given.ts';

const TYPES: Readonly<Record<string, number>> = { ...RRType, HINFO: 13, HTTPS: 65, ANY: 255 };
const DNS: PortFacts = { name: 'dns', port: 53, protocol: 'udp' };

const EVENTS: readonly ClusterEvent[] = [
  ...['testns', 'kube-system', 'podns'].map((key) => namespace(EAST, key)),
  service(EAST, 'kube-system/kubedns', ['10.0.0.10'], { ports: [DNS] }),
  slice(EAST, 'kube-system/kubedns-1', 'kubedns', [{ addresses: ['172.0.0.100'] }], [DNS]),
  service(EAST, 'testns/svc1', ['10.0.0.1']),
  slice(EAST, 'testns/svc1-1', 'svc1', [{ addresses: ['172.0.0.1'], hostname: 'ep1a' }]),
  service(EAST, 'testns/svcempty', ['10.0.0.1']),
  service(EAST, 'testns/svc6', ['1234:abcd::1']),
  service(EAST, 'testns/svc-dual-stack', ['10.0.0.3', '10::3']),
  service(EAST, 'testns/hdls1', ['None']),
  slice(EAST, 'testns/hdls1-4', 'hdls1', [
    { addresses: ['172.0.0.2'] },
    { addresses: ['172.0.0.3'] },
    { addresses: ['172.0.0.4'], hostname: 'dup-name' },
    { addresses: ['172.0.0.5'], hostname: 'dup-name' },
  ]),
  slice(EAST, 'testns/hdls1-6', 'hdls1', [{ addresses: ['5678:abcd::1'] }, { addresses: ['5678:abcd::2'] }]),
  service(EAST, 'testns/hdlsprtls', ['None'], { ports: [] }),
  slice(EAST, 'testns/hdlsprtls-1', 'hdlsprtls', [{ addresses: ['172.0.0.20'] }], []),
  service(EAST, 'testns/zoned', ['None']),
  slice(EAST, 'testns/zoned-1', 'zoned', [
    { addresses: ['172.0.1.1'], zone: 'us-west-2a' },
    { addresses: ['172.0.1.2'], zone: 'us-west-2b' },
    { addresses: ['172.0.1.3'], zone: 'us-west-2b' },
  ]),
  service(EAST, 'testns/external', [], { type: 'ExternalName', externalName: 'ext.interwebs.test', ports: [] }),
  service(EAST, 'testns/external-to-service', [], {
    type: 'ExternalName',
    externalName: 'svc1.testns.svc.cluster.local',
    ports: [],
  }),
  service(EAST, 'unexposedns/svc1', ['10.0.0.2'], { ports: [HTTP] }),
  upsert(EAST, 'Pod', 'podns/foo', { addresses: ['10.240.0.1'] }),
];

function zoneWith(options: string): Zone {
  const words = options.split(/\s+/).filter((word) => word !== '');
  const extra = Object.fromEntries(words.map((word) => [word.split('=')[0], word.split('=')[1] ?? true]));
  const needs = [...KINDS, 'Pod'] as const;
  return given(
    [planApplied(zoneDefinition('cluster.local', [stanza(EAST, { ...(extra as Partial<StanzaPlan>), needs })]))],
    [...EVENTS, ...synced(EAST, needs)],
  ).zone(name('cluster.local'));
}

/** `tn` and `CL` in full. */
function inFull(text: string): string {
  return text
    .replaceAll(/(?<=^|[. ])tn(?=$|[ ,])/g, 'testns.svc.cluster.local')
    .replaceAll(/(?<=^|[. ])CL(?=$|[ ,])/g, 'cluster.local');
}

/** What is answered, in the form of a line. */
function outcome(zone: Zone, asked: string, type: number): { answer: string[]; additional: string[] } {
  const own = name(asked);
  const reply = answer(
    zone,
    {
      id: 1,
      opcode: 0,
      isRecursionDesired: false,
      isCheckingDisabled: false,
      isAuthenticData: false,
      question: { name: own, spelling: own, type, class: 1 },
      authority: [],
      edns: undefined,
      transport: 'udp',
      remote: { address: '127.0.0.1', port: 1 },
      local: { address: '127.0.0.1', port: 53 },
      serverZone: name('.'),
    },
    { isOwn: () => true, resolve: () => assert.fail('a name outside was looked up') },
  );
  assert.ok(!(reply instanceof Promise) && reply.kind === 'reply');
  if (reply.answer.length === 0) {
    assert.deepEqual(
      reply.authority.map(({ owner, type: kind }) => [owner, kind]),
      [['cluster.local.', RRType.SOA]],
    );
    return { answer: [reply.rcode === Rcode.NXDOMAIN ? 'NX' : 'NODATA'], additional: [] };
  }
  assert.equal(reply.rcode, Rcode.NOERROR);
  const rdata = reply.answer.map((record) => recordLine(record).split(' ').slice(3).join(' '));
  const additional = reply.additional.map((record) => {
    const [owner, , ...rest] = recordLine(record).split(' ');
    return [owner, ...rest].join(' ');
  });
  return { answer: rdata.map(undotted).sort(), additional: additional.map(undotted).sort() };
}

/** Without final dots. */
const undotted = (text: string) => text.replaceAll(/\.(?= |$)/g, '');

describe('names of a cluster', () => {
  const text = readFileSync(path.join(import.meta.dirname, 'kubernetes-names.txt'), 'utf8');
  let zone = zoneWith('');
  let options = '';
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const section = /^\[(.*)\]$/.exec(line);
    if (section) {
      options = section[1] ?? '';
      zone = zoneWith(options);
      continue;
    }
    const asked = zone;
    it(`${options === '' ? '' : `${options}: `}${line}`, () => {
      const [question = '', expected = '', additional = ''] = line.split('|').map((part) => inFull(part.trim()));
      const [owner = '', type = ''] = question.split(' ');
      const list = (part: string) => part.split(', ').filter((one) => one !== '');
      const wanted = { answer: list(expected).sort(), additional: list(additional).sort() };
      const code = TYPES[type];
      assert.ok(code !== undefined, `no type ${type}`);
      assert.deepEqual(outcome(asked, owner, code), wanted);
    });
  }
});
