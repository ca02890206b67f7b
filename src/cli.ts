/** The commands beside the server: they read a Corefile or a database, and ask the server; they write nothing. */
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { Command, CommanderError } from 'commander';
import { askServer } from './compose/control-client.ts';
import { databaseOf } from './compose/database-path.ts';
import { readText, surroundingsOf } from './compose/files.ts';
import { type TransferStatus, transferLines } from './compose/transfer-status.ts';
import { understand } from './compose/understand.ts';
import { openReadOnly } from './database.ts';
import { parseName } from './dns/name.ts';
import { parseType } from './dns/type-text.ts';
import { recordText } from './dns/zonefile.ts';
import { OperatorError } from './errors.ts';
import { EventLog } from './ingest/log.ts';
import { historyOfName, type NameChange, zonesOfName } from './projection/history.ts';

const OK = 0;
const FOUND_WRONG = 1;
const USAGE = 2;

type Environment = Readonly<Record<string, string | undefined>>;

/** @returns the exit code. @throws OperatorError with the line for the operator */
export async function runCommand(argv: readonly string[], env: Environment): Promise<number> {
  let code = OK;
  const print = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  const program = new Command('zonelog')
    .description('An event-sourced DNS server for Kubernetes. Without a command it serves: see zonelog -help.')
    .exitOverride();
  const database = (command: Command) =>
    command.option('--db <file>', 'file of the event log (default: $STATE_DIRECTORY/zonelog.db, else ./zonelog.db)');

  program
    .command('check')
    .description('read a Corefile and say what is wrong with it')
    .option('--conf <file>', 'the Corefile', 'Corefile')
    .action(({ conf }: { conf: string }) => print(checkCorefile(conf, env)));
  database(program.command('verify').description('recompute the hash chain of the log and read every event'))
    .addHelpText('after', '\nExample: zonelog verify -db zonelog.db')
    .action(({ db }: { db?: string }) => {
      const result = verifyLog(db ?? databaseOf(env));
      print(result.line);
      if (!result.isWhole) code = FOUND_WRONG;
    });
  database(
    program
      .command('history')
      .description('every change of a name: when, from what to what, and why')
      .argument('<name>')
      .argument('[type]'),
  )
    .addHelpText('after', '\nExample: zonelog history web.apps.svc.cluster.local A -db zonelog.db')
    .action((name: string, type: string | undefined, { db }: { db?: string }) => {
      let count = 0;
      for (const line of historyLines(db ?? databaseOf(env), name, type)) {
        print(line);
        count += 1;
      }
      if (count === 0) code = FOUND_WRONG;
    });

  database(program.command('release').description('let deletions happen that the guard holds').argument('[cluster]'))
    .addHelpText('after', '\nExample: zonelog release https://10.0.0.1:6443 -db zonelog.db')
    .action(async (cluster: string | undefined, { db }: { db?: string }) => {
      const query = cluster === undefined ? '' : `?${new URLSearchParams({ cluster })}`;
      const answer = (await askServer(db ?? databaseOf(env), 'POST', `/release${query}`)) as { released: string[] };
      for (const id of answer.released) print(`released: ${id}`);
      if (answer.released.length === 0) {
        print('nothing is held');
        code = FOUND_WRONG;
      }
    });
  database(program.command('status').description('how the clusters of the running server stand, as JSON')).action(
    async ({ db }: { db?: string }) =>
      print(JSON.stringify(await askServer(db ?? databaseOf(env), 'GET', '/status'), null, 2)),
  );
  database(
    program.command('transfers').description('the zones of the running server, and which version each secondary has'),
  )
    .option('-o, --output <format>', 'table or json', 'table')
    .addHelpText('after', '\nExample: zonelog transfers -db zonelog.db')
    .action(async ({ db, output }: { db?: string; output: string }) => {
      const zones = (await askServer(db ?? databaseOf(env), 'GET', '/transfers')) as readonly TransferStatus[];
      if (output === 'json') print(JSON.stringify(zones, null, 2));
      else for (const line of transferLines(zones)) print(line);
    });
  database(program.command('snapshot').description('have the running server write a snapshot now')).action(
    async ({ db }: { db?: string }) => {
      const { isWritten } = (await askServer(db ?? databaseOf(env), 'POST', '/snapshot')) as { isWritten: boolean };
      print(isWritten ? 'written' : 'not possible at the moment: a zone waits for a cluster');
      if (!isWritten) code = FOUND_WRONG;
    },
  );

  try {
    await program.parseAsync(argv.map(twoDashes), { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? OK : USAGE;
    throw error;
  }
  return code;
}

/** Flags may have one dash, as the server's have. */
function twoDashes(word: string): string {
  return /^-[a-z]{2}/.test(word) ? `-${word}` : word;
}

function checkCorefile(conf: string, env: Environment): string {
  const warn = (warning: string) => process.stderr.write(`[WARNING] ${warning}\n`);
  const { config } = understand(readText(conf), surroundingsOf(conf, env, warn), networkInterfaces(), 53);
  const blocks = config.serverBlocks.length;
  return `${conf}: ${blocks} server ${blocks === 1 ? 'block' : 'blocks'}, nothing wrong`;
}

function verifyLog(file: string): { readonly line: string; readonly isWhole: boolean } {
  const db = openReadOnly(file);
  try {
    const result = new EventLog(db).verify();
    if (result.ok) {
      const { batches, events, headHash } = result.value;
      return {
        line: `${file}: ${events} events in ${batches} batches, the chain is whole, head ${headHash}`,
        isWhole: true,
      };
    }
    const { batch, position, problem } = result.error;
    const place = position === undefined ? `batch ${batch}` : `batch ${batch}, event ${position}`;
    return { line: `${file}: broken at ${place}: ${problem}`, isWhole: false };
  } finally {
    db.close();
  }
}

function* historyLines(file: string, text: string, typeName: string | undefined): Generator<string> {
  const name = parseName(text);
  if (name === undefined) throw new OperatorError(`${text}: not a domain name`);
  const type = typeName === undefined ? undefined : parseType(typeName.toUpperCase());
  if (typeName !== undefined && type === undefined) throw new OperatorError(`${typeName}: not a record type`);
  const db = openReadOnly(path.resolve(file));
  try {
    if (zonesOfName(db, name).length === 0) throw new OperatorError(`${name} is in no zone of ${file}`);
    for (const change of historyOfName(db, name)) yield* changeLines(change, type);
  } finally {
    db.close();
  }
}

function* changeLines(change: NameChange, type: number | undefined): Generator<string> {
  const removed = change.removed.filter((record) => type === undefined || record.type === type);
  const added = change.added.filter((record) => type === undefined || record.type === type);
  if (removed.length === 0 && added.length === 0) return;
  yield `${new Date(change.time).toISOString()}  ${change.zone} serial ${change.serial}`;
  for (const record of removed) yield `  - ${recordText(record)}`;
  for (const record of added) yield `  + ${recordText(record)}`;
  for (const { cluster, kind, key, resourceVersion, manager } of change.causes) {
    const version = resourceVersion === null ? '' : ` resourceVersion ${resourceVersion}`;
    yield `  because ${kind} ${key} in ${cluster}${version}${manager === null ? '' : ` by ${manager}`}`;
  }
}
