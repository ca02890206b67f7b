import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseZoneText } from '../../src/dns/zonefile.ts';
import { OperatorError } from '../../src/errors.ts';
import { emptyReply, type Request } from '../../src/serve/chain.ts';
import { executeTemplate } from '../../src/serve/go-template/execute.ts';
import { parseTemplate } from '../../src/serve/go-template/parse.ts';
import { type Struct, TemplateError, type Value } from '../../src/serve/go-template/values.ts';
import { createTemplate } from '../../src/serve/plugins/template.ts';
import { optionsOf } from '../kit/corefile.ts';
import { nextWith, requestOf, textOf } from '../kit/handlers.ts';

function handlerOf(text: string) {
  return createTemplate(optionsOf(text).template ?? [], {
    askServer: ({ question }) => ({ ...emptyReply(0), answer: parseZoneText(`${question.name} 9 IN A 192.0.2.99`) }),
    findLabel: (_, key) => (key === 'kubernetes/client-namespace' ? 'apps' : undefined),
    view: '',
  });
}

async function ask(text: string, name: string, type = 'A', parts: Partial<Request> = {}) {
  const handler = handlerOf(text);
  const { next, asked } = nextWith('next. 1 IN A 192.0.2.1');
  const outcome = await handler.handle(requestOf(name, type, parts), next);
  assert.ok(outcome.kind === 'reply');
  const metrics = Object.fromEntries(
    (handler.metrics?.() ?? []).map((family) => [family.name.slice('coredns_template_'.length), family.samples.length]),
  );
  return {
    ...textOf(outcome),
    failure: outcome.failure,
    ede: outcome.ede,
    isNext: asked.length > 0,
    isPure: handler.isPure,
    metrics,
  };
}

const IP =
  'template IN A example {\nmatch (^|[.])ip-(?P<a>[0-9]*)-(?P<b>[0-9]*)[.]example[.]$\nanswer "{{ .Name }} 60 IN A 10.0.{{ .Group.a }}.{{ .Group.b }}"\n';

test('template: a record of the groups of a name', async () => {
  const found = await ask(`${IP}}`, 'x.IP-1-2.example');
  assert.deepEqual([found.rcode, found.aa, found.answer], ['NOERROR', true, ['x.ip-1-2.example. 60 IN A 10.0.1.2']]);
  assert.equal(found.metrics.matches_total, 1);
});

test('template: who does not match goes on or fails; another type, class or zone goes on', async () => {
  assert.equal((await ask(`${IP}}`, 'other.example')).rcode, 'SERVFAIL');
  assert.equal((await ask(`${IP}fallthrough\n}`, 'other.example')).isNext, true);
  assert.equal((await ask(`${IP}fallthrough sub.example\n}`, 'other.example')).rcode, 'SERVFAIL');
  assert.equal((await ask(`${IP}}`, 'ip-1-2.example', 'AAAA')).isNext, true);
  assert.equal((await ask(`${IP}}`, 'ip-1-2.elsewhere')).isNext, true);
  const two = `${IP}fallthrough\n}\ntemplate IN A {\nrcode NXDOMAIN\n}`;
  assert.equal((await ask(two, 'other.example')).rcode, 'NXDOMAIN');
});

test('template: rcode, sections and extended error', async () => {
  const all = await ask(
    'template ANY ANY invalid {\nrcode NXDOMAIN\nauthority "{{ .Zone }} 60 {{ .Class }} SOA ns.{{ .Zone }} h.{{ .Zone }} (1 60 60 60 60)"\nadditional "x.{{ .Zone }} TXT \\"{{ .Type }}\\""\nederror 21 "Blocked"\n}',
    'a.invalid',
    'MX',
  );
  assert.equal(all.rcode, 'NXDOMAIN');
  assert.deepEqual(all.authority, ['invalid. 60 IN SOA ns.invalid. h.invalid. 1 60 60 60 60']);
  assert.deepEqual(all.additional, ['x.invalid. 3600 IN TXT "MX"']);
  assert.deepEqual(all.ede, { code: 21, text: 'Blocked' });
});

test('template: a record that is none is SERVFAIL, with a reason and a count', async () => {
  const wrong = await ask('template IN A {\nanswer "{{ .Name }} 60 IN A {{ .Zone }}"\n}', 'a.test');
  assert.deepEqual([wrong.rcode, wrong.metrics.rr_failures_total], ['SERVFAIL', 1]);
  assert.match(wrong.failure ?? '', /plugin\/template: no data for type A/);
  const range = await ask('template IN A {\nanswer "{{ index .Match 7 }}"\n}', 'a.test');
  assert.deepEqual([range.rcode, range.metrics.template_failures_total], ['SERVFAIL', 1]);
});

test('template: the target of an alias is looked up', async () => {
  const alias = 'template IN ANY a.test {\nanswer "a.test 60 IN CNAME b.test"\n}';
  assert.deepEqual((await ask(alias, 'a.test')).answer, ['a.test. 60 IN CNAME b.test.', 'b.test. 9 IN A 192.0.2.99']);
  assert.equal((await ask(alias, 'a.test', 'MX')).answer.length, 1);
});

test('template: expressions set variables and conditions', async () => {
  const text = `template IN A {
    match "^(?P<ip>[0-9-]+)[.]test[.]$"
    var ip replace(group('ip'), '-', '.')
    var seconds len(ip) + 1
    expr "any(['10.0.0.0/8', '192.168.0.0/16'], incidr(ip, #))"
    answer "{{ .Name }} {{ .Var.seconds }} IN A {{ .Var.ip }}"
    fallthrough
  }`;
  const found = await ask(text, '10-1-2-3.test');
  assert.deepEqual([found.answer, found.isPure], [['10-1-2-3.test. 9 IN A 10.1.2.3'], false]);
  for (const name of ['172-16-0-1.test', '1-2.test']) {
    const other = await ask(text, name);
    assert.ok(other.isNext || other.rcode === 'SERVFAIL', name);
  }
});

test('template: what is wrong in it is said when the Corefile is read', () => {
  for (const [line, why] of [
    ['answer "{{ .Nmae }} A 1.2.3.4"', /no field \.Nmae/],
    ['answer "{{ nope .Name }}"', /function "nope" not defined/],
    ['answer "{{ if .Name }}x"', /without {{end}}/],
    ['answer "{{ end }}"', /unexpected {{end}}/],
    ['answer "{{ .Name"', /no end/],
    ['answer "{{ template x }}"', /not supported/],
    ['answer "{{ .Name | }}"', /empty command/],
    ['match (a)\\1\nanswer "x A 1.2.3.4"', /error parsing regexp/],
    ['expr nonsense()\nanswer "x A 1.2.3.4"', /function nonsense is not supported/],
    ['expr 1 +\nanswer "x A 1.2.3.4"', /unexpected end/],
  ] as const) {
    assert.throws(() => handlerOf(`template IN A {\n${line}\n}`), why, line);
  }
});

const DATA: Struct = {
  fields: new Map<string, Value>([
    ['Name', 'a.test.'],
    ['Match', ['a.test.', 'a']],
    ['Group', new Map([['x', '0b']])],
    ['Question', { fields: new Map([['Name', 'A.test.']]) }],
    ['Meta', (key: Value) => `<${String(key)}>`],
    ['Empty', ''],
  ]),
};
const run = (text: string) => executeTemplate(parseTemplate(text), DATA);

test("Go's templates: fields, functions, pipelines and blocks", () => {
  const results: Record<string, string> = {
    'x{{ .Name }}y': 'xa.test.y',
    'a {{- " b " -}} c': 'a b c',
    '{{/* a comment */}}x': 'x',
    '{{ index .Match 1 }}{{ len .Match }}': 'a2',
    '{{ .Question.Name }}{{ $.Name }}': 'A.test.a.test.',
    '{{ .Meta "kubernetes/x" }}': '<kubernetes/x>',
    '{{ "k" | .Meta }}': '<k>',
    '{{ parseInt .Group.x 16 8 }}': '11',
    '{{ .Group.none }}|': '|',
    '{{ printf "%03d-%s-%x" 7 .Name 255 }}': '007-a.test.-ff',
    '{{ if .Empty }}a{{ else if eq .Name "a.test." }}b{{ else }}c{{ end }}': 'b',
    '{{ with .Group }}{{ .x }}{{ end }}{{ with .Empty }}x{{ else }}none{{ end }}': '0bnone',
    '{{ range $i, $m := .Match }}{{ $i }}={{ $m }};{{ end }}': '0=a.test.;1=a;',
    '{{ $x := "v" }}{{ if true }}{{ $x = "w" }}{{ end }}{{ $x }}': 'w',
    '{{ (index .Match 1) | printf "%s!" }}': 'a!',
    '{{ and .Name .Empty }}|{{ or .Empty "d" }}|{{ not .Empty }}': '|d|true',
    '{{ slice .Name 0 1 }}{{ lt 1 2 }}{{ ne "a" "b" }}': 'atruetrue',
    '{{ `raw "q"` }}': 'raw "q"',
  };
  for (const [text, expected] of Object.entries(results)) assert.equal(run(text), expected, text);
  for (const text of [
    '{{ .Nope }}',
    '{{ index .Match 9 }}',
    '{{ parseInt "zz" 16 8 }}',
    '{{ parseInt "fff" 16 8 }}',
    '{{ .Name "x" }}',
    '{{ $y }}',
  ]) {
    assert.throws(() => run(text), TemplateError, text);
  }
});

test("Go's templates: every text is read, or refused in words", () => {
  const piece = fc.constantFrom(
    '{{',
    '}}',
    '{{-',
    '-}}',
    'if',
    'end',
    'else',
    'range',
    '.Name',
    '$x',
    ':=',
    '|',
    '(',
    ')',
    '"a"',
    ' ',
    'index',
    '1',
    '/*',
    '*/',
    '\\',
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join('')),
      (text) => {
        try {
          run(text);
        } catch (error) {
          assert.ok(error instanceof OperatorError || error instanceof TemplateError, `${text}: ${String(error)}`);
        }
      },
    ),
  );
});
