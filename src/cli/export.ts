/** `zonelog export`: a slice of the log as lines of JSON. */
import { type Command, InvalidArgumentError } from 'commander';
import { type Database, describeFailure } from '../database.ts';
import { parseMoment } from '../history/moment.ts';
import { EventLog } from '../ingest/log.ts';
import { lastBatchAt, timeText, windowStart } from '../ingest/log-window.ts';
import { exportSlice, type Slice } from '../retention/export.ts';
import { type CliContext, type DatabaseOption, databaseFile, Exit, onDatabase, withDatabase } from './context.ts';
import { Printer } from './output.ts';

interface Options extends DatabaseOption {
  /** Unix milliseconds. */
  readonly from?: number;
  readonly to?: number;
}

export function addExport(program: Command, context: CliContext): void {
  const time = (text: string): number => {
    const moment = parseMoment(text, context.now());
    if (!moment.ok) throw new InvalidArgumentError(moment.error.message);
    if (moment.value.kind === 'serial') throw new InvalidArgumentError('a time is wanted, not a serial');
    return moment.value.kind === 'now' ? context.now() : moment.value.time;
  };
  const command = program
    .command('export')
    .description("a part of the log as lines of JSON, for 'zonelog import' on another machine")
    .option('--from <time>', 'the changes since then, after the state that there was (default: the beginning)', time)
    .option('--to <time>', 'end there (default: now)', time);
  onDatabase(command)
    .addHelpText(
      'after',
      `
Times are RFC 3339 or -15m. A server may be running. It begins earlier where a cluster was not listed whole at that time.
Exit code 2: the log does not reach so far back.
Example: zonelog export --from -2h -db zonelog.db | gzip > slice.jsonl.gz`,
    )
    .action(async (options: Options) => {
      const printer = new Printer(context.stdout);
      await withDatabase(databaseFile(options, context), context, async (db) => {
        // One read transaction, with pauses in which what was read is taken.
        db.exec('BEGIN');
        const slice = sliceOf(db, options);
        if (typeof slice === 'string') {
          context.stderr.write(`${slice}\n`);
          context.exit(Exit.USAGE);
          return;
        }
        try {
          await printer.lines(exportSlice(db, slice));
        } catch (error) {
          throw describeFailure(error, db.name);
        }
      });
    });
}

/** @returns why there is no such slice */
function sliceOf(db: Database, { from, to }: Options): Slice | string {
  const window = windowStart(db);
  const last = new EventLog(db).lastBatch;
  const begin = from === undefined ? window.batch : lastBatchAt(db, from - 1);
  if (from !== undefined && from < window.time)
    return `${timeText(from)} is before the log, which was cut and now begins at ${timeText(window.time)}`;
  const end = to === undefined ? last : lastBatchAt(db, to);
  if (to !== undefined && from !== undefined && to < from) return `${timeText(to)} is before ${timeText(from)}`;
  if (to !== undefined && to < window.time)
    return `${timeText(to)} is before the log, which was cut and now begins at ${timeText(window.time)}`;
  return { from: begin + 1, to: end };
}
