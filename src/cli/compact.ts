/** `zonelog compact`: removes the oldest part of the log. */
import { type Command, InvalidArgumentError } from 'commander';
import type { RemovedPart } from '../compose/compaction-thread.ts';
import { askServer } from '../compose/control-client.ts';
import type { CompactionOutcome } from '../compose/retention.ts';
import { parseLongDuration } from '../corefile/config.ts';
import { describeFailure, type OwnedDatabase, OwnedElsewhere, openDatabase } from '../database.ts';
import { OperatorError } from '../errors.ts';
import { lastBatchAt, timeText } from '../ingest/log-window.ts';
import { JournalReader } from '../projection/journal.ts';
import { compact } from '../retention/compaction.ts';
import { sizeText, usedOctets } from '../retention/policy.ts';
import { type CliContext, type DatabaseOption, databaseFile, Exit, onDatabase, withDatabase } from './context.ts';
import { counted } from './output.ts';

interface Options extends DatabaseOption {
  /** Milliseconds. */
  readonly keep: { readonly value: number; readonly text: string };
}

/** Milliseconds: a compaction of hundreds of millions of events. */
const TIMEOUT = 6 * 3_600_000;

export function addCompact(program: Command, context: CliContext): void {
  const command = program
    .command('compact')
    .description('remove what is older from the log; what it came to is kept, so that all since then stays exact')
    .requiredOption('--keep <duration>', 'how much is kept: 30d, 1w, 12h', readKeep);
  onDatabase(command)
    .addHelpText(
      'after',
      `
A running server does it itself, bit by bit, and goes on answering. 'eventlog { retain 30d }' in the Corefile does it
by itself from time to time.
Example: zonelog compact --keep 30d -db zonelog.db`,
    )
    .action(async (options: Options) => {
      const file = databaseFile(options, context);
      // Whatever is wrong with the file is told before anything is written.
      if (!(await withDatabase(file, context, () => {}))) return;
      const { keep } = options;
      const reason = `compact --keep ${keep.text}`;
      const outcome = await onOwnDatabase(
        file,
        (owned) => compactHere(owned, context.now() - keep.value, reason, context.now()),
        async () =>
          (await askServer(
            file,
            'POST',
            `/compact?${new URLSearchParams({ keep: String(keep.value), reason })}`,
            TIMEOUT,
          )) as CompactionOutcome,
      );
      if (!outcome.isDone) {
        context.stderr.write(`${file}: ${outcome.why}\n`);
        context.exit(Exit.NONE);
        return;
      }
      const { removed } = outcome;
      await withDatabase(file, context, (db) => {
        context.stdout.write(`${file}: ${describe(removed)}; ${sizeText(usedOctets(db))} are in use\n`);
      });
    });
}

function readKeep(text: string): Options['keep'] {
  const value = parseLongDuration(text);
  if (typeof value === 'string' || value < 0) throw new InvalidArgumentError('a duration is wanted: 30d, 1w, 12h');
  return { value, text };
}

function describe(removed: RemovedPart | undefined): string {
  if (removed === undefined) return 'nothing can be removed';
  const { events, batches, begins } = removed;
  const what = `${counted(events, 'event')} in ${counted(batches, 'batch', 'batches')}`;
  return `${what} removed, the log begins at ${timeText(begins)}`;
}

async function onOwnDatabase<T>(
  file: string,
  here: (owned: OwnedDatabase) => T,
  elsewhere: () => Promise<T>,
): Promise<T> {
  let owned: OwnedDatabase;
  try {
    owned = openDatabase(file);
  } catch (error) {
    if (error instanceof OwnedElsewhere) return elsewhere();
    throw error;
  }
  try {
    return here(owned);
  } catch (error) {
    const described = describeFailure(error, file);
    throw described instanceof Error ? described : new OperatorError(String(described));
  } finally {
    owned.close();
  }
}

/** Of a database that no server has open. What a crashed server left to be folded stays in the log. */
function compactHere({ db }: OwnedDatabase, before: number, reason: string, now: number): CompactionOutcome {
  const until = Math.min(lastBatchAt(db, before), new JournalReader(db).position());
  const steps = compact(db, { until, reason, now });
  for (;;) {
    const { done, value } = steps.next();
    if (!done) continue;
    // A file from before pages were given back in small steps: all at once, and from then on in steps.
    if (db.pragma('auto_vacuum', { simple: true }) === 0) db.exec('PRAGMA auto_vacuum = INCREMENTAL; VACUUM');
    const removed = value && {
      events: value.lastPosition - value.firstPosition + 1,
      batches: value.lastBatch - value.firstBatch + 1,
      begins: value.lastTime,
    };
    return { isDone: true, removed };
  }
}
