import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Handler } from '../../src/serve/chain.ts';
import { openAuto } from '../../src/serve/plugins/auto.ts';
import { optionsOf } from '../kit/corefile.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { askHandler, blockOf, nextWith, requestOf, toolsOf } from '../kit/handlers.ts';
import { type Folder, temporaryFolder } from '../kit/temporary.ts';
import { eventually } from '../kit/wait.ts';

const zone = (address: string, serial = 1) => `@ 60 SOA ns admin ${serial} 1 1 1 1\n@ NS ns\nwww A ${address}\n`;

function autoOf(t: TestContext, fill: (folder: Folder) => void, options = '', extra = '', behind = 'whoami') {
  const folder = temporaryFolder(t);
  fill(folder);
  const { tools, lines } = toolsOf();
  const clock = new FakeClock();
  const block = blockOf(
    optionsOf(`auto org {\ndirectory ${folder.path} ${extra}\nreload 10s\n${options}\n}\n${behind}`),
  );
  const handler = openAuto(block, tools, clock.timer);
  t.after(() => handler.close?.());
  return { folder, handler, clock, lines };
}

/** The addresses, `next` when the question was handed on. */
async function ask(handler: Handler, name: string): Promise<readonly string[]> {
  const { next } = nextWith('next. 1 IN A 127.0.0.9');
  const { rcode, answer } = await askHandler(handler, requestOf(name, 'A'), next);
  return rcode === 'NOERROR' ? answer.map((line) => line.split(' ').at(-1) as string) : [rcode];
}

test('auto: each file whose name fits is a zone', async (t) => {
  const { handler } = autoOf(t, (folder) => {
    folder.write('db.example.org', zone('192.0.2.1'));
    folder.write('db.elsewhere.net', zone('192.0.2.2'));
    folder.write('README', 'no zone');
    mkdirSync(path.join(folder.path, 'more'));
    folder.write('more/db.sub.example.org', zone('192.0.2.3'));
    mkdirSync(path.join(folder.path, '..data'));
    folder.write('..data/db.example.org', zone('192.0.2.4'));
  });
  assert.deepEqual(await ask(handler, 'www.example.org'), ['192.0.2.1']);
  assert.deepEqual(await ask(handler, 'www.sub.example.org'), ['192.0.2.3']);
  assert.deepEqual(await ask(handler, 'none.example.org'), ['NXDOMAIN']);
  assert.deepEqual(await ask(handler, 'www.elsewhere.net'), ['127.0.0.9']);
  assert.deepEqual(await ask(handler, 'www.unknown.org'), ['127.0.0.9']);
});

test('auto: where nobody comes after it a name of no zone is refused, as an authoritative server does', async (t) => {
  const { handler } = autoOf(t, (folder) => folder.write('db.example.org', zone('192.0.2.1')), '', '', 'errors');
  assert.deepEqual(await ask(handler, 'www.unknown.org'), ['REFUSED']);
  assert.deepEqual(await ask(handler, 'www.elsewhere.net'), ['127.0.0.9'], 'not one that it is for');
});

test('auto: the origin is made of the groups of the pattern', async (t) => {
  const { handler } = autoOf(
    t,
    (folder) => folder.write('org-example.zone', zone('192.0.2.1')),
    '',
    '(.*)-(.*)[.]zone {2}.{1}',
  );
  assert.deepEqual(await ask(handler, 'www.example.org'), ['192.0.2.1']);
});

test('auto: zones come, change and go with their files', async (t) => {
  const { folder, handler, clock, lines } = autoOf(t, (first) => first.write('db.a.org', zone('192.0.2.1')));
  const becomes = (name: string, expected: string) =>
    eventually(
      () => {
        clock.advance(10_000);
        return ask(handler, name);
      },
      (answer) => answer[0] === expected,
      `${name} ${expected}`,
    );
  folder.write('db.b.org', zone('192.0.2.2'));
  await becomes('www.b.org', '192.0.2.2');
  folder.write('db.b.org', zone('192.0.2.3', 2));
  await becomes('www.b.org', '192.0.2.3');
  folder.remove('db.b.org');
  await becomes('www.b.org', '127.0.0.9');
  assert.deepEqual(await ask(handler, 'www.a.org'), ['192.0.2.1']);
  assert.match(lines.join(''), /Inserting zone `b\.org\.'.*Deleting zone `b\.org\.'/s);
});

test('auto: a file that is wrong is said to be, the others are served', async (t) => {
  const { handler, lines } = autoOf(t, (folder) => {
    folder.write('db.a.org', zone('192.0.2.1'));
    folder.write('db.b.org', 'nonsense');
  });
  assert.deepEqual(await ask(handler, 'www.a.org'), ['192.0.2.1']);
  assert.deepEqual(await ask(handler, 'www.b.org'), ['127.0.0.9']);
  assert.match(lines.join(''), /\[WARNING\].*b\.org\./);
});
