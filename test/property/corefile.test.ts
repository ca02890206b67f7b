import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseGoDuration } from '../../src/corefile/durations.ts';
import { normalizeZones } from '../../src/corefile/keys.ts';
import { tokenize } from '../../src/corefile/lexer.ts';
import { parseCorefile } from '../../src/corefile/parser.ts';
import { formatSelector, parseLabelSelector, parseSelector } from '../../src/corefile/selectors.ts';
import { isSubdomain, parseName } from '../../src/dns/name.ts';
import { AROUND } from '../kit/corefile.ts';

const quote = (word: string): string => `"${word.replaceAll('"', '\\"')}"`;

/** A word that can be written in quotes: no backslash before a quote or at the end. */
const word = fc.string({ unit: 'binary', maxLength: 12 }).filter((text) => !/\\("|$)/.test(text));

test('quoted words come back as they were', () => {
  fc.assert(
    fc.property(fc.array(word), fc.constantFrom(' ', '\n', '\t\r\n', ' # comment "\n'), (words, space) => {
      const tokens = tokenize(words.map(quote).join(space), 'f');
      assert.deepEqual(
        tokens.map((t) => t.text),
        words,
      );
      assert.ok(tokens.every((t) => t.isQuoted));
    }),
  );
});

test('the line of a word is the number of line ends before it', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', '#', '\n', ' ', '\r', 'b'), maxLength: 60 }), (text) => {
      for (const token of tokenize(`${text}\nend`, 'f')) {
        const line = text.split('\n')[token.line - 1] ?? 'end';
        assert.ok(line.replaceAll('\r', '').split('#')[0]?.includes(token.text) || token.text === 'end');
      }
    }),
  );
});

const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));

test('the zones of an IPv4 block hold exactly its addresses, each in one zone', () => {
  fc.assert(
    fc.property(octets, octets, fc.nat(32), (net, other, prefix) => {
      const number = (bytes: number[]) => bytes.reduce((sum, byte) => sum * 256 + byte, 0);
      const zones = normalizeZones([`${net.join('.')}/${prefix}`]);
      for (const address of [net, other]) {
        const name = parseName(`${address.toReversed().join('.')}.in-addr.arpa.`);
        assert.ok(name);
        const isInside =
          Math.floor(number(address) / 2 ** (32 - prefix)) === Math.floor(number(net) / 2 ** (32 - prefix));
        assert.equal(zones.filter((zone) => isSubdomain(name, zone)).length, isInside ? 1 : 0);
      }
    }),
  );
});

test('the zones of an IPv6 block hold exactly its addresses, each in one zone', () => {
  const nibbles = fc.array(fc.nat(15), { minLength: 31, maxLength: 31 }).map((rest) => [2, ...rest]);
  fc.assert(
    fc.property(nibbles, nibbles, fc.integer({ min: 1, max: 128 }), (net, tail, prefix) => {
      const bits = (digits: number[]) => digits.map((d) => d.toString(2).padStart(4, '0')).join('');
      const text = (
        net
          .map((d) => d.toString(16))
          .join('')
          .match(/.{4}/g) ?? []
      ).join(':');
      const zones = normalizeZones([`${text}/${prefix}`]);
      const near = [...net.slice(0, prefix >> 2), ...tail.slice(prefix >> 2)];
      for (const address of [net, near, tail]) {
        const name = parseName(
          `${address
            .toReversed()
            .map((d) => d.toString(16))
            .join('.')}.ip6.arpa.`,
        );
        assert.ok(name);
        const isInside = bits(address).slice(0, prefix) === bits(net).slice(0, prefix);
        assert.equal(zones.filter((zone) => isSubdomain(name, zone)).length, isInside ? 1 : 0);
      }
    }),
  );
});

const label = fc.stringMatching(/^[a-z]([a-z0-9.-]{0,8}[a-z0-9])?$/);
const condition = fc.oneof(
  fc.tuple(label, label).map(([k, v]) => `${k} = ${v}`),
  fc
    .tuple(label, fc.constantFrom('in', 'notin'), fc.array(label, { minLength: 1 }))
    .map(([k, op, vs]) => `${k} ${op} (${vs.join(' , ')})`),
  label,
  label.map((k) => `!${k}`),
);

test('the canonical text of a selector is its own canonical text', () => {
  fc.assert(
    fc.property(fc.array(condition, { minLength: 1 }), (conditions) => {
      const text = conditions.join(', ');
      const once = parseLabelSelector(text);
      assert.ok(once.ok, text);
      assert.deepEqual(parseLabelSelector(once.value), once);
      const whole = parseSelector(text);
      assert.ok(whole.ok);
      assert.deepEqual(parseSelector(formatSelector(whole.value)), whole);
      const shuffled = parseSelector(conditions.toReversed().join(','));
      assert.deepEqual(shuffled, whole);
    }),
  );
});

test('durations add up', () => {
  const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  const part = fc.tuple(fc.nat(999), fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[])));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
      const text = parts.map(([n, unit]) => `${n}${unit}`).join('');
      const expected = parts.reduce((sum, [n, unit]) => sum + n * units[unit], 0);
      assert.equal(parseGoDuration(text), expected);
    }),
  );
});

test('how a Corefile is laid out does not matter', () => {
  const space = fc.constantFrom(' ', '\t', '   ');
  const end = fc.constantFrom('\n', '\r\n', ' # note\n', '\n\n# note { }\n');
  const name = fc.constantFrom('cache', 'log', 'errors', 'whoami');
  const line = fc.array(
    word.filter((w) => w.length > 0),
    { maxLength: 3 },
  );
  const directive = fc.tuple(
    name,
    line,
    fc.option(
      fc.array(
        line.filter((l) => l.length > 0),
        { maxLength: 3 },
      ),
    ),
  );
  const around = AROUND;
  const meaning = (text: string) => {
    const parsed = parseCorefile(text, around);
    assert.ok(parsed.ok, parsed.ok ? '' : `${parsed.error.message}\n${text}`);
    return parsed.value.map(({ directives }) =>
      directives.map((d) => [d.name, d.args.map((t) => t.text), d.block?.map((l) => l.tokens.map((t) => t.text))]),
    );
  };
  fc.assert(
    fc.property(fc.array(directive), space, end, (directives, s, e) => {
      const print = (s: string, e: string) => {
        const body = directives.map(([n, args, block]) => {
          const head = [n, ...args.map(quote)].join(s);
          return block ? `${head}${s}{${e}${block.map((l) => l.map(quote).join(s) + e).join('')}}${e}` : head + e;
        });
        return `.${s}{${e}${body.join('')}}${e}`;
      };
      // The words must not look like references to the environment, which is empty here.
      assert.deepEqual(meaning(print(s, e)), meaning(print(' ', '\n')));
    }),
  );
});
