/** `zonelog export`: a slice of the log as lines of JSON. */
import type { Command } from 'commander';
import { describeFailure } from '../database.ts';
import { ok } from '../errors.ts';
import { type Answered, problem } from '../history/problem.ts';
import { endOfRange } from '../history/range.ts';
import { HistorySource } from '../history/source.ts';
import { zoneIdOf } from '../history/zone-at.ts';
import { timeText, windowStart } from '../ingest/log-window.ts';
import { exportSlice, type Slice } from '../retention/export.ts';
import {
  type CliContext,
  type DatabaseOption,
  databaseFile,
  onDatabase,
  tellProblem,
  withDatabase,
} from './context.ts';
import { Printer } from './output.ts';

interface Options extends DatabaseOption {
  readonly from?: string;
  readonly to?: string;
  readonly zone?: string;
}

export function addExport(program: Command, context: CliContext): void {
  const command = program
    .command('export')
    .description("a part of the log as lines of JSON, for 'zonelog import' on another machine")
    .option('--from <moment>', 'the changes since then, after the state that there was (default: the beginning)')
    .option('--to <moment>', 'end there (default: now)')
    .option('--zone <apex>', 'whose serials are meant, where several zones had them');
  onDatabase(command)
    .addHelpText(
      'after',
      `
Moments are RFC 3339 times, -15m, or serials: that of --from is in the slice. A server may be running. It begins earlier
where a cluster was not listed whole at that time. Exit code 2: the log does not reach so far back.
Example: zonelog export --from -2h -db zonelog.db | gzip > slice.jsonl.gz`,
    )
    .action(async (options: Options) => {
      const printer = new Printer(context.stdout);
      await withDatabase(databaseFile(options, context), context, async (db) => {
        // One read transaction, with pauses in which what was read is taken.
        db.exec('BEGIN');
        const source = new HistorySource(db, context.now);
        const slice = source.ask(() => sliceOf(source, options));
        if (!slice.ok) {
          tellProblem(slice.error, context);
          return;
        }
        try {
          await printer.lines(exportSlice(db, slice.value));
        } catch (error) {
          throw describeFailure(error, db.name);
        }
      });
    });
}

function sliceOf(source: HistorySource, { from, to, zone }: Options): Answered<Slice> {
  const named = zone === undefined ? undefined : zoneIdOf(source, zone);
  if (named?.ok === false) return named;
  const zones = named === undefined ? source.zoneIds() : [named.value];
  const begin = from === undefined ? ok({ batch: windowStart(source.db).batch }) : beginOf(source, from, zones);
  if (!begin.ok) return begin;
  const end = endOfRange(source, { from, to }, zones);
  if (!end.ok) return end;
  return ok({ from: begin.value.batch + 1, to: end.value.batch });
}

/** The batch before the first that is wanted. */
function beginOf(source: HistorySource, from: string, zones: readonly string[]): Answered<{ readonly batch: number }> {
  const before = source.placeBefore(from, zones);
  if (!before.ok) return before;
  const moment = source.moment(from);
  const window = windowStart(source.db);
  if (moment.ok && moment.value.kind === 'time' && moment.value.time < window.time) {
    const begins = `which was cut and now begins at ${timeText(window.time)}`;
    return problem('beforeLog', `${timeText(moment.value.time)} is before the log, ${begins}`);
  }
  return before;
}
