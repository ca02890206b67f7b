/** zsh and fish take the scripts that complete our commands; bash, which is everywhere, is asked in test/unit/. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../kit/temporary.ts';
import { hasProgram } from './peer.ts';

const PROGRAM = path.join(import.meta.dirname, '..', '..', 'bin', 'zonelog');

for (const shell of ['zsh', 'fish']) {
  test(`${shell} takes its script`, { skip: !hasProgram(shell) && `${shell} is not installed` }, (t) => {
    const made = spawnSync(PROGRAM, ['completion', shell], { encoding: 'utf8' });
    assert.equal(made.status, 0, made.stderr);
    const file = temporaryFolder(t).write('completion', made.stdout);
    const { status, stderr } = spawnSync(shell, ['-n', file], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });
}
