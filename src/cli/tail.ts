/** `zonelog tail`: changes of zones as they are published. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { ZoneChange } from '../history/answers.ts';
import { type CliContext, type DatabaseOption, Exit, onDatabase, withHistory } from './context.ts';
import { eventLine, wholeNumber } from './history.ts';
import { type Format, type FormatOption, jsonText, Printer, recordLine, withFormats, yamlText } from './output.ts';

interface Options extends DatabaseOption, FormatOption {
  readonly zone?: string;
  readonly name?: string;
  readonly since?: string;
  readonly follow: boolean;
  readonly count?: number;
}

/** Milliseconds between two looks. */
const LOOK_EVERY = 100;

export function addTail(program: Command, context: CliContext): void {
  const command = program
    .command('tail')
    .description('changes of zones as they are published, until interrupted')
    .option('--zone <apex>', 'only this zone')
    .option('--name <pattern>', 'only changes of names like this one; * stands for anything')
    .option('--since <moment>', 'begin there (default: now)')
    .option('--no-follow', 'end when all there is has been printed')
    .option('--count <n>', 'end after n changes', wholeNumber);
  withFormats(onDatabase(command)).addHelpText(
    'after',
    `
JSON is one change a line. Exit code 1: there was none.
Example: zonelog tail --zone cluster.local --name '*.apps.svc.*' -db zonelog.db`,
  );
  command.action((options: Options) =>
    withHistory(options, context, async (history) => {
      const printer = new Printer(context.stdout);
      const { zone, name, since, count = Number.POSITIVE_INFINITY } = options;
      let isInterrupted = false;
      const interrupted = context.interrupted().then(() => {
        isInterrupted = true;
      });
      let after: string | undefined;
      let printed = 0;
      while (!isInterrupted && !printer.isClosed) {
        const limit = Math.min(100, count - printed);
        const page = history.changes({
          zone,
          name,
          after,
          limit,
          mostRecords: MOST_RECORDS,
          ...(after === undefined && { since }),
        });
        if (!page.ok) return page.error;
        after = page.value.cursor;
        printed += page.value.items.length;
        await printer.lines(page.value.items.flatMap((change) => [...changeLines(change, options.output)]));
        if (printed >= count || (!options.follow && !page.value.isMore)) break;
        if (!page.value.isMore) await Promise.race([sleep(LOOK_EVERY), interrupted]);
      }
      if (printed === 0 && !isInterrupted && !printer.isClosed) {
        context.stderr.write(
          `nothing was published since ${since === undefined ? 'now: --since begins earlier' : 'then'}\n`,
        );
        context.exit(Exit.NONE);
      }
      return undefined;
    }),
  );
}

/** Of one change. */
const MOST_RECORDS = 1000;

function* changeLines(change: ZoneChange, format: Format): Generator<string> {
  if (format === 'json') yield jsonText(change);
  else if (format === 'yaml') yield `---\n${yamlText(change)}`;
  else {
    const { zone, version, from, removed, added, removedCount, addedCount, events } = change;
    const mark = format === 'zone' ? '; ' : '';
    const what = from === undefined ? 'first version' : `from ${from.serial ?? '-'}`;
    yield `${mark}${version.time}  ${zone} serial ${version.serial ?? '-'} ${what}`;
    for (const record of removed) yield `${format === 'zone' ? '; -' : '  - '}${recordLine(record)}`;
    for (const record of added) yield `${format === 'zone' ? '' : '  + '}${recordLine(record)}`;
    const left = removedCount + addedCount - removed.length - added.length;
    if (left > 0) yield `${mark}  and ${left} more`;
    if (format === 'table') for (const event of events.slice(0, 10)) yield `    because ${eventLine(event)}`;
  }
}
