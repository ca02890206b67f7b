/** `zonelog events`: the raw log. */
import type { Command } from 'commander';
import type { LoggedEvent } from '../history/answers.ts';
import { type CliContext, type DatabaseOption, Exit, onDatabase, withHistory } from './context.ts';
import { wholeNumber } from './history.ts';
import { type Format, type FormatOption, jsonText, Printer, tableLines, withFormats, yamlText } from './output.ts';

interface Options extends DatabaseOption, FormatOption {
  readonly cluster?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit?: number;
}

const PAGE = 1000;

export function addEvents(program: Command, context: CliContext): void {
  const command = program
    .command('events')
    .description('the raw log, oldest first')
    .option('--cluster <text>', 'only clusters whose name has this text in it')
    .option('--kind <kind>', 'Service, Namespace, EndpointSlice, Pod, Cluster, Guard, Plan, Zone …')
    .option('--namespace <name>', 'only objects of this namespace')
    .option('--from <moment>', 'begin there')
    .option('--to <moment>', 'end there')
    .option('--limit <n>', 'the newest n (default: all)', wholeNumber);
  withFormats(onDatabase(command), 'table', ['table', 'json', 'yaml']).addHelpText(
    'after',
    `
JSON is one event a line. Exit code 1: there is none.
Example: zonelog events --kind Service --namespace apps --from -1h -db zonelog.db`,
  );
  command.action((options: Options) =>
    withHistory(options, context, async (history) => {
      const printer = new Printer(context.stdout);
      const { limit } = options;
      const newest: LoggedEvent[] = [];
      let cursor: string | undefined;
      let printed = 0;
      do {
        const page = history.events({
          ...options,
          cursor,
          limit: Math.min(PAGE, (limit ?? PAGE) - newest.length),
          isOldestFirst: limit === undefined,
        });
        if (!page.ok) return page.error;
        cursor = page.value.next;
        if (limit === undefined) {
          await printer.lines(linesOf(page.value.items, options.output, printed === 0));
          printed += page.value.items.length;
        } else newest.push(...page.value.items);
      } while (cursor !== undefined && !printer.isClosed && newest.length < (limit ?? Number.POSITIVE_INFINITY));
      if (limit !== undefined) await printer.lines(linesOf(newest.reverse(), options.output, true));
      if (printed + newest.length === 0) {
        context.stderr.write('the log has no such event\n');
        context.exit(Exit.NONE);
      }
      return undefined;
    }),
  );
}

function* linesOf(events: readonly LoggedEvent[], format: Format, isFirst: boolean): Generator<string> {
  if (events.length === 0) return;
  if (format === 'json') for (const event of events) yield jsonText(event);
  else if (format === 'yaml') for (const event of events) yield `---\n${yamlText(event)}`;
  else {
    const rows = events.map(({ position, time, event, cluster, namespace, name, resourceVersion, manager, detail }) => [
      String(position),
      time,
      event,
      `${namespace === undefined ? '' : `${namespace}/`}${name}${detail === undefined ? '' : ` (${detail})`}`,
      cluster === '' ? '-' : cluster,
      resourceVersion ?? '-',
      manager ?? '-',
    ]);
    const lines = tableLines(['position', 'time', 'event', 'object', 'cluster', 'version', 'by'], rows);
    yield* isFirst ? lines : lines.slice(1);
  }
}
