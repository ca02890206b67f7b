/**
 * The Corefiles in the documentation are executed: each is read without a warning and its plugins are made; where a list of
 * answers follows, the questions in it are asked.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { loadConfig } from '../../src/corefile/config.ts';
import type { DomainName } from '../../src/dns/name.ts';
import { buildBlock, type HandlerFactory, servingBlock } from '../../src/serve/blocks.ts';
import type { Handler, Outcome, Request } from '../../src/serve/chain.ts';
import type { RunningBlock } from '../../src/serve/entry.ts';
import { PLUGINS } from '../../src/serve/plugins.ts';
import { createRouter, type Route } from '../../src/serve/router.ts';
import { requestOf, textOf, toolsOf } from '../kit/handlers.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const DOCS = path.join(ROOT, 'docs', 'plugins');

interface Example {
  readonly corefile: string;
  /** `NAME TYPE -> RECORD; RECORD`, or the rcode where there is none. */
  readonly answers: readonly string[];
}

function examplesOf(file: string): Example[] {
  const text = readFileSync(file, 'utf8');
  const blocks = text.matchAll(/^```corefile\n(.*?)^```$(?:\n+^```answers\n(.*?)^```$)?/gms);
  return [...blocks].map(([, corefile = '', answers = '']) => ({
    corefile,
    answers: answers.split('\n').filter((line) => line !== ''),
  }));
}

function configOf(corefile: string) {
  const warnings: string[] = [];
  const config = loadConfig(corefile, {
    file: 'Corefile',
    env: () => undefined,
    readFile: (name) => (name === '/etc/resolv.conf' ? 'nameserver 192.0.2.9\n' : ''),
    listDir: () => [],
    warn: (warning) => warnings.push(warning),
  });
  assert.ok(config.ok, config.ok ? '' : config.error.message);
  assert.deepEqual(warnings, []);
  return config.value;
}

/** Plugins that need clusters or files of the operator only pass questions on here. */
const passing =
  (name: string): HandlerFactory =>
  () => ({ name, handle: (request, next) => next(request) });
const ELSEWHERE = [
  'kubernetes',
  'kubernetai',
  'multicluster',
  'k8s_external',
  'transfer',
  'tsig',
  'cookie',
  'forward',
  'loop',
];
const FACTORIES = new Map([...PLUGINS, ...ELSEWHERE.map((name) => [name, passing(name)] as const)]);

/** The blocks at work, without a socket. */
function serve(t: TestContext, corefile: string): (request: Request) => Promise<Outcome> {
  const { serverBlocks } = configOf(corefile);
  const routes: Route<RunningBlock>[] = [];
  const ask = async (request: Request): Promise<Outcome> => {
    const { name, type } = request.question;
    const route = createRouter(routes)(name, type, (block) => block.isChosen?.(request) ?? true);
    assert.ok(route?.block.run, `${name} is served`);
    return route.block.run(request);
  };
  const { tools } = toolsOf({ askServer: ask });
  const handlers: Handler[] = [];
  t.after(() => {
    for (const handler of handlers) handler.close?.();
  });
  for (const config of serverBlocks) {
    const built = buildBlock(servingBlock(config, 53, []), FACTORIES, tools, tools.logger);
    assert.ok(built.ok, built.ok ? '' : built.error);
    handlers.push(...built.value.handlers);
    for (const zone of config.zones) routes.push({ zone: zone as DomainName, block: built.value.running });
  }
  return ask;
}

const files = [...readdirSync(DOCS).map((name) => path.join('docs', 'plugins', name)), 'README.md'];

for (const file of files.filter((name) => name.endsWith('.md'))) {
  describe(file, () => {
    const examples = examplesOf(path.join(ROOT, file));

    it('has an example', () => assert.ok(examples.length > 0));

    for (const [i, { corefile, answers }] of examples.entries()) {
      it(`example ${i + 1} starts${answers.length > 0 ? ', and answers as written' : ''}`, async (t) => {
        const ask = serve(t, corefile);
        for (const line of answers) {
          const [question = '', expected = ''] = line.split(' -> ');
          const [name = '', type = ''] = question.split(' ');
          const { rcode, answer } = textOf(await ask(requestOf(name, type)));
          assert.equal(answer.length > 0 ? answer.join('; ') : rcode, expected, question);
        }
      });
    }
  });
}

describe('docs/plugins', () => {
  it('has a page for each plugin that is made from its options', () => {
    const pages = new Set(readdirSync(DOCS).map((name) => name.replace(/\.md$/, '')));
    const written = [
      'acl',
      'auto',
      'autopath',
      'dns64',
      'erratic',
      'file',
      'header',
      'hosts',
      'k8s_external',
      'kubernetai',
    ];
    for (const name of [...written, 'kubernetes', 'local', 'metadata', 'rewrite', 'template', 'view']) {
      assert.ok(pages.has(name), name);
    }
  });

  it('names every option of kubernetes, and none that there is not', () => {
    const page = readFileSync(path.join(DOCS, 'kubernetes.md'), 'utf8');
    const synopsis = /\n {4}kubernetes \[ZONES…\] \{\n(.*?)\n {4}\}/s.exec(page)?.[1] ?? '';
    const options = [...synopsis.matchAll(/^ {8}(\w+)/gm)].map((match) => match[1] as string);
    for (const option of options) {
      assert.match(page.slice(page.indexOf('| option |')), new RegExp(`\`${option}[ \`]`), `${option} is explained`);
      const config = loadConfig(`. {\nkubernetes cluster.local {\n${option}\n}\n}\n`, {
        file: 'Corefile',
        env: () => undefined,
        readFile: () => '',
        listDir: () => [],
        warn: () => {},
      });
      assert.ok(config.ok || !config.error.message.includes('unknown property'), option);
    }
    const reader = readFileSync(path.join(ROOT, 'src', 'corefile', 'options', 'kubernetes.ts'), 'utf8');
    const known = [...reader.matchAll(/^ {2}(\w+)\(c, o/gm)].map((match) => match[1]);
    assert.deepEqual(options.toSorted(), known.toSorted());
  });

  it("has kubernetai's three examples as they have always been", () => {
    const examples = examplesOf(path.join(DOCS, 'kubernetai.md'));
    const stanzas = examples.map(({ corefile }) =>
      configOf(corefile).serverBlocks.flatMap((block) =>
        (block.options.kubernetai ?? []).map((stanza) => [
          stanza.zones.join(),
          stanza.endpoint,
          stanza.ignoreEmptyService,
          [...stanza.namespaces].join(),
          stanza.fallthrough !== undefined,
        ]),
      ),
    );
    assert.deepEqual(stanzas, [
      [
        ['cluster.local.', 'http://192.168.99.100', false, '', false],
        ['assemblage.local.', 'http://192.168.99.101', false, '', false],
        ['conglomeration.local.', 'http://192.168.99.102', false, '', false],
      ],
      [
        ['cluster.local.', undefined, true, '', true],
        ['cluster.local.', 'https://remote-k8s-cluster', false, '', false],
      ],
      [
        ['cluster.local.', 'http://192.168.99.100:8080', false, 'default', true],
        ['cluster.local.', 'http://192.168.99.100:8080', false, '', false],
      ],
    ]);
  });
});
