/**
 * examples/k8s_gateway/dual-nameserver as its README has it, in a network of its own: two name servers for one zone, a
 * parent in BIND that delegates to both, and an Unbound that finds its way while one of them is down.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../kit/wait.ts';
import { hasNetworks, Network, type Started } from './network.ts';
import { hasProgram } from './peer.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const EXAMPLE = path.join(ROOT, 'examples', 'k8s_gateway', 'dual-nameserver');
const ZONE = 'zone.example.com';
const [FIRST, SECOND, PARENT, RESOLVER] = ['198.51.100.1', '203.0.113.11', '192.0.2.1', '192.0.2.53'] as const;
const SERVERS = [1, 2].map((number) => `exdns-${number}-k8s-gateway.kube-system.${ZONE}.`);

/** The commands of the README, each a process of its own. */
const [COMMANDS = '', QUESTIONS = ''] = [
  ...readFileSync(path.join(EXAMPLE, 'README.md'), 'utf8').matchAll(/^```sh\n(.*?)^```$/gms),
].map((match) => match[1]);

const missing = ['named', 'unbound', 'dig', 'nsenter', 'setpriv'].filter((program) => !hasProgram(program));
const skip = !hasNetworks ? 'no network namespaces here' : missing.length > 0 ? `without ${missing.join(', ')}` : false;

describe('two name servers for one zone', { skip }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'zonelog-dual-'));
  let network: Network;
  let cluster: Started;
  const running = new Map<string, Started>();
  let hosts = 0;

  /** Starts the README's command that has this word. */
  const start = (word: string) => {
    const line = COMMANDS.split('\n').find((command) => command.includes(word)) ?? '';
    const [program = '', ...args] = line.split(' ');
    const own = program === 'zonelog' ? path.join(ROOT, 'bin', 'zonelog') : program;
    running.set(word, network.start([own, ...args], folder));
  };
  const stop = async (word: string) => {
    await running.get(word)?.stop();
    running.delete(word);
  };
  const dig = async (...args: string[]) => {
    const output = await network.run(['dig', '+tries=1', '+time=15', ...args], folder);
    return output.split('\n').filter((line) => line !== '' && !line.startsWith(';'));
  };
  const ask = (server: string, name: string, ...more: string[]) => dig(`@${server}`, name, '+short', ...more);
  const becomes = (server: string, name: string, wanted: readonly string[]) =>
    eventually(
      async () => (await ask(server, name)).sort(),
      (seen) => JSON.stringify(seen) === JSON.stringify(wanted),
      `${name} at ${server} is ${wanted}`,
      60_000,
    ).catch((error: unknown) => {
      const said = [...running].map(([word, started]) => `--- ${word}:\n${started.said()}`);
      throw new Error([String(error), ...said].join('\n'));
    });

  /** Where the resolver had no time to find its way, it says so first. */
  const resolves = (args: readonly string[], wanted: readonly string[]) =>
    eventually(
      () => dig(...args),
      (seen) => JSON.stringify(seen) === JSON.stringify(wanted),
      `dig ${args.join(' ')}: ${wanted}`,
    );

  /** A host that nobody has asked for yet. */
  const newHost = async (servers: readonly string[]) => {
    hosts += 1;
    const name = `new-${hosts}.${ZONE}`;
    const address = `192.0.2.${100 + hosts}`;
    const host = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: `new-${hosts}`, namespace: 'shop' },
      spec: { rules: [{ host: name }] },
      status: { loadBalancer: { ingress: [{ ip: address }] } },
    };
    cluster.say(JSON.stringify(host));
    for (const server of servers) await becomes(server, name, [address]);
    return { name, address };
  };

  before(async () => {
    cpSync(EXAMPLE, folder, { recursive: true });
    network = await Network.open([FIRST, SECOND, PARENT, RESOLVER]);
    const child = path.join(import.meta.dirname, 'cluster-process.ts');
    cluster = network.start([process.execPath, child, '8001', path.join(folder, 'cluster.yaml')], folder);
    await eventually(
      () => cluster.said(),
      (said) => said.includes('listening'),
      'the cluster listens',
      30_000,
    );
    for (const word of ['ns1', 'ns2', 'named', 'unbound']) start(word);
    for (const server of [FIRST, SECOND]) await becomes(server, `test.shop.${ZONE}`, ['192.0.2.241']);
    await becomes(PARENT, 'ns.example.com', [PARENT]);
    await becomes(RESOLVER, `test.shop.${ZONE}`, ['192.0.2.241']);
  });
  after(async () => {
    for (const word of [...running.keys()]) await stop(word);
    await cluster?.stop();
    network?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('the parent delegates with two NS and two glue records; both name servers say the same of themselves', async () => {
    const referral = await dig(`@${PARENT}`, `www.${ZONE}`, '+norec', '+noall', '+authority', '+additional');
    const own = await Promise.all(
      [FIRST, SECOND].map((server) => dig(`@${server}`, ZONE, 'NS', '+norec', '+noall', '+answer', '+additional')),
    );
    const wanted = [
      ...SERVERS.map((name) => `${ZONE}. NS ${name}`),
      `${SERVERS[0]} A ${FIRST}`,
      `${SERVERS[1]} A ${SECOND}`,
    ].sort();
    for (const lines of [referral, ...own]) {
      const records = lines
        .map((line) => line.split(/\s+/))
        .map(([name, , , type, ...data]) => [name, type, ...data].join(' '));
      assert.deepEqual(records.sort(), wanted);
    }
    for (const server of [FIRST, SECOND]) {
      assert.deepEqual(await ask(server, SERVERS[0] as string), [FIRST]);
      assert.deepEqual(await ask(server, SERVERS[1] as string), [SECOND]);
      assert.equal((await ask(server, ZONE, 'SOA')).length, 1);
    }
  });

  test('the resolver has what the README says', async () => {
    const questions = QUESTIONS.trim().split('\n');
    assert.equal(questions.length, 2);
    for (const line of questions) {
      const [command = '', wanted] = line.split('#').map((part) => part.trim());
      await resolves(command.split(' ').slice(1), [wanted ?? '']);
    }
    await becomes(RESOLVER, `myserviceb.${ZONE}`, ['192.0.2.240']);
    const denial = await eventually(
      () => network.run(['dig', `@${RESOLVER}`, `none.${ZONE}`], folder),
      (output) => /status: NXDOMAIN/.test(output),
      `none.${ZONE} is denied`,
    );
    assert.match(denial, new RegExp(`^${ZONE}\\.\\s+\\d+\\s+IN\\s+SOA\\s+exdns-[12]-k8s-gateway`, 'm'));
  });

  /** A resolver that has no opinion of either server yet, and one name from them. */
  const freshResolver = async () => {
    await stop('unbound');
    start('unbound');
    await becomes(RESOLVER, `test.shop.${ZONE}`, ['192.0.2.241']);
  };

  for (const [down, name, up] of [
    ['ns1', 'first', SECOND],
    ['ns2', 'second', FIRST],
  ] as const) {
    test(`the ${name} one is down: new names are found, by a resolver from before and by one that starts now`, async () => {
      await freshResolver();
      await stop(down);
      const host = await newHost([up]);
      try {
        await becomes(RESOLVER, host.name, [host.address]);
        await freshResolver();
        await becomes(RESOLVER, host.name, [host.address]);
      } finally {
        start(down);
      }
      // Back again, it has what it missed.
      await becomes(up === FIRST ? SECOND : FIRST, host.name, [host.address]);
    });
  }

  test('one that says nothing any more does no more harm than one that is gone', async () => {
    await freshResolver();
    running.get('ns1')?.signal('SIGSTOP');
    const { name, address } = await newHost([SECOND]);
    await becomes(RESOLVER, name, [address]);
    running.get('ns1')?.signal('SIGCONT');
    await becomes(FIRST, name, [address]);
  });
});
