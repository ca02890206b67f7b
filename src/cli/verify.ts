/** `zonelog verify`: is the log what was written? */
import type { Command } from 'commander';
import { openReadOnly } from '../database.ts';
import { EventLog } from '../ingest/log.ts';
import { type CliContext, type DatabaseOption, databaseFile, Exit, onDatabase } from './context.ts';

export function addVerify(program: Command, context: CliContext): void {
  onDatabase(program.command('verify').description('recompute the hash chain of the log and read every event'))
    .addHelpText('after', '\nExample: zonelog verify -db zonelog.db')
    .action((options: DatabaseOption) => {
      const result = verifyLog(databaseFile(options, context));
      context.stdout.write(`${result.line}\n`);
      if (!result.isWhole) context.exit(Exit.NONE);
    });
}

function verifyLog(file: string): { readonly line: string; readonly isWhole: boolean } {
  const db = openReadOnly(file);
  try {
    const result = new EventLog(db).verify();
    if (result.ok) {
      const { batches, events, headHash } = result.value;
      return {
        line: `${file}: ${events} events in ${batches} batches, the chain is whole, head ${headHash}`,
        isWhole: true,
      };
    }
    const { batch, position, problem } = result.error;
    const place = position === undefined ? `batch ${batch}` : `batch ${batch}, event ${position}`;
    return { line: `${file}: broken at ${place}: ${problem}`, isWhole: false };
  } finally {
    db.close();
  }
}
