/**
 * The Corefiles in the documentation are executed: each is read without a warning and its plugins are made; where a list of
 * answers follows, the questions in it are asked. Manifests in between are the objects of the clusters: of all, or of those
 * whose kubeconfig context follows the word `objects`.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { loadConfig } from '../../src/corefile/config.ts';
import { parseManifests } from '../../src/demo/manifests.ts';
import type { HandlerFactory } from '../../src/serve/blocks.ts';
import { AROUND } from '../kit/corefile.ts';
import { type ClusterObjects, runBlocks } from '../kit/corefile-blocks.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const DOCS = path.join(ROOT, 'docs', 'plugins');

interface Example {
  readonly corefile: string;
  readonly clusters: readonly ClusterObjects[];
  /** Zones that primaries have. */
  readonly transferred: readonly string[];
  /** `NAME TYPE -> RECORD; RECORD`, or the rcode where there is none. */
  readonly answers: readonly string[];
}

function examplesOf(file: string): Example[] {
  const text = readFileSync(file, 'utf8');
  const blocks = text.matchAll(
    /^```corefile\n(.*?)^```$((?:\n+^```(?:objects|zone)[^\n]*\n.*?^```$)*)(?:\n+^```answers\n(.*?)^```$)?/gms,
  );
  return [...blocks].map(([, corefile = '', objects = '', answers = '']) => ({
    corefile,
    clusters: [...objects.matchAll(/^```objects ?([^\n]*)\n(.*?)^```$/gms)].map(([, context, manifests = '']) => ({
      objects: parseManifests(manifests).objects,
      ...(context && { isOf: (id: string) => id.endsWith(`#${context}`) }),
    })),
    transferred: [...objects.matchAll(/^```zone\n(.*?)^```$/gms)].map(([, text = '']) => text),
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
const factoriesOf = (names: readonly string[]) => new Map(names.map((name) => [name, passing(name)]));
const ELSEWHERE = ['transfer', 'tsig', 'cookie', 'asof', 'forward', 'loop'];
const WITH_CLUSTERS = ['kubernetes', 'kubernetai', 'multicluster', 'k8s_external', 'k8s_gateway'];

const files = [...readdirSync(DOCS).map((name) => path.join('docs', 'plugins', name)), 'README.md'];

for (const file of files.filter((name) => name.endsWith('.md'))) {
  describe(file, () => {
    const examples = examplesOf(path.join(ROOT, file));

    it('has an example', () => assert.ok(examples.length > 0));

    for (const [i, { corefile, clusters, transferred, answers }] of examples.entries()) {
      it(`example ${i + 1} starts${answers.length > 0 ? ', and answers as written' : ''}`, async (t) => {
        const passed = clusters.length > 0 ? ELSEWHERE : [...ELSEWHERE, ...WITH_CLUSTERS];
        const blocks = runBlocks(configOf(corefile), clusters, factoriesOf(passed), transferred);
        t.after(() => blocks.close());
        for (const line of answers) {
          const [question = '', expected = ''] = line.split(' -> ');
          const [name = '', type = ''] = question.split(' ');
          const { rcode, answer } = await blocks.ask(name, type);
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
    for (const name of [
      ...written,
      'kubernetes',
      'local',
      'metadata',
      'multicluster',
      'rewrite',
      'secondary',
      'template',
      'view',
    ]) {
      assert.ok(pages.has(name), name);
    }
  });

  it('names every option of kubernetes, and none that there is not', () => {
    const page = readFileSync(path.join(DOCS, 'kubernetes.md'), 'utf8');
    const synopsis = /\n {4}kubernetes \[ZONES…\] \{\n(.*?)\n {4}\}/s.exec(page)?.[1] ?? '';
    const options = [...synopsis.matchAll(/^ {8}(\w+)/gm)].map((match) => match[1] as string);
    for (const option of options) {
      assert.match(page.slice(page.indexOf('| option |')), new RegExp(`\`${option}[ \`]`), `${option} is explained`);
      const config = loadConfig(`. {\nkubernetes cluster.local {\n${option}\n}\n}\n`, AROUND);
      assert.ok(config.ok || !config.error.message.includes('unknown property'), option);
    }
    const reader = readFileSync(path.join(ROOT, 'src', 'corefile', 'options', 'kubernetes.ts'), 'utf8');
    const known = [...reader.matchAll(/^ {2}(\w+)\(c, o/gm)].map((match) => match[1]);
    assert.deepEqual(options.toSorted(), known.toSorted());
  });

  it('names every option of multicluster, and none that there is not', () => {
    const page = readFileSync(path.join(DOCS, 'multicluster.md'), 'utf8');
    const synopsis = /\n {4}multicluster \[ZONES…\] \{\n(.*?)\n {4}\}/s.exec(page)?.[1] ?? '';
    const options = [...synopsis.matchAll(/^ {8}(\w+)/gm)].map((match) => match[1] as string);
    for (const option of options)
      assert.match(page, new RegExp(`^\\| \`${option}\` \\|`, 'm'), `${option} is explained`);
    const reader = readFileSync(path.join(ROOT, 'src', 'corefile', 'options', 'multicluster.ts'), 'utf8');
    const known = [...reader.matchAll(/case '(\w+)':/g)].map((match) => match[1]);
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
