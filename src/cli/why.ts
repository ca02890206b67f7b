/** `zonelog why`: from an answer to the objects and events behind it. */
import type { Command } from 'commander';
import type { Explanation } from '../history/answers.ts';
import { type CliContext, type DatabaseOption, Exit, onDatabase, withHistory } from './context.ts';
import { eventLine } from './history.ts';
import { escapeText, type Format, type FormatOption, Printer, recordLine, withFormats } from './output.ts';

interface Options extends DatabaseOption, FormatOption {
  readonly at?: string;
  readonly zone?: string;
}

export function addWhy(program: Command, context: CliContext): void {
  const command = program
    .command('why')
    .description('why a name was answered, or denied, as it was')
    .argument('<name>', 'a domain name')
    .argument('[type]', 'a record type', 'A')
    .option('--at <moment>', 'as of then (default: now)')
    .option('--zone <apex>', 'only this zone, where the name is in several');
  withFormats(onDatabase(command)).addHelpText(
    'after',
    `
Moments are RFC 3339 times, -15m, or serials. Exit code 1: there was no such record.
Example: zonelog why web.apps.svc.cluster.local --at 2026-11-21T02:45:00Z -db zonelog.db`,
  );
  command.action((name: string, type: string, options: Options) =>
    withHistory(options, context, async (history) => {
      const { at, zone } = options;
      const answered = history.why({ name, type, at, zone });
      if (!answered.ok) return answered.error;
      if (answered.value.at(-1)?.outcome !== 'answer') context.exit(Exit.NONE);
      await print(answered.value, options.output, new Printer(context.stdout));
      return undefined;
    }),
  );
}

async function print(explanations: readonly Explanation[], format: Format, printer: Printer): Promise<void> {
  if (format === 'json' || format === 'yaml') await printer.whole(explanations, format);
  else if (format === 'zone') await printer.lines(explanations.flatMap(({ records }) => records.map(recordLine)));
  else await printer.lines(explanations.flatMap((explanation) => [...explanationLines(explanation)]));
}

function* explanationLines({ at, zone, records, summary, stanzas }: Explanation): Generator<string> {
  yield escapeText(summary);
  yield `  at ${at.time}, zone ${zone} serial ${at.serial ?? '-'}`;
  for (const record of records) yield `    ${recordLine(record)}`;
  for (const { stanza, plugin, cluster, verdict, text, lost, held, events } of stanzas) {
    yield escapeText(
      `  stanza ${stanza} (${plugin}, ${cluster}): ${verdict === 'notAsked' ? 'not asked, ' : ''}${text}`,
    );
    if (lost !== undefined) yield escapeText(`    contact was lost: ${lost}`);
    if (held !== undefined) yield escapeText(`    ${held}`);
    for (const event of events) yield `    ${event.time} ${eventLine(event)}`;
  }
}
