/** `zonelog check`: is the Corefile right? */
import { networkInterfaces } from 'node:os';
import type { Command } from 'commander';
import { readText, surroundingsOf } from '../compose/files.ts';
import { understand } from '../compose/understand.ts';
import type { CliContext } from './context.ts';

export function addCheck(program: Command, context: CliContext): void {
  program
    .command('check')
    .description('read a Corefile and say what is wrong with it')
    .option('--conf <file>', 'the Corefile', 'Corefile')
    .addHelpText('after', '\nExample: zonelog check -conf Corefile')
    .action(({ conf }: { conf: string }) => {
      const warn = (warning: string) => context.stderr.write(`[WARNING] ${warning}\n`);
      const { config } = understand(readText(conf), surroundingsOf(conf, context.env, warn), networkInterfaces(), 53);
      const blocks = config.serverBlocks.length;
      context.stdout.write(`${conf}: ${blocks} server ${blocks === 1 ? 'block' : 'blocks'}, nothing wrong\n`);
    });
}
