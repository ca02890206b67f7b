/** `zonelog history`: what a name was. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Cause, FactChange, RecordValue } from '../history/answers.ts';
import { type CliContext, type DatabaseOption, Exit, onDatabase, withHistory } from './context.ts';
import { escapeText, type Format, type FormatOption, jsonText, Printer, recordLine, withFormats } from './output.ts';

interface Options extends DatabaseOption, FormatOption {
  readonly from?: string;
  readonly to?: string;
  readonly zone?: string;
  readonly limit?: number;
}

export function addHistory(program: Command, context: CliContext): void {
  const command = program
    .command('history')
    .description('every value that a name had: since when, until when, and because of what')
    .argument('<name>', 'a domain name')
    .argument('[type]', 'a record type: A, SRV … (default: all)')
    .option('--from <moment>', 'leave out what had ended before')
    .option('--to <moment>', 'leave out what began later')
    .option('--zone <apex>', 'only this zone, where the name is in several')
    .option('--limit <n>', 'the newest n values (default: all)', wholeNumber);
  withFormats(onDatabase(command)).addHelpText(
    'after',
    `
Moments are RFC 3339 times, -15m, or serials. Exit code 1: the name never had such a record.
Example: zonelog history web.apps.svc.cluster.local A --from -2h -db zonelog.db`,
  );
  command.action((name: string, type: string | undefined, options: Options) =>
    withHistory(options, context, async (history) => {
      const values: RecordValue[] = [];
      let cursor: string | undefined;
      do {
        const { from, to, zone, limit } = options;
        const left = limit === undefined ? PAGE : Math.min(PAGE, limit - values.length);
        const page = history.recordHistory({ name, type, from, to, zone, cursor, limit: left });
        if (!page.ok) return page.error;
        values.push(...page.value.items);
        cursor = page.value.next;
      } while (cursor !== undefined && values.length < (options.limit ?? Number.POSITIVE_INFINITY));
      if (!values.some(({ records }) => records.length > 0)) context.exit(Exit.NONE);
      if (values.length === 0) context.stderr.write(`${noneText(name, type, options)}\n`);
      await print(values, options.output, new Printer(context.stdout));
      return undefined;
    }),
  );
}

const PAGE = 500;

/** A misspelt name looks like one that never had anything: whoever asked may be looking at the wrong thing. */
function noneText(name: string, type: string | undefined, { from, to }: Options): string {
  const what = type === undefined ? 'record' : `${type.toUpperCase()} record`;
  const asked = `${escapeText(name)} had no ${what}`;
  return from === undefined && to === undefined
    ? `${asked} since the log begins; 'zonelog why' tells what denies it`
    : `${asked} in that time`;
}

/** @throws InvalidArgumentError, which commander tells */
export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('It is a number from 1 on.');
  return Number(text);
}

async function print(values: readonly RecordValue[], format: Format, printer: Printer): Promise<void> {
  if (format === 'json' || format === 'yaml') await printer.whole(values, format);
  // The newest last, where the eye is when the output ends.
  else await printer.lines(linesOf(values.toReversed(), format === 'zone' ? zoneLines : valueLines));
}

function* linesOf(values: readonly RecordValue[], lines: (value: RecordValue) => Iterable<string>): Generator<string> {
  for (const value of values) yield* lines(value);
}

function* zoneLines({ from, to, records, type, name }: RecordValue): Generator<string> {
  const until = to === undefined ? 'now' : `${to.time} serial ${to.serial ?? '-'}`;
  yield `; ${from.isBeforeLog ? 'before ' : ''}${from.time} serial ${from.serial ?? '-'} until ${until}${records.length === 0 ? `: no ${name} ${type}` : ''}`;
  for (const record of records) yield recordLine(record);
}

function* valueLines(value: RecordValue): Generator<string> {
  const { zone, name, type, records, from, to, removed, added, causes } = value;
  const until = to === undefined ? '' : ` until ${to.time} (serial ${to.serial ?? '-'})`;
  const since = from.isBeforeLog ? 'before ' : '';
  yield `${since}${from.time}  serial ${from.serial ?? '-'}  ${name} ${type} in ${zone}${until}`;
  const isNew = new Set(added.map(recordLine));
  for (const record of removed) yield `  - ${recordLine(record)}`;
  for (const record of records) yield `  ${isNew.has(recordLine(record)) ? '+' : ' '} ${recordLine(record)}`;
  if (from.isBeforeLog) yield '    it was so already where the log begins: what came before has been removed';
  for (const cause of causes) yield* causeLines(cause);
}

function* causeLines(cause: Cause): Generator<string> {
  yield `    because ${eventLine(cause)}`;
  for (const change of cause.changes) yield `      ${changeText(change)}`;
}

/** An event in one line. */
export function eventLine({
  event,
  cluster,
  kind,
  namespace,
  name,
  resourceVersion,
  manager,
}: Omit<Cause, 'changes'>): string {
  const object = `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
  const words = [event, kind === 'Plan' ? '' : object, cluster === '' ? '' : `in ${cluster}`];
  if (resourceVersion !== undefined) words.push(`resourceVersion ${resourceVersion}`);
  if (manager !== undefined) words.push(`by ${manager}`);
  return escapeText(words.filter((word) => word !== '').join(' '));
}

/** What a list of a hundred endpoints was is no use on a line. */
const MOST_TEXT = 160;

function changeText(change: FactChange): string {
  const text = (value: unknown) => {
    const json = jsonText(value);
    return json.length > MOST_TEXT ? `${json.slice(0, MOST_TEXT)}…` : json;
  };
  const path = escapeText(change.path === '' ? 'object' : change.path);
  if (!('old' in change)) return `${path}: + ${text(change.new)}`;
  if (!('new' in change)) return `${path}: - ${text(change.old)}`;
  return `${path}: ${text(change.old)} → ${text(change.new)}`;
}
