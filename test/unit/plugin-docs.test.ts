import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../src/corefile/config.ts';
import { AROUND } from '../kit/corefile.ts';

const DOCS = path.join(import.meta.dirname, '..', '..', 'docs', 'plugins');

for (const file of readdirSync(DOCS).filter((name) => name.endsWith('.md'))) {
  test(`the Corefiles in docs/plugins/${file} are understood without a warning`, () => {
    const blocks = readFileSync(path.join(DOCS, file), 'utf8').matchAll(/^```corefile\n(.*?)^```$/gms);
    for (const [, text = ''] of blocks) {
      const warnings: string[] = [];
      const config = loadConfig(text, { ...AROUND, file, warn: (warning) => warnings.push(warning) });
      assert.ok(config.ok, config.ok ? '' : config.error.message);
      assert.deepEqual(warnings, []);
    }
  });
}
