import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replaceEnvironment } from '../../src/corefile/environment.ts';
import { tokenize } from '../../src/corefile/lexer.ts';

/** Words with the lines where they start. */
const words = (text: string) => tokenize(text, 'f').map((t) => `${t.line}:${t.text}`);

test('a byte order mark is dropped, and so is every CR', () => {
  assert.deepEqual(words('\ufeff. {\r\n  errors\r\n}\r\n'), ['1:.', '1:{', '2:errors', '3:}']);
  assert.deepEqual(words('a\rb'), ['1:ab']);
});

test('words are split at Unicode white space', () => {
  assert.deepEqual(
    words('a\tb\vc\fd\u00a0e\u2003f\u3000g\u0085h\u2028i'),
    'abcdefghi'.split('').map((w) => `1:${w}`),
  );
});

test('a comment begins anywhere, even in a word, and runs to the end of the line', () => {
  assert.deepEqual(words('# one\nfoo#bar baz\nqux # end'), ['2:foo', '3:qux']);
});

test('a quote is special at the start of a word only', () => {
  assert.deepEqual(words('a "b c" d"e f'), ['1:a', '1:b c', '1:d"e', '1:f']);
  assert.deepEqual(words('"a""b"c ""'), ['1:a', '1:b', '1:c', '1:']);
  assert.deepEqual(words('"# no comment"'), ['1:# no comment']);
});

test('only a quote can be escaped in quotes', () => {
  assert.deepEqual(words(String.raw`"say \"hi\" \n \\" x`), [String.raw`1:say "hi" \n \\`, '1:x']);
});

test('a quoted word may run over lines; its line is the one where it starts', () => {
  assert.deepEqual(words('"a\n# b\nc" d\ne'), ['1:a\n# b\nc', '3:d', '4:e']);
});

test('a quoted word without end is a word, an empty one is not', () => {
  assert.deepEqual(words('"a b'), ['1:a b']);
  assert.deepEqual(words('x "'), ['1:x']);
});

test('the first word of a line is marked', () => {
  const first = tokenize('a b\n\n"c" d "e\nf" g', 'f').map((t) => t.isFirst);
  assert.deepEqual(first, [true, false, true, false, false, false]);
});

test('environment: both spellings, unset is nothing, {$} stays', () => {
  const env = (name: string) => ({ A: 'one', B: 'two words', C: '{$A}' })[name];
  assert.equal(replaceEnvironment('{$A}-{%A%}-{$NO}-{%B%}', env), 'one-one--two words');
  assert.equal(replaceEnvironment('{$}', env), '{$}');
  assert.equal(replaceEnvironment('x{$A', env), 'x{$A');
  assert.equal(replaceEnvironment('{$C}', env), 'one');
});

test('environment: a value that names itself comes to an end', () => {
  assert.equal(typeof replaceEnvironment('{$A}', () => '{$A}'), 'string');
  assert.ok(replaceEnvironment('{$A}', () => '{$A}{$A}x').length < 1 << 21);
});
