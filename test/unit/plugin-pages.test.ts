/** Every directive that does something has a page, and every option of its parser stands on it. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { DIRECTIVES, isIgnoredDirective, isSupportedDirective } from '../../src/corefile/config.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const PAGES = path.join(ROOT, 'docs', 'plugins');
const PARSERS = path.join(ROOT, 'src', 'corefile', 'options');
/** Taken for the sake of old Corefiles, without effect. */
const SILENT: ReadonlySet<string> = new Set(['upstream']);

const pageOf = (name: string) => readFileSync(path.join(PAGES, `${name}.md`), 'utf8');
const index = readFileSync(path.join(ROOT, 'docs', 'directives.md'), 'utf8');

describe('pages of directives', () => {
  for (const name of DIRECTIVES) {
    test(`${name} ${isSupportedDirective(name) ? 'is documented' : 'is among those that are not supported'}`, () => {
      const [supported = '', refused = ''] = index.split('## Not supported');
      if (isIgnoredDirective(name)) assert.ok(supported.includes(`| \`${name}\` |`));
      else if (isSupportedDirective(name)) assert.ok(existsSync(path.join(PAGES, `${name}.md`)));
      else {
        assert.ok(refused.includes(`| \`${name}\` |`));
        assert.ok(!existsSync(path.join(PAGES, `${name}.md`)));
      }
    });
  }

  for (const file of readdirSync(PARSERS)) {
    const source = readFileSync(path.join(PARSERS, file), 'utf8');
    const directives = [...source.matchAll(/(?:new Controller|parseBare)\('(\w+)'/g)].map((match) => match[1] ?? '');
    if (directives.length === 0) continue;
    test(`the options of options/${file} stand on the pages of ${directives.join(', ')}`, () => {
      const options = [...source.matchAll(/case '([a-z][\w-]*)':|c\.value [!=]== '([a-z][\w-]*)'/g)].map(
        ([, ofCase, compared]) => ofCase ?? compared ?? '',
      );
      const text = directives.map(pageOf).join('\n');
      const missing = [...new Set(options)].filter(
        (option) => !SILENT.has(option) && !new RegExp(`(?<![\\w-])${option}(?![\\w-])`).test(text),
      );
      assert.deepEqual(missing, []);
    });
  }
});
