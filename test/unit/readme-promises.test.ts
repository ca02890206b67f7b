/** docs/readme-promises.md names tests: each of them is there, under that name, and each link leads somewhere. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const DOCS = path.join(import.meta.dirname, '..', '..', 'docs');
const rows = readFileSync(path.join(DOCS, 'readme-promises.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| the README |'));

test('every promise is shown by a test that exists', () => {
  assert.ok(rows.length > 25, `${rows.length} rows`);
  for (const row of rows) {
    const [promise = '', , shown = ''] = row.split(' | ');
    if (promise.includes('License')) continue;
    let file = '';
    let titles = 0;
    for (const [, link, title = ''] of shown.matchAll(/\]\(([^)]+)\)|"([^"]+)"/g)) {
      if (link !== undefined) {
        file = readFileSync(path.join(DOCS, link), 'utf8');
        continue;
      }
      titles += 1;
      assert.ok(file.includes(`'${title}'`), `${promise}: no test "${title}"`);
    }
    assert.ok(titles > 0, promise);
  }
});

test('every link leads somewhere', () => {
  for (const [, link = ''] of rows.join('\n').matchAll(/\]\(([^)]+)\)/g)) {
    assert.ok(existsSync(path.join(DOCS, link)), link);
  }
});
