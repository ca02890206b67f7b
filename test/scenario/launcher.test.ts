/** bin/zonelog: what a person or a service manager starts. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';

const LAUNCHER = path.join(import.meta.dirname, '..', '..', 'bin', 'zonelog');

describe('bin/zonelog', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'zonelog-launcher-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('runs from any folder, and through a link', () => {
    const link = path.join(folder, 'link');
    symlinkSync(LAUNCHER, link);
    const { status, stdout } = spawnSync('./link', ['-version'], { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0);
    assert.match(stdout, /^zonelog-\d+\.\d+\.\d+\n/);
  });

  it('hands over arguments as they are, and the exit code', () => {
    const { status, stderr } = spawnSync(LAUNCHER, ['-conf', 'no such  file'], { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, /no such {2}file/);
  });

  it('is the server itself, not a parent of it: signals reach it', async () => {
    writeFileSync(path.join(folder, 'Corefile'), 'example.org:0 {\n    bind 127.0.0.1\n    whoami\n}\n');
    const server = spawn(LAUNCHER, ['-conf', 'Corefile'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(server, 'exit');
    await once(server.stdout, 'data');
    server.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
  });

  it('says in one line what is missing where nothing was built', () => {
    const bin = path.join(folder, 'project', 'bin');
    mkdirSync(bin, { recursive: true });
    copyFileSync(LAUNCHER, path.join(bin, 'zonelog'));
    const { status, stderr } = spawnSync(path.join(bin, 'zonelog'), { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.equal(stderr, `zonelog: not built: run 'npm ci && npm run build' in ${path.join(folder, 'project')}\n`);
  });

  it('says in one line what is missing where packages or a newer Node.js are', () => {
    const root = path.join(folder, 'bare');
    mkdirSync(path.join(root, 'bin'), { recursive: true });
    mkdirSync(path.join(root, 'dist'));
    writeFileSync(path.join(root, 'dist', 'main.js'), '');
    copyFileSync(LAUNCHER, path.join(root, 'bin', 'zonelog'));
    const start = (PATH: string) => spawnSync(path.join(root, 'bin', 'zonelog'), { encoding: 'utf8', env: { PATH } });
    const PATH = '/usr/bin:/bin';
    assert.equal(start(PATH).stderr, `zonelog: packages are missing: run 'npm ci' in ${root}\n`);
    mkdirSync(path.join(root, 'node_modules', 'better-sqlite3'), { recursive: true });
    const old = path.join(folder, 'old');
    mkdirSync(old);
    writeFileSync(path.join(old, 'node'), '#!/bin/sh\necho v20.1.0\n', { mode: 0o755 });
    const { status, stderr } = start(`${old}:${PATH}`);
    assert.equal(status, 1);
    assert.match(stderr, /^zonelog: needs Node\.js 24 or later and found v20\.1\.0: .*\n$/);
  });
});
