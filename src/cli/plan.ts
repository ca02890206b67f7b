/** `zonelog plan`: what manifests would do to the zones, before they are applied. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { Database } from '../database.ts';
import { parseManifests } from '../demo/manifests.ts';
import { rdataText } from '../dns/rdata-text.ts';
import type { ResourceRecord } from '../dns/rrset.ts';
import { typeText } from '../dns/type-text.ts';
import { OperatorError } from '../errors.ts';
import type { TextRecord } from '../history/answers.ts';
import { clustersOf, type Manifest, plannedEvents } from '../preview/planned-events.ts';
import { effectsOf, newestWorld } from '../preview/zone-effects.ts';
import { type CliContext, type DatabaseOption, databaseFile, Exit, onDatabase, withDatabase } from './context.ts';
import { escapeText, type FormatOption, Printer, recordLine, withFormats } from './output.ts';

interface Options extends DatabaseOption, FormatOption {
  readonly filename: readonly string[];
  readonly namespace: string;
  readonly cluster?: string;
}

interface Effect {
  readonly zone: string;
  readonly serial: number | undefined;
  readonly removed: readonly TextRecord[];
  readonly added: readonly TextRecord[];
}

export function addPlan(program: Command, context: CliContext): void {
  const collect = (value: string, before: readonly string[] = []) => [...before, value];
  const command = program
    .command('plan')
    .description('the difference that applying manifests would make to the zones; nothing is applied')
    .requiredOption('-f, --filename <file>', 'a file, a folder, or - for the standard input; may be repeated', collect)
    .option('-n, --namespace <name>', 'of objects that name none', 'default')
    .option('--cluster <text>', 'the cluster whose name has this text in it; needed where there are several');
  withFormats(onDatabase(command), 'table', ['table', 'json', 'yaml']).addHelpText(
    'after',
    `
Objects are taken as 'kubectl apply' would make them of what the log knows: cluster IPs and addresses of load balancers stay,
and what the cluster assigns to new ones is told. Endpoints come from pods that run, so Deployments and the like do nothing here.
Exit code 1: nothing would change; 2: manifests that can't be read, or no such cluster.
Example: zonelog plan -f manifests/ -db zonelog.db`,
  );
  command.action(async (options: Options) => {
    const manifests = await readManifests(options.filename, context);
    if (typeof manifests === 'string') {
      context.stderr.write(`${escapeText(manifests)}\n`);
      context.exit(Exit.USAGE);
      return;
    }
    await withDatabase(databaseFile(options, context), context, (db) => print(db, manifests, options, context));
  });
}

async function print(
  db: Database,
  manifests: readonly Manifest[],
  options: Options,
  context: CliContext,
): Promise<void> {
  const planned = db.transaction(() => {
    const world = newestWorld(db);
    const chosen = chooseCluster(clustersOf(world), options.cluster);
    if (typeof chosen === 'string') return chosen;
    const { events, notes } = plannedEvents(world, chosen, manifests, options.namespace);
    return { notes, effects: effectsOf(db, world, events) };
  })();
  if (typeof planned === 'string') {
    context.stderr.write(`${db.name}: ${planned}\n`);
    context.exit(Exit.USAGE);
    return;
  }
  const effects = planned.effects.map(
    ({ zone, serial, removed, added }): Effect => ({
      zone,
      serial,
      removed: removed.map(textOf),
      added: added.map(textOf),
    }),
  );
  if (effects.length === 0) context.exit(Exit.NONE);
  const printer = new Printer(context.stdout);
  if (options.output === 'table') await printer.lines(unifiedLines(effects));
  else await printer.whole({ notes: planned.notes, zones: effects }, options.output === 'yaml' ? 'yaml' : 'json');
  if (options.output === 'table') for (const note of planned.notes) context.stderr.write(`${escapeText(note)}\n`);
}

function textOf({ owner, ttl, type, rdata }: ResourceRecord): TextRecord {
  return { owner, ttl, type: typeText(type), data: rdataText(rdata) };
}

function* unifiedLines(effects: readonly Effect[]): Generator<string> {
  for (const { zone, serial, removed, added } of effects) {
    yield `--- ${zone} ${serial ?? '-'}`;
    yield `+++ ${zone} planned`;
    for (const record of removed) yield `-${recordLine(record)}`;
    for (const record of added) yield `+${recordLine(record)}`;
  }
}

/** @returns its views, or why there is no one cluster */
function chooseCluster<V>(clusters: ReadonlyMap<string, V>, text: string | undefined): V | string {
  const fitting = [...clusters].filter(([name]) => text === undefined || name.includes(text));
  const [first, second] = fitting;
  const names = [...clusters.keys()].map(escapeText).join(', ');
  if (first === undefined)
    return clusters.size === 0 ? 'no cluster was listed yet' : `no such cluster; there are ${names}`;
  if (second !== undefined) return `which cluster? --cluster chooses one of ${names}`;
  return first[1];
}

/** @returns the reason where a file can't be read */
async function readManifests(names: readonly string[], context: CliContext): Promise<Manifest[] | string> {
  const manifests: Manifest[] = [];
  for (const name of names) {
    try {
      for (const file of name === '-' ? ['-'] : filesOf(name)) {
        const text = file === '-' ? await readAll(context.stdin()) : readFileSync(file, 'utf8');
        try {
          manifests.push(...parseManifests(text).objects);
        } catch (error) {
          // A parser's message may have many lines.
          const [line] = (error instanceof Error ? error.message : String(error)).split('\n');
          throw new OperatorError(`${file}: ${line}`);
        }
      }
    } catch (error) {
      if (error instanceof OperatorError) return error.message;
      if (error instanceof Error && 'code' in error) return `${name}: ${error.message}`;
      throw error;
    }
  }
  return manifests.length === 0 ? `${names.join(', ')}: no objects` : manifests;
}

function filesOf(name: string): string[] {
  if (!statSync(name).isDirectory()) return [name];
  return readdirSync(name, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ya?ml|json)$/.test(file))
    .sort()
    .map((file) => path.join(name, file));
}
