/** The commands in docs/retention.md and docs/plan.md are executed, one after another; `…` in what they print stands for anything. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { EAST, namespace, planApplied, service, stanza, synced, zoneDefinition } from '../kit/cluster-events.ts';
import { runAt } from '../kit/command-run.ts';
import { START } from '../kit/given.ts';
import { recordTo } from '../kit/recorded.ts';
import { temporaryFolder } from '../kit/temporary.ts';

const DOCS = path.join(import.meta.dirname, '..', '..', 'docs');
const HOUR = 3_600_000;

interface Example {
  readonly command: string;
  readonly output: string;
}

function examplesOf(text: string): Example[] {
  return [...text.matchAll(/^```console\n(.*?)^```$/gms)].flatMap(([, block = '']) =>
    [...block.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)].map(([, command = '', output = '']) => ({ command, output })),
  );
}

for (const [document, least] of [
  ['retention.md', 7],
  ['plan.md', 1],
] as const) {
  test(`the commands in docs/${document} print what it says`, (t) =>
    execute(t, readFileSync(path.join(DOCS, document), 'utf8'), least));
}

async function execute(t: TestContext, text: string, least: number): Promise<void> {
  const folder = temporaryFolder(t);
  const recording = recordTo(path.join(folder.path, 'zonelog.db'));
  recording.record([planApplied(zoneDefinition('cluster.local.', [stanza(EAST)]))], START);
  recording.record([namespace(EAST, 'apps'), ...synced(EAST)], START + HOUR);
  for (let i = 1; i <= 3; i++) recording.record([service(EAST, 'apps/web', [`10.0.0.${i}`])], START + (i + 1) * HOUR);
  recording.database.close();
  const before = process.cwd();
  process.chdir(folder.path);
  try {
    const examples = examplesOf(text);
    assert.ok(examples.length >= least);
    mkdirSync('manifests');
    for (const [i, [, manifests = '']] of [...text.matchAll(/^```manifest\n(.*?)^```$/gms)].entries())
      writeFileSync(`manifests/${i}.yaml`, manifests);
    for (const { command, output } of examples) {
      const [, words = '', file] = /^zonelog ([^>]*?)(?: > (\S+))?$/.exec(command) ?? [];
      assert.notEqual(words, '', command);
      const { out, err } = await runAt(START + 10 * HOUR, words.split(' '));
      if (file === undefined) assert.match(out + err, patternOf(output), command);
      else writeFileSync(file, out);
    }
  } finally {
    process.chdir(before);
  }
}

function patternOf(output: string): RegExp {
  return new RegExp(`^${output.split('…').map(escapePattern).join('[^]*')}$`);
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
