/** The commands in docs/history.md are run on the log of test/kit/shop.ts, and print what is written there. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Readable, Writable } from 'node:stream';
import { test } from 'node:test';
import { COMMANDS } from '../../src/cli/names.ts';
import { runCommand } from '../../src/cli.ts';
import { recordShop, SHOP_NOW } from '../kit/shop.ts';
import { temporaryFolder } from '../kit/temporary.ts';

const PAGE = readFileSync(path.join(import.meta.dirname, '..', '..', 'docs', 'history.md'), 'utf8');

/** `$ zonelog …`, then what is printed; `exit N` as the last line where the exit code is another than 0. */
const EXAMPLES = [...PAGE.matchAll(/^```console\n(.*?)^```$/gms)].flatMap(([, text = '']) =>
  text
    .split(/^\$ /m)
    .slice(1)
    .map((one) => {
      const [line = '', ...printed] = one.trimEnd().split('\n');
      return { line, printed: printed.join('\n') };
    }),
);

/** The commands that put questions to a log. */
const QUESTIONS = ['history', 'why', 'zone', 'diff', 'who', 'tail', 'events'];

async function run(words: readonly string[]): Promise<string> {
  let out = '';
  const into = new Writable({
    write(chunk, _encoding, done) {
      out += String(chunk);
      done();
    },
  });
  const surroundings = {
    env: {},
    stdin: () => Readable.from([]),
    stdout: into,
    stderr: into,
    now: () => SHOP_NOW,
    interrupted: async () => {},
  };
  let code: number;
  try {
    code = await runCommand(words, surroundings);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    out += `${error.message}\n`;
    code = 1;
  }
  return out + (code === 0 ? '' : `exit ${code}\n`);
}

function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

test('docs/history.md: every command prints what is written', async (t) => {
  const folder = temporaryFolder(t).path;
  mkdirSync(folder, { recursive: true });
  const db = path.join(folder, 'zonelog.db');
  const shop = recordShop(db);
  t.after(() => shop.database.close());
  assert.ok(EXAMPLES.length >= 12);
  for (const { line, printed } of EXAMPLES) {
    const [program, ...words] = wordsOf(line);
    assert.equal(program, 'zonelog', line);
    const said = (await run([...words, '-db', db])).replaceAll(db, 'zonelog.db');
    const told = said
      .split('\n')
      .map((one) => one.trimEnd())
      .join('\n')
      .trimEnd();
    assert.equal(told, printed, line);
  }
});

test('docs/history.md: has a section for every command, and an example of each question', () => {
  const sections = new Set([...PAGE.matchAll(/^## `zonelog ([a-z]+)/gm)].map(([, word = '']) => word));
  const elsewhere = [...PAGE.matchAll(/^\| `zonelog ([a-z]+)/gm)].map(([, word = '']) => word);
  for (const word of COMMANDS) {
    if (word !== 'help') assert.ok(sections.has(word) || elsewhere.includes(word), `${word} is missing`);
  }
  for (const word of QUESTIONS) {
    assert.ok(sections.has(word), word);
    assert.ok(
      EXAMPLES.some(({ line }) => line.startsWith(`zonelog ${word} `)),
      word,
    );
  }
});

test('the example in the help of each question is a question that can be put', async (t) => {
  const folder = temporaryFolder(t).path;
  mkdirSync(folder, { recursive: true });
  const db = path.join(folder, 'zonelog.db');
  const shop = recordShop(db);
  t.after(() => shop.database.close());
  for (const word of QUESTIONS) {
    const help = await run([word, '--help']);
    const [, example = ''] = /^Example: zonelog (.*) -db zonelog\.db$/m.exec(help) ?? [];
    const said = await run([...wordsOf(example), '-db', db]);
    assert.doesNotMatch(said, /exit [23]|error: /, `${word}: ${said}`);
  }
});
