/** `auto`: the zones in the files of a directory, which come and go with the files. */
import { readdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { type AutoOptions, type BlockOptions, findStanza } from '../../corefile/config.ts';
import { type DomainName, isSubdomain, parseName } from '../../dns/name.ts';
import { OperatorError } from '../../errors.ts';
import type { HandlerTools, ServingBlock } from '../blocks.ts';
import type { Handler } from '../chain.ts';
import { compileMatcher, fillGroups } from '../match-pattern.ts';
import { openZoneFile } from '../static-zone/source.ts';
import { systemTimer, type Timer } from '../timer.ts';
import { reasonOf } from '../watched-file.ts';
import { createZoneHandler, isLastOf, type ServedSource } from './file.ts';

/** Files of one directory at most. */
const MAX_FILES = 100_000;

/** The zones of one stanza at this moment. */
interface Directory {
  readonly options: AutoOptions;
  sources(): readonly ServedSource[];
  close(): void;
}

/** @throws OperatorError for a pattern that is not supported */
export function openAuto(block: ServingBlock, tools: HandlerTools, timer: Timer = systemTimer): Handler {
  const directories: Directory[] = [];
  try {
    for (const options of block.options.auto ?? []) {
      directories.push(openDirectory(block.options, options, tools, timer));
    }
  } catch (error) {
    for (const directory of directories) directory.close();
    throw error;
  }
  const isLast = isLastOf(block, 'auto');
  const zones = (block.options.auto ?? []).flatMap((options) => options.zones);
  const handler = createZoneHandler('auto', () => directories.flatMap((directory) => directory.sources()), {
    // Beyond the zones that the directive is for the peer hands the question on, whoever may be there.
    isLast: (name) => isLast && zones.some((zone) => isSubdomain(name, zone)),
    askServer: tools.askServer,
  });
  return {
    ...handler,
    close() {
      for (const directory of directories) directory.close();
    },
  };
}

function openDirectory(
  { root = '', transfer = [] }: BlockOptions,
  options: AutoOptions,
  tools: HandlerTools,
  timer: Timer,
): Directory {
  const { logger, dropAnswers } = tools;
  const directory = path.resolve(root, options.directory);
  const matcher = compileMatcher(options.pattern);
  const zones = new Map<DomainName, ServedSource>();
  let cancel = () => {};
  let isClosed = false;

  /** The zone that a file is for; undefined: none of ours. */
  const zoneOf = (file: string): DomainName | undefined => {
    const match = matcher.find(path.basename(file));
    const origin = match && parseName(fillGroups(options.origin, match));
    return origin && options.zones.some((zone) => isSubdomain(origin, zone)) ? origin : undefined;
  };
  const add = (origin: DomainName, file: string, isDeferred: boolean): void => {
    const { reloadMs, fallthrough } = options;
    const [source] = openZoneFile({
      file,
      apexes: [origin],
      reloadMs,
      isDeferred,
      zonemdOf: (apex) => findStanza(transfer, apex)?.zonemd,
      logger,
      timer,
      onChange: dropAnswers,
    });
    if (!source) return;
    zones.set(origin, {
      file,
      apex: origin,
      get zone() {
        return source.zone;
      },
      close: source.close,
      fallthrough,
    });
    logger.info(`Inserting zone \`${origin}' from: ${file}`);
  };
  const update = (files: readonly string[], isDeferred: boolean): void => {
    const found = new Map<DomainName, string>();
    for (const file of files) {
      const origin = zoneOf(file);
      if (origin === undefined) continue;
      const other = found.get(origin);
      if (other === undefined) found.set(origin, file);
      else logger.warning(`Multiple zone files match origin "${origin}": using "${other}" instead of "${file}"`);
    }
    for (const [origin, source] of zones) {
      if (found.get(origin) === source.file) continue;
      source.close();
      zones.delete(origin);
      logger.info(`Deleting zone \`${origin}'`);
      dropAnswers();
    }
    for (const [origin, file] of found) {
      if (zones.has(origin)) continue;
      try {
        add(origin, file, isDeferred);
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
        logger.warning(`Parse zone \`${origin}': ${error.message}`);
      }
    }
  };
  const wait = (): void => {
    cancel = timer(() => {
      readdir(directory, { recursive: true, withFileTypes: true })
        .then((entries) => {
          if (!isClosed) update(filesOf(entries), true);
        })
        .catch((error: unknown) => logger.warning(`error reading ${directory}: ${reasonOf(error)}`))
        .finally(() => {
          if (!isClosed) wait();
        });
    }, options.reloadMs);
  };

  try {
    update(filesOf(readdirSync(directory, { recursive: true, withFileTypes: true })), false);
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    logger.warning(`error reading ${directory}: ${reasonOf(error)}`);
  }
  if (options.reloadMs > 0) wait();
  return {
    options,
    // A file that could not be read yet is no zone.
    sources: () => [...zones.values()].filter((source) => source.zone !== undefined),
    close() {
      isClosed = true;
      cancel();
      for (const source of zones.values()) source.close();
    },
  };
}

/** Files and links, in the order of their paths, without those in the hidden folders that a mounted ConfigMap has. */
function filesOf(
  entries: readonly {
    readonly name: string;
    readonly parentPath: string;
    isFile(): boolean;
    isSymbolicLink(): boolean;
  }[],
): string[] {
  return entries
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !file.includes(`${path.sep}..`))
    .sort()
    .slice(0, MAX_FILES);
}
