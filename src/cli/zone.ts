/** `zonelog zone`: a zone as it was. */
import type { Command } from 'commander';
import type { ZoneAt } from '../history/answers.ts';
import { type CliContext, type DatabaseOption, onDatabase, withHistory } from './context.ts';
import { type Format, type FormatOption, jsonText, Printer, recordLine, tableLines, withFormats } from './output.ts';

interface Options extends DatabaseOption, FormatOption {
  readonly at?: string;
}

export function addZone(program: Command, context: CliContext): void {
  const command = program
    .command('zone')
    .description('a zone as a transfer gave it then, as a master file')
    .argument('<apex>', 'a zone; with #2 … where several server blocks build different zones of it')
    .option('--at <moment>', 'as of then (default: now)');
  withFormats(onDatabase(command), 'zone').addHelpText(
    'after',
    `
Moments are RFC 3339 times, -15m, or serials. Exit code 1: the zone was not complete then.
Example: zonelog zone cluster.local --at -15m -db zonelog.db`,
  );
  command.action((apex: string, options: Options) =>
    withHistory(options, context, async (history) => {
      const answered = history.zoneAt(apex, options.at);
      if (!answered.ok) return answered.error;
      const printer = new Printer(context.stdout);
      await printer.lines(linesOf(answered.value, options.output));
      return undefined;
    }),
  );
}

function* linesOf({ zone, apex, version, records }: ZoneAt, format: Format): Generator<string> {
  if (format === 'zone') for (const record of records) yield recordLine(record);
  else if (format === 'table') {
    yield* tableLines(
      ['owner', 'ttl', 'type', 'data'],
      [...records].map(({ owner, ttl, type, data }) => [owner, String(ttl), type, data]),
    );
  } else if (format === 'json') {
    // Record by record: the zone need not be held as text as a whole.
    const head = jsonText({ zone, apex, version });
    yield `${head.slice(0, -1)},"records":[`;
    let before: string | undefined;
    for (const record of records) {
      if (before !== undefined) yield `${before},`;
      before = jsonText(record);
    }
    yield `${before ?? ''}]}`;
  } else {
    yield `zone: ${jsonText(zone)}`;
    yield `apex: ${jsonText(apex)}`;
    yield `version: ${jsonText(version)}`;
    yield 'records:';
    for (const record of records) yield `  - ${jsonText(record)}`;
  }
}
