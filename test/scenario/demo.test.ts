import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { eventually } from '../kit/wait.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const hasCommands = ['dig', 'curl'].every((name) => spawnSync(name, ['-h']).error === undefined);

/** Runs a line as a person would, in the project's folder. */
async function runLine(line: string): Promise<string> {
  const { stdout } = await promisify(execFile)('sh', ['-c', line], { cwd: ROOT });
  return stdout;
}

describe('the demo', { skip: !hasCommands && 'needs dig and curl' }, () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'zonelog-demo-test-'));
  const commands: string[] = [];
  let demo: ChildProcess;

  const commandWith = (word: string) => {
    const found = commands.find((command) => command.includes(word));
    assert.ok(found, `no command with ${word} in:\n${commands.join('\n')}`);
    return found;
  };

  before(async () => {
    const env = { ...process.env, STATE_DIRECTORY: folder };
    demo = spawn(path.join(ROOT, 'bin', 'zonelog'), ['demo'], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'inherit'] });
    assert.ok(demo.stdout);
    for await (const line of createInterface(demo.stdout)) {
      if (/^ {2}[^ #]/.test(line)) commands.push(line.trim());
      // The first change, after the commands.
      if (/^\d\d:\d\d:\d\d /.test(line)) break;
    }
    demo.stdout.resume();
  });

  after(async () => {
    demo.kill('SIGTERM');
    if (demo.exitCode === null) await once(demo, 'exit');
    rmSync(folder, { recursive: true, force: true });
  });

  it('prints commands', () => assert.ok(commands.length >= 6));

  it('answers for a service', async () => {
    assert.match(await runLine(`${commandWith('checkout.shop.svc.east.local')} +short`), /^10\.96\.12\.7$/m);
  });

  it('answers for a StatefulSet with a target for each pod', async () => {
    const answer = await runLine(commandWith('SRV'));
    assert.match(answer, /SRV\s+0 \d+ 9092 kafka-0\.kafka\.data\.svc\.east\.local\./);
  });

  it('answers backwards', async () => {
    assert.match(await runLine(commandWith('-x ')), /PTR\s+checkout\.shop\.svc\.east\.local\./);
  });

  it('hands over the merged zone, with names of both clusters', async () => {
    const zone = await runLine(commandWith('AXFR'));
    assert.match(zone, /^cart\.shop\.svc\.shared\.local\./m);
    assert.match(zone, /^reports\.analytics\.svc\.shared\.local\./m);
  });

  it('hands over what changed since it began, and no more', async () => {
    const command = commandWith('IXFR=');
    const serial = /IXFR=(\d+)/.exec(command)?.[1] ?? '';
    // The line of a change may come before the zone has it.
    const soas = await eventually(
      async () => (await runLine(command)).match(/^east\.local\..*\sSOA\s.*$/gm) ?? [],
      ({ length }) => length >= 4,
      'both SOAs of at least one difference, between the current ones',
    );
    assert.ok(soas[1]?.includes(` ${serial} `), `the second SOA is that of ${serial}`);
  });

  it('tells why in DNS, and what was answered when it began', async () => {
    // On a busy machine the past may take longer than a reply waits for it: SERVFAIL, and asked again.
    await eventually(
      () => runLine(commandWith('why.kafka')),
      (text) => /A: answered by zone east\.local\.; .*EndpointSliceUpserted data\/kafka/.test(text),
      'the cause of the answer',
    );
    const then = await eventually(
      () => runLine(`${commandWith('.at-')} +short`),
      (text) => text !== '',
      'the answer of then',
    );
    assert.deepEqual(then.trim().split('\n').sort(), ['10.244.1.90', '10.244.2.91', '10.244.3.92']);
  });

  it('has a history', async () => {
    await eventually(
      () => runLine(commandWith('history')),
      (text) => /10\.244\.4\.93/.test(text),
      'the address of the first change',
    );
  });

  it('has metrics', async () => {
    assert.match(await runLine(commandWith('/metrics')), /^coredns_dns_requests_total\{/m);
  });
});
