/** `zonelog who`: everything that had an address. */
import type { Command } from 'commander';
import type { AddressAnswer } from '../history/answers.ts';
import { type CliContext, type DatabaseOption, Exit, onDatabase, withHistory } from './context.ts';
import { eventLine } from './history.ts';
import { escapeText, type Format, type FormatOption, Printer, recordLine, tableLines, withFormats } from './output.ts';

interface Options extends DatabaseOption, FormatOption {
  readonly at?: string;
}

export function addWho(program: Command, context: CliContext): void {
  const command = program
    .command('who')
    .description('every service, pod and name that had an address')
    .argument('<address>', 'an IPv4 or IPv6 address')
    .option('--at <moment>', 'as of then (default: now)');
  withFormats(onDatabase(command)).addHelpText(
    'after',
    `
Moments are RFC 3339 times or -15m. Exit code 1: nobody had it.
Example: zonelog who 10.244.1.7 --at 2026-11-21T02:45:00Z -db zonelog.db`,
  );
  command.action((address: string, options: Options) =>
    withHistory(options, context, async (history) => {
      const answered = history.who(address, options.at);
      if (!answered.ok) return answered.error;
      const { holders, names } = answered.value;
      if (holders.length === 0 && names.length === 0) context.exit(Exit.NONE);
      await print(answered.value, options.output, new Printer(context.stdout));
      return undefined;
    }),
  );
}

async function print(answer: AddressAnswer, format: Format, printer: Printer): Promise<void> {
  if (format === 'json' || format === 'yaml') await printer.whole(answer, format);
  else if (format === 'zone') await printer.lines(answer.names.map(recordLine));
  else await printer.lines(answerLines(answer));
}

function* answerLines({ address, at, holders, names, last }: AddressAnswer): Generator<string> {
  yield `${address} at ${at.time}${holders.length === 0 ? ': nobody had it' : ''}`;
  if (last !== undefined) {
    const { cluster, kind, namespace, name, service, pod, role, until } = last;
    const object = `${kind} ${namespace === '' ? '' : `${namespace}/`}${name} in ${cluster}`;
    const as = [role, service && `service ${service}`, pod && `pod ${pod}`].filter(Boolean).join(', ');
    yield escapeText(`last held by ${object} (${as}) until ${until.time}`);
    yield `  because ${eventLine(until)}`;
  }
  if (holders.length > 0) {
    yield* tableLines(
      ['role', 'kind', 'object', 'service', 'pod', 'cluster', 'since', 'by'],
      holders.map(({ role, kind, namespace, name, service, pod, cluster, since }) => [
        role,
        kind,
        namespace === '' ? name : `${namespace}/${name}`,
        service ?? '-',
        pod ?? '-',
        cluster,
        since?.time ?? '-',
        since?.manager ?? '-',
      ]),
    );
  }
  if (names.length > 0) {
    yield* tableLines(
      ['zone', 'name', 'type', 'data'],
      names.map(({ zone, owner, type, data }) => [zone, owner, type, data]),
    );
  }
}
