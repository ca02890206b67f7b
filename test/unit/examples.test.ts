import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { loadConfig } from '../../src/corefile/config.ts';
import { parseManifests } from '../../src/demo/manifests.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const EXAMPLES = path.join(ROOT, 'examples');

/** Reads a Corefile as the server would; the warnings count as faults here. */
function faultsOf(text: string, file: string): string[] {
  const faults: string[] = [];
  const config = loadConfig(text, {
    file,
    env: () => undefined,
    readFile: (name) => (name === '/etc/resolv.conf' ? 'nameserver 192.0.2.9\n' : readFileSync(name, 'utf8')),
    listDir: (name) => readdirSync(name),
    warn: (warning) => {
      // k3s imports what operators may put there.
      if (!/has no effect|Using defaults|No files matching import glob/.test(warning)) faults.push(warning);
    },
  });
  if (!config.ok) faults.push(config.error.message);
  return faults;
}

describe('examples', () => {
  const files = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('Corefile'),
  );

  it('has Corefiles', () => assert.ok(files.length >= 4));

  for (const file of files) {
    it(`${file} is a Corefile without faults`, () => {
      assert.deepEqual(faultsOf(readFileSync(path.join(EXAMPLES, file), 'utf8'), file), []);
    });
  }

  it('the manifest in deploy/ has a Corefile without faults', () => {
    const { objects } = parseManifests(readFileSync(path.join(ROOT, 'deploy', 'kubernetes', 'zonelog.yaml'), 'utf8'));
    const config = objects.find(({ kind }) => kind === 'ConfigMap');
    assert.ok(config);
    const { Corefile } = config.data as { Corefile: string };
    assert.deepEqual(faultsOf(Corefile, 'Corefile'), []);
  });

  it('README.md shows a Corefile without faults', () => {
    const blocks = readFileSync(path.join(ROOT, 'README.md'), 'utf8').matchAll(/^```corefile\n(.*?)^```$/gms);
    const texts = [...blocks].map((match) => match[1] ?? '');
    assert.ok(texts.length > 0);
    for (const text of texts) assert.deepEqual(faultsOf(text, 'README.md'), []);
  });
});
