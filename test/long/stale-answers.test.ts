/** A cluster out of reach: answers go on from the log, and say so to clients with EDNS (RFC 8914), kept ones too. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readExtendedError } from '../../src/dns/encode.ts';
import { FaultyApiServer } from '../kit/apiserver.ts';
import { freePorts } from '../kit/free-ports.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';

/** The second one has a `cache`. */
const ZONES = ['cluster.local', 'cached.test'];
const DEADLINE = 60_000;

describe('answers of a cluster out of reach', () => {
  let api: FaultyApiServer;
  let server: TestServer;

  /** Rcode, number of addresses, and the code and text of the extended error. */
  const told = async (name: string) => {
    const { message, rcode } = await server.dns.ask(name, 'A', { edns: 1232 });
    const option = message.edns?.options.find(({ code }) => code === 15);
    const error = option && readExtendedError(option);
    return `${rcode} ${message.answer.length} ${error ? `${error.code} ${error.text}` : 'none'}`;
  };
  const ofAll = () =>
    Promise.all(ZONES.flatMap((zone) => ['web', 'none'].map((service) => told(`${service}.apps.svc.${zone}.`))));
  const eventuallyTold = (isRight: (text: string, isDenial: boolean) => boolean, what: string) =>
    eventually(ofAll, (seen) => seen.every((text, i) => isRight(text, i % 2 === 1)), what, DEADLINE);

  before(async () => {
    // It comes back to its port, which nobody may have taken meanwhile.
    const [port = 0] = await freePorts(1);
    api = new FaultyApiServer({ port });
    api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } });
    const spec = { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1'], ports: [{ port: 80 }] };
    api.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'apps' }, spec });
    const { url } = await api.start();
    const blocks = ZONES.map((zone, i) => {
      const cache = i === 0 ? '' : 'cache 300\n';
      return `${zone}:{{dns}} {\nbind 127.0.0.1\n${cache}kubernetes ${zone} {\nendpoint ${url}\nttl 300\n}\n}\n`;
    });
    server = await TestServer.start({ corefile: blocks.join('') });
  });
  after(async () => {
    await server?.close();
    await api.stop();
  });

  const isFresh = (text: string, isDenial: boolean) => text === (isDenial ? 'NXDOMAIN 0 none' : 'NOERROR 1 none');

  test('tell it, and tell it no longer when the cluster is back', async () => {
    await eventuallyTold(isFresh, 'answers of this moment');
    await api.stop();
    const isStale = (text: string, isDenial: boolean) =>
      text.startsWith(`${isDenial ? 'NXDOMAIN 0 19' : 'NOERROR 1 3'} from the log, out of reach: http://127.0.0.1`);
    await eventuallyTold(isStale, 'answers that say that they are stale');
    const plain = await server.dns.ask('web.apps.svc.cluster.local.', 'A');
    assert.equal(plain.message.edns, undefined);
    await api.start();
    await eventuallyTold(isFresh, 'answers of this moment again');
  });
});
