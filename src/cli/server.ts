/** The commands that ask a running server: `release`, `status`, `transfers`, `snapshot`. */
import type { Command } from 'commander';
import { askServer } from '../compose/control-client.ts';
import { type Transfers, transferLines } from '../compose/transfer-status.ts';
import { type CliContext, type DatabaseOption, databaseFile, Exit, onDatabase } from './context.ts';

export function addServerCommands(program: Command, context: CliContext): void {
  const print = (line: string) => {
    context.stdout.write(`${line}\n`);
  };
  onDatabase(program.command('release').description('let deletions happen that the guard holds').argument('[cluster]'))
    .addHelpText('after', '\nExample: zonelog release https://10.0.0.1:6443 -db zonelog.db')
    .action(async (cluster: string | undefined, options: DatabaseOption) => {
      const query = cluster === undefined ? '' : `?${new URLSearchParams({ cluster })}`;
      const file = databaseFile(options, context);
      const answer = (await askServer(file, 'POST', `/release${query}`)) as { released: string[] };
      for (const id of answer.released) print(`released: ${id}`);
      if (answer.released.length === 0) {
        print('nothing is held');
        context.exit(Exit.NONE);
      }
    });
  onDatabase(program.command('status').description('how the clusters of the running server stand, as JSON'))
    .addHelpText('after', '\nExample: zonelog status -db zonelog.db')
    .action(async (options: DatabaseOption) =>
      print(JSON.stringify(await askServer(databaseFile(options, context), 'GET', '/status'), null, 2)),
    );
  onDatabase(
    program
      .command('transfers')
      .description('which version each secondary of the running server has, and what it takes in itself'),
  )
    .option('-o, --output <format>', 'table or json', 'table')
    .addHelpText('after', '\nExample: zonelog transfers -db zonelog.db')
    .action(async (options: DatabaseOption & { readonly output: string }) => {
      const answer = await askServer(databaseFile(options, context), 'GET', '/transfers');
      const transfers = answer as Transfers;
      if (options.output === 'json') print(JSON.stringify(transfers, null, 2));
      else for (const line of transferLines(transfers)) print(line);
    });
  onDatabase(program.command('snapshot').description('have the running server write a snapshot now'))
    .addHelpText('after', '\nExample: zonelog snapshot -db zonelog.db')
    .action(async (options: DatabaseOption) => {
      const file = databaseFile(options, context);
      const { isWritten } = (await askServer(file, 'POST', '/snapshot')) as { isWritten: boolean };
      print(isWritten ? 'written' : 'not written: a zone waits for a cluster, or else the log of the server tells why');
      if (!isWritten) context.exit(Exit.NONE);
    });
}
