/** `zonelog import`: a log of its own from what `export` printed. */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { describeFailure, openDatabase } from '../database.ts';
import { OperatorError } from '../errors.ts';
import { sync } from '../retention/backup.ts';
import { SliceImport } from '../retention/import.ts';
import type { SliceEnd } from '../retention/slice-lines.ts';
import { type CliContext, type DatabaseOption, databaseFile, Exit, onDatabase } from './context.ts';
import { counted } from './output.ts';

/** Characters: a line is an event or a part of a state, some hundred kilobytes at most. */
const MAX_LINE = 64 * 1024 * 1024;

export function addImport(program: Command, context: CliContext): void {
  const command = program
    .command('import')
    .description("make a log from what 'zonelog export' printed, and replay it to the same serials")
    .argument('<file>', "the lines; '-' is the standard input");
  onDatabase(command)
    .addHelpText(
      'after',
      `
The log must not be there yet. All commands work on it; times before the slice are told to be before the log.
Exit code 1: the slice is damaged or cut short; nothing is written then.
Example: gunzip < slice.jsonl.gz | zonelog import - -db slice.db && zonelog tail --since -2h --no-follow -db slice.db`,
    )
    .action(async (lines: string, options: DatabaseOption) => {
      const file = databaseFile(options, context);
      if (existsSync(file)) {
        context.stderr.write(`${file}: is there already; give the imported log another name\n`);
        context.exit(Exit.USAGE);
        return;
      }
      try {
        const input = lines === '-' ? context.stdin() : (await open(lines)).createReadStream();
        const { batches, events, head } = await importTo(file, input, context.now());
        const what = `${counted(events, 'event')} in ${counted(batches, 'batch', 'batches')}`;
        context.stdout.write(`${file}: ${what}, the same serials, head ${head}\n`);
      } catch (error) {
        const described = describeFailure(error, file);
        if (!(described instanceof OperatorError) && !isFileError(described)) throw described;
        context.stderr.write(`${lines === '-' ? 'standard input' : lines}: ${(described as Error).message}\n`);
        context.exit(Exit.NONE);
      }
    });
}

/** The log is there only when it is whole. */
async function importTo(file: string, input: Readable, now: number): Promise<SliceEnd> {
  const partial = `${file}.${process.pid}.partial`;
  const remove = () => {
    for (const end of ['', '-wal', '-shm', '.lock']) rmSync(partial + end, { force: true });
  };
  try {
    const owned = openDatabase(partial);
    let end: SliceEnd;
    try {
      // Until its last line is there the file is of no use to anybody.
      owned.db.pragma('synchronous = OFF');
      const taken = new SliceImport(owned.db, now);
      for await (const line of linesOf(input)) taken.take(line);
      end = taken.finish();
    } finally {
      owned.close();
    }
    sync(partial);
    renameSync(partial, file);
    sync(path.dirname(path.resolve(file)));
    return end;
  } finally {
    input.destroy();
    remove();
  }
}

/** @throws OperatorError for a line without end */
async function* linesOf(input: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of input.setEncoding('utf8')) {
    const parts = (rest + String(chunk)).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
    if (rest.length > MAX_LINE) throw new OperatorError('a line is too long');
  }
  if (rest !== '') yield rest;
}

function isFileError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}
