/** `zonelog diff`: the difference between two versions of a zone. */
import type { Command } from 'commander';
import type { ZoneDifference } from '../history/answers.ts';
import { type CliContext, type DatabaseOption, Exit, onDatabase, withHistory } from './context.ts';
import { type Format, type FormatOption, Printer, recordLine, withFormats } from './output.ts';

type Options = DatabaseOption & FormatOption;

export function addDiff(program: Command, context: CliContext): void {
  const command = program
    .command('diff')
    .description('what changed in a zone from one moment to another, as an incremental transfer brings it')
    .argument('<apex>', 'a zone')
    .argument('<from>', 'a moment')
    .argument('[to]', 'a moment (default: now)');
  withFormats(onDatabase(command)).addHelpText(
    'after',
    `
Moments are RFC 3339 times, -15m, or serials. Exit code 1: nothing changed.
Example: zonelog diff cluster.local -15m now -db zonelog.db`,
  );
  command.action((apex: string, from: string, to: string | undefined, options: Options) =>
    withHistory(options, context, async (history) => {
      const answered = history.diff(apex, from, to);
      if (!answered.ok) return answered.error;
      if (answered.value.from.batch === answered.value.to.batch) context.exit(Exit.NONE);
      await print(answered.value, options.output, new Printer(context.stdout));
      return undefined;
    }),
  );
}

async function print(difference: ZoneDifference, format: Format, printer: Printer): Promise<void> {
  if (format === 'json' || format === 'yaml') await printer.whole(difference, format);
  else await printer.lines(format === 'zone' ? transferLines(difference) : unifiedLines(difference));
}

function* unifiedLines({ zone, from, to, soaFrom, soaTo, removed, added }: ZoneDifference): Generator<string> {
  yield `--- ${zone} ${from.serial ?? '-'} ${from.time}`;
  yield `+++ ${zone} ${to.serial ?? '-'} ${to.time}`;
  if (from.batch === to.batch) return;
  yield `-${recordLine(soaFrom)}`;
  yield `+${recordLine(soaTo)}`;
  for (const record of removed) yield `-${recordLine(record)}`;
  for (const record of added) yield `+${recordLine(record)}`;
}

/** As RFC 1995 §4 orders one difference. */
function* transferLines({ soaFrom, soaTo, removed, added }: ZoneDifference): Generator<string> {
  for (const record of [soaFrom, ...removed, soaTo, ...added]) yield recordLine(record);
}
