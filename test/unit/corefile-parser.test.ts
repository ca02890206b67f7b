import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Directive, Line, ServerBlock } from '../../src/corefile/parser.ts';
import { parseCorefile } from '../../src/corefile/parser.ts';

interface World {
  env?: Record<string, string>;
  files?: Record<string, string>;
  warnings?: string[];
  file?: string;
}

function parse(text: string, { env = {}, files = {}, warnings = [], file = 'Corefile' }: World = {}) {
  const missing = (code: string) => Object.assign(new Error(code), { code });
  return parseCorefile(text, {
    file,
    env: (name) => env[name],
    readFile: (path) => {
      const found = files[path];
      if (found === undefined) throw missing('ENOENT');
      if (found === '<dir>') throw missing('EISDIR');
      return found;
    },
    listDir: (dir) =>
      Object.keys(files)
        .filter((path) => (dir === '.' ? !path.includes('/') : path.startsWith(`${dir}/`)))
        .map((path) => (dir === '.' ? path : path.slice(dir.length + 1))),
    warn: (warning) => warnings.push(warning),
  });
}

function blocks(text: string, world?: World): ServerBlock[] {
  const parsed = parse(text, world);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message);
  return parsed.value;
}

function fault(text: string, world?: World): string {
  const parsed = parse(text, world);
  assert.ok(!parsed.ok, 'it parsed');
  return parsed.error.message;
}

const lineText = ({ tokens, block }: Line): string =>
  tokens.map((t) => t.text).join(' ') + (block ? ` {${block.map(lineText).join('; ')}}` : '');
const text = ({ head, args, block }: Directive): string => lineText({ tokens: [head, ...args], block });
const shown = (list: ServerBlock[]): string[] =>
  list.map(({ keys, directives }) => `${keys.map((k) => k.text).join(' ')}: ${directives.map(text).join(', ')}`);

test('keys, directives and argument blocks', () => {
  const source = `
# comment
example.org, example.com:1053 {
    errors
    cache 30 example.org {
        success 100
        prefetch 5 1m 20%
    }
}
. {
    whoami
}`;
  assert.deepEqual(shown(blocks(source)), [
    'example.org example.com:1053: errors, cache 30 example.org {success 100; prefetch 5 1m 20%}',
    '.: whoami',
  ]);
});

test('a comma at the end of a key lets the keys go on', () => {
  assert.deepEqual(shown(blocks('a, b,\nc {\n}\n')), ['a b c: ']);
  assert.match(fault('a, {\n}'), /^Corefile:1 - Error during parsing: Expected another address but had '\{'/);
  assert.equal(fault('a,'), 'Corefile:1 - Error during parsing: Unexpected EOF');
});

test('a file without braces is one block', () => {
  assert.deepEqual(shown(blocks('.\nerrors\ncache {\n  success 1\n}\nwhoami')), [
    '.: errors, cache {success 1}, whoami',
  ]);
  assert.deepEqual(shown(blocks('example.org')), ['example.org: ']);
  assert.match(fault('.\nerrors\n}'), /Unexpected '\}' because no matching opening brace/);
});

test('an opening brace may stand below the keys', () => {
  assert.deepEqual(shown(blocks('a\n{\n  errors\n}')), ['a: errors']);
});

test('an opening brace may stand below its directive, but not below an option', () => {
  assert.deepEqual(shown(blocks('. {\n log . x\n {\n  class all\n }\n errors\n}')), ['.: log . x {class all}, errors']);
  assert.match(fault('. {\n log {\n  class\n  {\n  }\n }\n}'), /Unexpected token '\{', expecting 'option'/);
});

test('an empty file has no blocks', () => {
  assert.deepEqual(blocks(' \n# nothing\n'), []);
});

test('a block without key is left out with a warning', () => {
  const warnings: string[] = [];
  assert.deepEqual(blocks('{$NO} {\n  errors\n}', { warnings }), []);
  assert.deepEqual(warnings, ['Corefile:1 - server block without a zone is ignored']);
});

test('unknown directives are refused', () => {
  assert.equal(fault('. {\n  nosuch\n}'), "Corefile:2 - Error during parsing: Unknown directive 'nosuch'");
  assert.equal(fault('. {\n  {\n}'), "Corefile:2 - Error during parsing: Unknown directive '{'");
});

test('braces that do not match', () => {
  assert.equal(fault('. {\n  errors'), 'Corefile:2 - Error during parsing: Unexpected EOF');
  // As CoreDNS does: the last brace closes the server block as well.
  assert.ok(parse('. {\n  cache {\n}\n').ok);
  assert.equal(fault('. {\n  cache {\n'), 'Corefile:2 - Error during parsing: Unexpected EOF');
  assert.match(fault('. { errors }'), /Unexpected '\}' because no matching opening brace/);
  assert.match(fault('. {\n}\n}'), /^Corefile:3 - .*Unexpected '\}'/);
  assert.match(fault('. {\n cache {\n } more\n}'), /Syntax error: Unexpected token 'more'/);
  assert.match(fault(`. {\n log ${'{ a '.repeat(80)}`), /nested deeper/);
});

test('nested blocks are kept', () => {
  assert.deepEqual(shown(blocks('. {\n tls {\n acme {\n  x y\n }\n z\n }\n}')), ['.: tls {acme {x y}; z}']);
});

test('quoted braces and keywords are words', () => {
  assert.deepEqual(shown(blocks('. {\n log "{" "}"\n log {\n "import" x\n }\n}')), ['.: log { }, log {import x}']);
});

test('environment in keys, directives, arguments and options', () => {
  const env = { Z: 'example.org', D: 'cache', A: 'two words' };
  const parsed = blocks('{$Z}:{%P%}53 {\n {$D} "{$A}" {\n success {$A} {$NO}\n }\n}', { env });
  assert.deepEqual(shown(parsed), ['example.org:53: cache two words {success two words }']);
  const cache = parsed[0]?.directives[0];
  assert.equal(cache?.args.length, 1);
  assert.deepEqual(
    cache?.block?.[0]?.tokens.map((t) => t.text),
    ['success', 'two words', ''],
  );
});

test('errors in keys', () => {
  assert.equal(fault('a..b {\n}'), 'error inspecting server blocks: zone is not a valid domain name: a..b');
});

test('snippets are used in blocks, in argument blocks and in each other', () => {
  const source = `
(common) {
    errors
    log
}
(limits) {
    success 10
}
(all) {
    cache 5
    import common
    whoami
}
a {
    import common
}
b {
    cache {
        import limits
        import limits
        denial 1
    }
    import all
}`;
  assert.deepEqual(shown(blocks(source)), [
    'a: errors, log',
    'b: cache {success 10; success 10; denial 1}, cache 5, errors, log, whoami',
  ]);
});

test('snippets can be the head of a block', () => {
  assert.deepEqual(shown(blocks('(zones) {\n a b\n}\nimport zones\n{\n errors\n}')), ['a b: errors']);
});

test('faults of snippets', () => {
  const twice = '(a) {\n}\n(a) {\n}';
  assert.equal(fault(twice), 'Corefile:3 - Error during parsing: redeclaration of previously declared snippet a');
  assert.equal(fault('(a) {\n errors'), 'Corefile:2 - Error during parsing: Unexpected EOF');
  assert.match(fault('(a)\nerrors'), /Syntax error: Unexpected token 'errors', expecting '\{'/);
  assert.match(fault('. {\n import later\n}\n(later) {\n}'), /File to import not found: later/);
});

test('a snippet that imports itself ends', () => {
  assert.match(fault('(a) {\n import a\n}\n. {\n import a\n}'), /More than 10000 snippets/);
  assert.match(fault('(a) {\n errors\n import a\n import a\n}\n. {\n import a\n}'), /More than 10000 snippets/);
});

test('files are imported relative to the file with the import', () => {
  const files = {
    'etc/part.conf': 'errors\nimport sub/more.conf\n',
    'etc/sub/more.conf': 'log',
    '/abs.conf': 'whoami',
  };
  const parsed = blocks('. {\n import part.conf\n import /abs.conf\n}', { files, file: 'etc/Corefile' });
  assert.deepEqual(shown(parsed), ['.: errors, log, whoami']);
  assert.deepEqual(
    parsed[0]?.directives.map((d) => `${d.file}:${d.line}`),
    ['etc/part.conf:1', 'etc/sub/more.conf:1', '/abs.conf:1'],
  );
});

test('whole blocks are imported at the place of a key, with globs in order', () => {
  const files = { 'd/b.server': 'b {\n log\n}', 'd/a.server': 'a {\n errors\n}', 'd/c.txt': 'junk' };
  assert.deepEqual(shown(blocks('import d/*.server\n. {\n whoami\n}', { files })), [
    'a: errors',
    'b: log',
    '.: whoami',
  ]);
  assert.deepEqual(shown(blocks('import d/?.server', { files })), ['a: errors', 'b: log']);
});

test('globs in any part of an absolute path', () => {
  const files = {
    '/etc/dns': '',
    '/etc/dns/a': '',
    '/etc/dns/a/x.conf': 'log',
    '/etc/dns/b': '',
    '/etc/dns/c.conf': '',
  };
  const text = '. {\n import d*/a/x.conf\n import /etc/dns/?/x.conf\n}';
  const listed = { ...files, '/etc': '', '/etc/dns/b/y.conf': 'nosuch' };
  assert.deepEqual(shown(blocks(text, { files: listed, file: '/etc/Corefile' })), ['.: log, log']);
});

test('a glob without match is a warning, a missing file an error', () => {
  const warnings: string[] = [];
  assert.deepEqual(shown(blocks('import custom/*.server\n. {\n import custom/*.override\n}', { warnings })), ['.: ']);
  assert.deepEqual(warnings, [
    'No files matching import glob pattern: custom/*.server',
    'No files matching import glob pattern: custom/*.override',
  ]);
  const at = 'Corefile:1 - Error during parsing:';
  assert.equal(fault('import nothere'), `${at} File to import not found: nothere`);
  assert.match(fault('import dir', { files: { dir: '<dir>' } }), /is a directory/);
  assert.match(fault('import *a*b'), /may only contain one wildcard/);
  assert.match(fault('import a[bc]'), /may only contain one wildcard/);
  assert.equal(fault('import'), `${at} Wrong argument count or unexpected line ending after 'import'`);
  assert.equal(fault('import {'), `${at} Unexpected token '{', expecting argument`);
  assert.equal(fault('import a b'), `${at} Import takes only one argument (glob pattern or file)`);
  assert.equal(fault('import {$NO}'), `${at} Import requires a non-empty filepath`);
  assert.match(fault('import Corefile', { files: { Corefile: '' } }), /imports itself/);
  assert.match(fault('import a', { files: { a: 'import ./a' } }), /^a:1 - .*imports itself/);
});

test('files that import each other end', () => {
  assert.match(fault('import a', { files: { a: 'import b', b: 'import a' } }), /More than 100000 files/);
});

test('tokens know their file and line', () => {
  const [first] = blocks('\n\n. {\n  cache 30 {\n    success 1\n  }\n}');
  assert.deepEqual([first?.line, first?.directives[0]?.line], [3, 4]);
  assert.deepEqual(first?.directives[0]?.block?.[0]?.tokens[1], {
    text: '1',
    file: 'Corefile',
    line: 5,
    isFirst: false,
    isQuoted: false,
  });
});
