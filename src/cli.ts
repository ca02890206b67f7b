/** The commands beside the server: they read a Corefile or a database, and ask the server. One file each in cli/. */
import { Command, CommanderError } from 'commander';
import { addBackup } from './cli/backup.ts';
import { addCheck } from './cli/check.ts';
import { addCompact } from './cli/compact.ts';
import { addCompletion } from './cli/completion.ts';
import { type CliContext, type CliSurroundings, Exit } from './cli/context.ts';
import { addDiff } from './cli/diff.ts';
import { addEvents } from './cli/events.ts';
import { addExport } from './cli/export.ts';
import { addHistory } from './cli/history.ts';
import { addImport } from './cli/import.ts';
import { addPlan } from './cli/plan.ts';
import { addServerCommands } from './cli/server.ts';
import { addTail } from './cli/tail.ts';
import { addVerify } from './cli/verify.ts';
import { addWho } from './cli/who.ts';
import { addWhy } from './cli/why.ts';
import { addZone } from './cli/zone.ts';

/** In the order in which help lists them. */
const PARTS: readonly ((program: Command, context: CliContext) => void)[] = [
  addCheck,
  addHistory,
  addWhy,
  addZone,
  addDiff,
  addWho,
  addTail,
  addEvents,
  addPlan,
  addVerify,
  addBackup,
  addCompact,
  addExport,
  addImport,
  addServerCommands,
  addCompletion,
];

/** @returns the exit code. @throws OperatorError with the line for the operator */
export async function runCommand(argv: readonly string[], surroundings: CliSurroundings): Promise<number> {
  let code: number = Exit.FOUND;
  const { stdout, stderr } = surroundings;
  const program = new Command('zonelog')
    .description('An event-sourced DNS server for Kubernetes. Without a command it serves: see zonelog -help.')
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .exitOverride();
  const context: CliContext = {
    ...surroundings,
    exit: (value) => {
      code = value;
    },
  };
  for (const add of PARTS) add(program, context);
  try {
    await program.parseAsync(argv.map(plainWord), { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? Exit.FOUND : Exit.USAGE;
    throw error;
  }
  return code;
}

/** Flags may have one dash, as the server's have; how long ago something was (`-15m`) is no flag. */
function plainWord(word: string): string {
  if (/^-\d+[a-z]/.test(word)) return `now${word}`;
  return /^-[a-z]{2}/.test(word) ? `-${word}` : word;
}
