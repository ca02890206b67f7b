/** What every command has: its environment, where it prints, how it ends. */
import type { Readable, Writable } from 'node:stream';
import type { Command } from 'commander';
import { databaseOf } from '../compose/database-path.ts';
import { type Database, openReadOnly } from '../database.ts';
import { OperatorError } from '../errors.ts';
import type { HistoryProblem, HistoryProblemKind } from '../history/problem.ts';
import { type History, openHistory } from '../history/questions.ts';

/** How a command ends, for scripts. */
export const Exit = {
  /** What was asked for was found; what was to be checked is right. */
  FOUND: 0,
  /** There is none; something is wrong. */
  NONE: 1,
  /** The question can't be answered: wrong words, unknown zones, moments that the log does not reach. */
  USAGE: 2,
  /** The log can't be read: no such file, no log, damaged, of another version. */
  NO_LOG: 3,
} as const;

/** What comes from outside. */
export interface CliSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** The standard input, begun to be read by the call. */
  stdin(): Readable;
  /** Unix milliseconds. */
  now(): number;
  /** From the first call on, signals don't end the process but resolve the promise. */
  interrupted(): Promise<void>;
}

export interface CliContext extends CliSurroundings {
  /** The command ends with this code, when it is done. */
  exit(code: number): void;
}

export interface DatabaseOption {
  readonly db?: string;
}

/** A command that reads a database. */
export function onDatabase(command: Command): Command {
  return command.option(
    '--db <file>',
    'the event log, or a copy of one (default: $STATE_DIRECTORY/zonelog.db, else ./zonelog.db)',
  );
}

export function databaseFile({ db }: DatabaseOption, { env }: Pick<CliContext, 'env'>): string {
  return db ?? databaseOf(env);
}

/**
 * Reads a database as it is; one that can't be used is told in one line and as the exit code.
 * @returns whether it could be used
 */
export async function withDatabase(
  file: string,
  context: CliContext,
  read: (db: Database) => void | Promise<void>,
): Promise<boolean> {
  let db: Database;
  try {
    db = openReadOnly(file);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    context.stderr.write(`${error.message}\n`);
    context.exit(Exit.NO_LOG);
    return false;
  }
  try {
    await read(db);
  } finally {
    db.close();
  }
  return true;
}

/** Opens the history, asks, closes it again; what can't be answered is told in one line and as the exit code. */
export async function withHistory(
  options: DatabaseOption,
  context: CliContext,
  ask: (history: History) => Promise<HistoryProblem | undefined>,
): Promise<void> {
  const opened = openHistory(databaseFile(options, context), { now: context.now });
  if (!opened.ok) {
    tellProblem(opened.error, context);
    return;
  }
  try {
    const failed = await ask(opened.value);
    if (failed !== undefined) tellProblem(failed, context);
  } finally {
    opened.value.close();
  }
}

/** One line on the error stream, and the exit code. */
export function tellProblem({ kind, message }: HistoryProblem, context: CliContext): void {
  context.stderr.write(`${message}\n`);
  context.exit(exitOf(kind));
}

function exitOf(kind: HistoryProblemKind): number {
  if (kind === 'noLog' || kind === 'unusable' || kind === 'damaged') return Exit.NO_LOG;
  return kind === 'notComplete' ? Exit.NONE : Exit.USAGE;
}
