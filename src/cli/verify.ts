/** `zonelog verify`: is the log what was written, and does it give what is served of it? */
import type { Command } from 'commander';
import { timeText } from '../ingest/log-window.ts';
import { type Verified, verifyDatabase } from '../retention/verify.ts';
import { type CliContext, type DatabaseOption, databaseFile, Exit, onDatabase, withDatabase } from './context.ts';
import { counted } from './output.ts';

export function addVerify(program: Command, context: CliContext): void {
  onDatabase(program.command('verify').description('walk the hash chain and replay the log; tell the first broken row'))
    .addHelpText(
      'after',
      `
Reads all of it, also while a server writes. The hash of the head, noted elsewhere, tells later that nothing before it
was altered. Exit code 1: something is broken; 3: the file can't be read at all.
Example: zonelog verify -db zonelog.db`,
    )
    .action(async (options: DatabaseOption) => {
      const file = databaseFile(options, context);
      await withDatabase(file, context, (db) => {
        const result = verifyDatabase(db);
        if (result.ok) for (const line of describe(file, result.value)) context.stdout.write(`${line}\n`);
        else {
          context.stdout.write(`${file}: broken at ${result.error.place}: ${result.error.problem}\n`);
          context.exit(Exit.NONE);
        }
      });
    });
}

function* describe(file: string, { batches, events, versions, window, headHash }: Verified): Generator<string> {
  yield `${file}: ${counted(events, 'event')} in ${counted(batches, 'batch', 'batches')}, the chain is whole, head ${headHash}`;
  if (window.batch > 0) {
    yield `begins at ${timeText(window.time)}, after batch ${window.batch}, with the base of what was removed`;
  }
  yield `replayed: gives the ${counted(versions, 'version')} of zones that the journal has`;
}
