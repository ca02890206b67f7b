/** Each requirement in docs/rfc-compliance.md names a test, and there is such a test. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const ROOT = path.join(import.meta.dirname, '..', '..');
const ROW = /^\| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$/;

const rows = readFileSync(path.join(ROOT, 'docs', 'rfc-compliance.md'), 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, section = '', requirement = '', state = '', proof = ''] = ROW.exec(line) ?? [];
    return section === '' || section === '§' ? [] : [{ requirement, state, proof }];
  });

test('the lists have requirements', () => assert.ok(rows.length > 50, `${rows.length}`));

for (const { requirement, state, proof } of rows) {
  test(`${requirement} (${state})`, () => {
    assert.match(state, /^(done|partly: .+|refused: .+|done: .+)$/);
    const [, name = '', title = ''] = /^`(.+?)`: (.+)$/.exec(proof) ?? [];
    const file = path.join(ROOT, 'test', `${name}.test.ts`);
    assert.ok(existsSync(file), `no such file: ${file}`);
    // Titles may be made of parts, and quotation marks in them are escaped.
    assert.ok(readFileSync(file, 'utf8').replaceAll('\\', '').includes(title), `${name} has no test "${title}"`);
  });
}
