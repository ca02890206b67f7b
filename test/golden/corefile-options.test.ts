/** What CoreDNS takes and what it refuses, directive by directive and option by option: `corefile-options.txt`. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { loadConfig } from '../../src/corefile/config.ts';

const FILE = path.join(import.meta.dirname, 'corefile-options.txt');

/** `ok` or what is wrong, without the place. A body without a server block stands in one. */
function outcomeOf(text: string): string {
  const config = loadConfig(text.startsWith('file\n') ? text.slice(5) : `. {\n${text}\n}\n`, {
    file: 'Corefile',
    env: () => undefined,
    // Files are read when the server starts, but for those of `import`.
    readFile: () => '',
    listDir: () => [],
    warn: () => {},
  });
  if (config.ok) return 'ok';
  return config.error.message.replaceAll(/plugin\/\w+: |Corefile:\d+ - (?:Error during parsing|Syntax error): /g, '');
}

interface Entry {
  readonly text: string;
  /** `ok`, `refused` in words of our own, or `refused: ` with CoreDNS's words. */
  readonly expected: string;
}

function entries(): Entry[] {
  const blocks = readFileSync(FILE, 'utf8').split(/^== /m).slice(1);
  return blocks.map((block) => {
    const end = block.indexOf('\n');
    return { expected: block.slice(0, end), text: block.slice(end + 1).replace(/\n+$/, '') };
  });
}

describe('options, as CoreDNS takes them', () => {
  for (const { text, expected } of entries()) {
    test(`${expected === 'ok' ? 'takes' : 'refuses'} ${text.replaceAll(/\s*\n\s*/g, ' ⏎ ')}`, () => {
      const outcome = outcomeOf(text);
      if (expected === 'refused') assert.notEqual(outcome, 'ok');
      else assert.equal(outcome === 'ok' ? 'ok' : `refused: ${outcome}`, expected);
    });
  }
});
