/** The process: arguments, environment, signals. Everything that is not a function of its inputs enters here. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { COMMANDS } from './cli/names.ts';
import { databaseOf } from './compose/database-path.ts';
import { readText, surroundingsOf } from './compose/files.ts';
import { parseServerFlags, type ServerFlags, usage } from './compose/flags.ts';
import { type RunningServer, type StartOptions, startServer } from './compose/start.ts';
import { VERSION } from './compose/version.ts';
import { DIRECTIVES, defaultCorefile, isSupportedDirective } from './corefile/config.ts';
import { OperatorError } from './errors.ts';
import { createLogger, type LogFormat, type Logger, logStyle } from './logger.ts';

const print = (line: string) => process.stdout.write(`${line}\n`);
let isDebug = false;
let logger = loggerOf('text');

/** How this thread logs. */
function loggerOf(format: LogFormat): Logger {
  const style = logStyle(format, () => Date.now() / 1000);
  return createLogger((line) => process.stdout.write(line), { isDebug: () => isDebug, style });
}

async function main(argv: readonly string[]): Promise<void> {
  if (COMMANDS.has(argv[0] ?? '')) {
    // The server has no use for what the commands need.
    const { runCommand } = await import('./cli.ts');
    process.exitCode = await runCommand(argv, {
      env: process.env,
      stdin: () => process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      now: Date.now,
      interrupted: () => new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve)),
    });
    return;
  }
  if (argv[0] === 'demo' && argv.length === 1) {
    await demo();
    return;
  }
  const flags = parseServerFlags(argv);
  if (!flags.ok) {
    process.stderr.write(`${flags.error}\n${usage()}`);
    process.exitCode = 2;
    return;
  }
  if (flags.value.rest.length > 0)
    throw new OperatorError(`extra command line arguments: [${flags.value.rest.join(' ')}]`);
  if (flags.value.isHelp) process.stderr.write(usage());
  else if (flags.value.isVersion) {
    print(`zonelog-${VERSION}`);
    print(`${process.platform}/${process.arch}, node ${process.version}`);
  } else if (flags.value.isPluginList) {
    for (const name of DIRECTIVES) if (isSupportedDirective(name)) print(name);
  } else await serve(flags.value);
}

/** Two built-in clusters and a Corefile for them: needs nothing, leaves its log in a folder of the project. */
async function demo(): Promise<void> {
  const { runDemo } = await import('./demo/demo.ts');
  await runDemo({
    // This file is in src/ or dist/.
    root: join(import.meta.dirname, '..'),
    print,
    startServer: ({ corefile, file, database }) =>
      run(QUIET, file, () => corefile, { flag: database, fallback: database }),
  });
}

const QUIET = { port: 53, isQuiet: true, logFormat: 'text' } as const;

async function serve(flags: ServerFlags): Promise<void> {
  const isMissing = flags.conf === undefined && !existsSync('Corefile');
  const file = flags.conf ?? 'Corefile';
  // The standard input can be read only once: a reload sees what it was.
  const fixed = isMissing ? defaultCorefile(flags.port) : file === 'stdin' ? readText(file) : undefined;
  await run(flags, file, () => fixed ?? readText(file), { flag: flags.db, fallback: databaseOf(process.env) });
}

async function run(
  flags: Pick<ServerFlags, 'port' | 'isQuiet' | 'pidfile' | 'logFormat'>,
  file: string,
  read: () => string,
  database: StartOptions['database'],
): Promise<void> {
  const crash = /^([a-z-]+):(\d+)$/.exec(process.env.ZONELOG_CRASH_AT ?? '');
  let server: RunningServer | undefined;
  logger = loggerOf(flags.logFormat);
  // First of all: the start may wait for a cluster, and answers are given before it has returned.
  const signals = handleSignals(() => server, flags.pidfile);
  server = await startServer({
    readCorefile: read,
    surroundings: surroundingsOf(file, process.env, (warning) => logger.warning(warning)),
    defaultPort: flags.port,
    database,
    isQuiet: flags.isQuiet,
    interfaces: networkInterfaces,
    now: () => performance.now() / 1000,
    clock: () => Date.now() / 1000,
    random: Math.random,
    processors: availableParallelism(),
    // The lines of the start are no log lines to CoreDNS; who wants objects wants nothing else.
    print: flags.logFormat === 'text' ? print : logger.info,
    logger,
    logFormat: flags.logFormat,
    setDebug: (isWanted) => {
      isDebug = isWanted;
    },
    ...(crash && { crashAt: { point: crash[1] as string, count: Number(crash[2]) } }),
    onFatal: (message) => {
      logger.fatal(message);
      process.exit(1);
    },
  });
  signals.started();
  if (flags.pidfile !== undefined) writePidfile(flags.pidfile);
}

/** A file that can't be written is no reason not to serve. */
function writePidfile(file: string): void {
  try {
    writeFileSync(file, `${process.pid}\n`);
  } catch (error) {
    logger.error(`Could not write pidfile: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** One that was never written is not there either. */
function removePidfile(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch (error) {
    logger.error(`Could not remove pidfile: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * @param running the server, once it has started; ended before that, it has nothing that must be closed in order
 * @returns what is to be told when it has
 */
function handleSignals(
  running: () => RunningServer | undefined,
  pidfile: string | undefined,
): { readonly started: () => void } {
  let isStopping = false;
  let isReloadDue = false;
  const stop = (line: string) => {
    isStopping = true;
    logger.info(line);
    const server = running();
    if (server === undefined) {
      end(0);
      return;
    }
    server.stop().then(
      () => end(0),
      (error: unknown) => {
        logger.error(String(error));
        end(3);
      },
    );
  };
  const end = (code: number) => {
    if (pidfile !== undefined) removePidfile(pidfile);
    process.exit(code);
  };
  process.on('SIGTERM', () => {
    if (!isStopping) stop('SIGTERM: Shutting down servers then terminating');
  });
  process.on('SIGINT', () => {
    if (isStopping) end(2);
    else stop('SIGINT: Shutting down');
  });
  process.on('SIGQUIT', () => {
    logger.info('SIGQUIT: Quitting process immediately');
    end(0);
  });
  process.on('SIGHUP', () => {});
  process.on('SIGUSR1', () => {
    logger.info('SIGUSR1: Reloading');
    const server = running();
    // The start has read the Corefile before, and can't go over to another one on its way.
    if (server === undefined) isReloadDue = true;
    else void server.reload();
  });
  return {
    started() {
      if (isReloadDue) void running()?.reload();
    },
  };
}

// Whoever read our lines may be gone: that is no reason to end.
process.stdout.on('error', () => {});

main(process.argv.slice(2)).catch((error: unknown) => {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${error instanceof OperatorError ? error.message : text}\n`);
  process.exit(1);
});
