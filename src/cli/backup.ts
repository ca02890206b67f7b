/** `zonelog backup`: a copy of the log, also of a running server's. */
import { existsSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import { EventLog } from '../ingest/log.ts';
import { timeText } from '../ingest/log-window.ts';
import { backUp } from '../retention/backup.ts';
import { sizeText } from '../retention/policy.ts';
import { type CliContext, type DatabaseOption, databaseFile, Exit, onDatabase, withDatabase } from './context.ts';

export function addBackup(program: Command, context: CliContext): void {
  onDatabase(
    program
      .command('backup')
      .description('copy the log to a new file; a server may be running, and goes on writing')
      .argument('<file>', 'the copy: a database of its own, for a server or for these commands'),
  )
    .addHelpText('after', '\nExample: zonelog backup zonelog-copy.db -db zonelog.db')
    .action(async (copy: string, options: DatabaseOption) => {
      if (existsSync(copy)) {
        context.stderr.write(`${copy}: is there already; give the backup another name\n`);
        context.exit(Exit.USAGE);
        return;
      }
      const isCopied = await withDatabase(databaseFile(options, context), context, (db) => {
        backUp(db, copy, String(process.pid));
      });
      if (!isCopied) return;
      await withDatabase(copy, context, (made) => {
        const { lastBatch, lastPosition, lastTime, headHash } = new EventLog(made);
        const newest = lastBatch === 0 ? 'no events yet' : `up to event ${lastPosition} of ${timeText(lastTime)}`;
        context.stdout.write(`${copy}: ${newest}, ${sizeText(statSync(copy).size)}, head ${headHash}\n`);
      });
    });
}
