/** Runs a command in this process, and keeps what it prints. */
import { Readable, Writable } from 'node:stream';
import { runCommand } from '../../src/cli.ts';

export interface CommandRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** @param now Unix milliseconds. @param input what it finds on its standard input */
export async function runAt(now: number, argv: readonly string[], input: readonly string[] = []): Promise<CommandRun> {
  const text = { out: '', err: '' };
  const into = (where: 'out' | 'err') =>
    new Writable({
      write(chunk, _encoding, done) {
        text[where] += String(chunk);
        done();
      },
    });
  const code = await runCommand(argv, {
    env: {},
    stdin: () => Readable.from(input),
    stdout: into('out'),
    stderr: into('err'),
    now: () => now,
    interrupted: () => new Promise(() => {}),
  });
  return { code, ...text };
}
