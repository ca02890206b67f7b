import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../src/corefile/config.ts';
import { Rcode } from '../../src/dns/rrset.ts';
import { typeText } from '../../src/dns/type-text.ts';
import { parseZoneText } from '../../src/dns/zonefile.ts';
import { emptyReply } from '../../src/serve/chain.ts';
import { type AsofSettings, createAsof, type PastQuestion, type PastReply } from '../../src/serve/plugins/asof.ts';
import { AROUND } from '../kit/corefile.ts';
import { askHandler, nextWith, requestOf } from '../kit/handlers.ts';
import { nameOf } from '../kit/serving.ts';

const ZONES = ['cluster.local.', 'east.cluster.local.', '10.in-addr.arpa.'].map((id) => ({ id, apex: nameOf(id) }));
const NETWORK = { text: '192.0.2.0', bytes: [192, 0, 2, 0], prefix: 24 };

function reply(text: string): PastReply {
  const { answer, authority, additional, rcode } = emptyReply(Rcode.NOERROR);
  return { rcode, isAuthoritative: true, answer: parseZoneText(text) ?? answer, authority, additional };
}

function handlerWith(settings: Partial<AsofSettings> = {}) {
  const asked: PastQuestion[] = [];
  const handler = createAsof({
    networks: [NETWORK],
    zones: () => ZONES,
    ask: async (question) => {
      asked.push(question);
      return reply('');
    },
    ...settings,
  });
  return { handler, asked };
}

test('asof: what is asked of which zone, and of when', async () => {
  const { handler, asked } = handlerWith();
  const askedFor = async (name: string, type = 'A') => {
    asked.length = 0;
    const { next, asked: passed } = nextWith('');
    await askHandler(handler, requestOf(name, type), next);
    const [question] = asked;
    if (question === undefined) return passed.length === 1 ? 'next' : 'nothing';
    const about = question.kind === 'why' ? ` ${typeText(question.type)}` : '';
    return `${question.kind}${about} ${question.name} ${question.zone} ${question.at ?? 'now'}`;
  };
  const web = 'web.apps.svc.cluster.local.';
  assert.equal(
    await askedFor('WEB.apps.svc.at-20261121T024500Z.cluster.local'),
    `answer ${web} cluster.local. 20261121t024500z`,
  );
  assert.equal(await askedFor('web.apps.svc.at-15m.cluster.local'), `answer ${web} cluster.local. -15m`);
  assert.equal(await askedFor('web.apps.svc.at-1h30m.cluster.local'), `answer ${web} cluster.local. -1h30m`);
  assert.equal(await askedFor('web.apps.svc.at-1795219203.cluster.local'), `answer ${web} cluster.local. 1795219203`);
  assert.equal(await askedFor('at-7.cluster.local', 'NS'), 'answer cluster.local. cluster.local. 7');
  assert.equal(
    await askedFor('a.b.svc.at-7.east.cluster.local'),
    'answer a.b.svc.east.cluster.local. east.cluster.local. 7',
  );
  assert.equal(await askedFor('3.2.1.at-7.10.in-addr.arpa', 'PTR'), 'answer 3.2.1.10.in-addr.arpa. 10.in-addr.arpa. 7');
  assert.equal(await askedFor(`why.${web}`, 'TXT'), `why A ${web} cluster.local. now`);
  assert.equal(await askedFor('why.web.apps.svc.at-7.cluster.local', 'TXT'), `why A ${web} cluster.local. 7`);
  assert.equal(
    await askedFor('why.3.2.1.10.in-addr.arpa', 'TXT'),
    'why PTR 3.2.1.10.in-addr.arpa. 10.in-addr.arpa. now',
  );
  assert.equal(await askedFor(`WHY-AAAA.${web}`, 'TXT'), `why AAAA ${web} cluster.local. now`);
  assert.equal(await askedFor('why-srv.web.apps.svc.at-7.cluster.local', 'TXT'), `why SRV ${web} cluster.local. 7`);
  assert.equal(await askedFor('why-soa.cluster.local', 'TXT'), 'why SOA cluster.local. cluster.local. now');
  assert.equal(await askedFor(`why-type65.${web}`, 'TXT'), `why HTTPS ${web} cluster.local. now`);
  for (const name of [
    web,
    `why.${web}`,
    `why-aaaa.${web}`,
    'web.at-7.apps.svc.cluster.local',
    'web.apps.svc.at-then.cluster.local',
    'web.apps.svc.at-.cluster.local',
    'web.apps.svc.at-20261121.9.cluster.local',
    'web.at-7.example.org',
    'bat-7.cluster.local',
  ]) {
    assert.equal(await askedFor(name), 'next', name);
  }
});

test('asof: names of the zone lead on into the same moment', async () => {
  const then = [
    'db.apps.svc.cluster.local. 5 IN CNAME web.apps.svc.cluster.local.',
    'web.apps.svc.cluster.local. 5 IN SRV 0 100 80 a.web.apps.svc.cluster.local.',
    'web.apps.svc.cluster.local. 5 IN CNAME elsewhere.example.',
  ].join('\n');
  const { handler } = handlerWith({ ask: async () => reply(then) });
  assert.deepEqual((await askHandler(handler, requestOf('db.apps.svc.at-7.cluster.local', 'A'))).answer, [
    'db.apps.svc.at-7.cluster.local. 5 IN CNAME web.apps.svc.at-7.cluster.local.',
    'web.apps.svc.at-7.cluster.local. 5 IN SRV 0 100 80 a.web.apps.svc.at-7.cluster.local.',
    'web.apps.svc.at-7.cluster.local. 5 IN CNAME elsewhere.example.',
  ]);
});

test('asof: a cause stands under the name that was asked for', async () => {
  const { handler } = handlerWith({ ask: async () => reply('web.apps.svc.cluster.local. 0 IN TXT "since"') });
  assert.deepEqual((await askHandler(handler, requestOf('why.web.apps.svc.cluster.local', 'TXT'))).answer, [
    'why.web.apps.svc.cluster.local. 0 IN TXT "since"',
  ]);
  assert.deepEqual((await askHandler(handler, requestOf('why-aaaa.web.apps.svc.cluster.local', 'TXT'))).answer, [
    'why-aaaa.web.apps.svc.cluster.local. 0 IN TXT "since"',
  ]);
});

test('asof: for others the names are like any, and what they get is not kept', async () => {
  const { handler, asked } = handlerWith();
  const remote = { address: '198.51.100.1', port: 4000 };
  const source = { zone: 'cluster.local.', names: [] };
  const outcome = await handler.handle(requestOf('web.apps.svc.at-7.cluster.local', 'A', { remote }), () => ({
    ...emptyReply(Rcode.NXDOMAIN),
    source,
  }));
  assert.deepEqual(outcome, emptyReply(Rcode.NXDOMAIN));
  assert.equal(asked.length, 0);
});

test('asof: so many questions wait at one time, and one that is not answered is a SERVFAIL', async () => {
  const answers: ((reply: PastReply | undefined) => void)[] = [];
  const { handler } = handlerWith({ ask: () => new Promise((resolve) => answers.push(resolve)) });
  const ask = () => handler.handle(requestOf('web.apps.svc.at-7.cluster.local', 'A'), () => ({ kind: 'none' }));
  const waiting = Array.from({ length: 32 }, ask);
  const tooMany = await ask();
  assert.ok(tooMany.kind === 'reply' && tooMany.rcode === Rcode.SERVFAIL);
  for (const answer of answers) answer(undefined);
  for (const outcome of await Promise.all(waiting)) assert.ok(outcome.kind === 'reply' && outcome.rcode === 2);
  assert.equal(answers.length, 32);
  void ask();
  assert.equal(answers.length, 33, 'there is room again');
});

test('asof in a Corefile', () => {
  const read = (text: string) => loadConfig(text, AROUND);
  const config = read('. {\nasof 10.0.0.0/8 ::1\nasof 192.0.2.1\n}');
  assert.ok(config.ok);
  assert.deepEqual(
    config.value.serverBlocks[0]?.options.asof?.networks.map(({ prefix }) => prefix),
    [8, 128, 32],
  );
  for (const text of ['asof', 'asof nowhere', 'asof 10.0.0.0/8 {\nx\n}']) assert.ok(!read(`. {\n${text}\n}`).ok, text);
});
