import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OperatorError } from '../../src/errors.ts';
import { buildBlock } from '../../src/serve/blocks.ts';
import type { Request } from '../../src/serve/chain.ts';
import { compileExpression } from '../../src/serve/expression/parse.ts';
import { REQUEST_NAMES, requestScope } from '../../src/serve/expression/request-names.ts';
import { ExpressionError } from '../../src/serve/expression/values.ts';
import { createView } from '../../src/serve/plugins/view.ts';
import { createWhoami } from '../../src/serve/plugins/whoami.ts';
import { PLUGINS } from '../../src/serve/plugins.ts';
import { optionsOf } from '../kit/corefile.ts';
import { requestOf, toolsOf } from '../kit/handlers.ts';
import { loopbackBlock } from '../kit/serving.ts';

function resultOf(text: string, parts: Partial<Request> = {}) {
  const findLabel = (_: Request, key: string) => (key === 'a/b' ? 'label' : undefined);
  return compileExpression(text, REQUEST_NAMES)(requestScope(requestOf('abc.x.Example.com', 'A', parts), findLabel));
}

test('view: expressions about the request', () => {
  const edns = { version: 0, udpSize: 4000, isDnssecOk: true, options: [] };
  const results: Record<string, unknown> = {
    "incidr(client_ip(), '192.0.2.0/24')": true,
    "incidr(client_ip(), '2001:db8::/32')": false,
    "type() in ['A', 'AAAA']": true,
    "type() not in ['A', 'AAAA']": false,
    "name() matches '^abc\\\\..*\\\\.example\\\\.com\\\\.$'": true,
    "name() endsWith '.com.' and not (name() startsWith 'x')": true,
    "(type() == 'A' && name() == 'example.com') || client_ip() == '192.0.2.1'": true,
    'class() + proto() + port() + server_ip() + server_port()': 'INudp4000127.0.0.153',
    "metadata('a/b') == 'label' && metadata('none') == ''": true,
    "name() contains 'x.' ? 1 : 2": 1,
    'bufsize()': 512,
    'do()': false,
    'id() + opcode()': 1,
  };
  for (const [text, expected] of Object.entries(results)) assert.deepEqual(resultOf(text), expected, text);
  assert.deepEqual([resultOf('bufsize()', { edns }), resultOf('do()', { edns })], [4000, true]);
  assert.equal(
    resultOf("incidr(client_ip(), '192.0.2.0/24')", { remote: { address: '::ffff:192.0.2.5', port: 1 } }),
    true,
  );
});

test('view: the language', () => {
  const results: Record<string, unknown> = {
    '1 + 2 * 3 - 4 / 2': 5,
    '-2 ** 2': -4,
    '7 % 4 == 3 and 2 <= 2': true,
    '[1, 2, 3][-1]': 3,
    'len(split("a,b,c", ","))': 3,
    'any([1, 2], # > 1) && all([1, 2], {# > 0}) && none([1], # > 1)': true,
    'filter(1..5, # % 2 == 0)': [2, 4],
    'map(["a"], upper(#))': ['A'],
    'nil ?? "d"': 'd',
    '"a" | upper()': 'A',
    'replace(trim(" a-b "), "-", ".")': 'a.b',
    'not false or false': true,
    "int('12') + 1": 13,
    'hasPrefix("abc", "a") == true': true,
    '`raw`': 'raw',
  };
  for (const [text, expected] of Object.entries(results)) assert.deepEqual(resultOf(text), expected, text);
});

test('view: what is not supported is refused by name, what does not fit has no result', () => {
  for (const [text, why] of [
    ['nope()', /function nope is not supported by zonelog/],
    ['nope', /unknown name nope/],
    ['a.b', /unknown name a/],
    ['name().x', /members/],
    ['1 +', /unexpected end/],
    ['(1', /\) is missing/],
    ['#', /outside of a predicate/],
    ["name() matches 'a' + 'b'", /one string/],
    ["name() matches '(a)\\\\1'", /error parsing regexp/],
    [`${'('.repeat(500)}1`, /too deep/],
    ['1 2', /unexpected 2/],
    ['"open', /unexpected/],
  ] as const) {
    assert.throws(
      () => resultOf(text),
      (error) => error instanceof OperatorError && why.test(error.message),
      text,
    );
  }
  for (const text of ["incidr('x', '10.0.0.0/8')", '[1][5]', '1..99999', "int('x') > 1"]) {
    assert.throws(() => resultOf(text), ExpressionError, text);
  }
});

/** What CoreDNS 1.14.7 said when it was started with these. */
const REFUSED: Readonly<Record<string, string>> = {
  'type() == 1': 'invalid operation: == (mismatched types string and int)',
  "size() > '5'": 'invalid operation: > (mismatched types int and string)',
  'type() in [1,2]': 'cannot use string as type int in array',
  'not size()': 'invalid operation: not (mismatched type int)',
  'do() and name()': 'invalid operation: and (mismatched types bool and string)',
  'size() ? 1 : 2': 'non-bool expression (type int) used as condition',
  'incidr(client_ip())': 'not enough arguments to call incidr',
  "incidr(client_ip(), '10.0.0.0/8', 'x')": 'too many arguments to call incidr',
  "incidr(1, '10.0.0.0/8')": 'cannot use int as argument (type string) to call incidr',
  'len(size()) > 1': 'invalid argument for len (type int)',
  "any(name(), # > 'a')": 'builtin any takes only array (got string)',
  "any(['a'], #)": 'predicate should return boolean (got string)',
  "split(name(), '.')['a'] == 'a'": 'array elements can only be selected using an integer (got string)',
  "name()[0] == 'a'": 'type string[int] is undefined',
};
/** It started with these. */
const TAKEN = [
  '1',
  'nil',
  'do',
  'type()',
  "type() in ['A', 1]",
  'name() == nil',
  '1 == 1.0',
  "do() ? 1 : 'a'",
  "[1,'a'][0] == 'b'",
];

test('view: what can never work is refused at the start, in the words of the peer', () => {
  for (const [text, why] of Object.entries(REFUSED)) {
    assert.throws(
      () => compileExpression(text, REQUEST_NAMES),
      (error) => error instanceof OperatorError && error.message.endsWith(why),
      text,
    );
  }
  for (const text of TAKEN) assert.doesNotThrow(() => compileExpression(text, REQUEST_NAMES), text);
});

test('view: every text is an expression, or refused in words', () => {
  const piece = fc.constantFrom(
    '1',
    '"a"',
    'name()',
    '+',
    '-',
    'not',
    'in',
    '[',
    ']',
    '(',
    ')',
    '#',
    'any',
    ',',
    '?',
    ':',
    '..',
    'matches',
    '|',
    'len',
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 15 }).map((pieces) => pieces.join(' ')),
      (text) => {
        try {
          resultOf(text);
        } catch (error) {
          assert.ok(error instanceof OperatorError || error instanceof ExpressionError, `${text}: ${String(error)}`);
        }
      },
    ),
  );
});

test('view: a block is chosen when all its expressions are true, and not when one has no result', () => {
  const isChosen = (...expressions: string[]) =>
    createView({ name: 'v', expressions }, () => undefined).view?.isChosen(requestOf('a.test', 'A'));
  assert.equal(isChosen("type() == 'A'", "name() == 'a.test.'"), true);
  assert.equal(isChosen("type() == 'A'", "name() == 'b.test.'"), false);
  assert.equal(isChosen('[1][5] == 2'), false);
  assert.equal(isChosen('"a"'), false);
});

test('view: a block with nothing else answers SERVFAIL, as CoreDNS 1.14.7 does, one without a plugin REFUSED', async () => {
  const { tools } = toolsOf();
  const options = optionsOf('view v {\nexpr true\n}');
  const built = buildBlock(loopbackBlock(['view'], { options }), PLUGINS, tools, tools.logger);
  assert.ok(built.ok);
  const outcome = await built.value.running.run?.(requestOf('a', 'A'));
  assert.equal(outcome?.kind === 'reply' && outcome.rcode, 2);
  const bare = buildBlock(loopbackBlock([], { options: optionsOf('') }), PLUGINS, tools, tools.logger);
  assert.ok(bare.ok && bare.value.running.run === undefined);
});

test('view: it is no part of the chain, names the block, and shows its label', () => {
  const options = optionsOf("metadata\nwhoami\nview inside {\nexpr type() == 'A'\n}");
  const { tools } = toolsOf();
  const built = buildBlock(loopbackBlock(['metadata', 'whoami', 'view'], { options }), PLUGINS, tools, tools.logger);
  assert.ok(built.ok);
  const { running, handlers } = built.value;
  assert.equal(running.view, 'inside');
  assert.deepEqual([running.isChosen?.(requestOf('a', 'A')), running.isChosen?.(requestOf('a', 'TXT'))], [true, false]);
  assert.equal(handlers.find((handler) => handler.view)?.label?.(requestOf('a', 'A'), 'view/name'), 'inside');
  const outcome = running.run?.(requestOf('a', 'A'));
  assert.ok(
    outcome && !(outcome instanceof Promise) && outcome.kind === 'reply' && outcome.writer === createWhoami().name,
  );
});
