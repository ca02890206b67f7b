import assert from 'node:assert/strict';
import { test } from 'node:test';
import { understand } from '../../src/compose/understand.ts';
import { createLogger } from '../../src/logger.ts';
import { buildBlock } from '../../src/serve/blocks.ts';
import { PLUGINS } from '../../src/serve/plugins.ts';
import { AROUND } from '../kit/corefile.ts';
import { toolsOf } from '../kit/handlers.ts';

test('a Corefile without a server block stands for the built-in one, and this is said', () => {
  for (const text of ['', '# nothing yet\n', '(snippet) {\n errors\n}\n']) {
    const warnings: string[] = [];
    const { serving } = understand(text, { ...AROUND, warn: (line) => warnings.push(line) }, {}, 5353);
    assert.deepEqual(
      serving.blocks.map(({ plugins, zones, keys }) => ({ plugins, zones, port: keys[0]?.port })),
      [{ plugins: ['log', 'whoami'], zones: ['.'], port: 5353 }],
    );
    assert.deepEqual(warnings, ['Corefile: no server block: whoami and log are served on port 5353']);
  }
});

test('what a plugin finds wrong when it is made is told with file and line', () => {
  const text = 'a.test {\n whoami\n}\nb.test {\n errors\n template IN A {\n  answer "{{ .Nope }}"\n }\n}\n';
  const { serving } = understand(text, AROUND, {}, 5353);
  const built = serving.blocks.map((block) =>
    buildBlock(
      block,
      PLUGINS,
      toolsOf().tools,
      createLogger(() => {}),
    ),
  );
  assert.deepEqual(
    built.map((one) => (one.ok ? 'made' : one.error)),
    ['made', 'plugin/template: Corefile:6 - template "{{ .Nope }}": there is no field .Nope'],
  );
});
