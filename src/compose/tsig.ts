/** The keys of `tsig` stanzas, those in files too, and the plugin's handler. */
import path from 'node:path';
import type { BlockOptions } from '../corefile/config.ts';
import type { TsigKeys } from '../dns/tsig.ts';
import { parseKeyFile, type TsigKey } from '../dns/tsig-key.ts';
import { OperatorError } from '../errors.ts';
import type { HandlerFactory } from '../serve/blocks.ts';
import { createTsig } from '../serve/plugins/tsig.ts';
import { readText } from './files.ts';

/**
 * The keys that a server block names. Files are read anew each time.
 * @throws OperatorError when a file can't be read, or two keys have one name
 */
export function readTsigKeys({ tsig, root }: BlockOptions): TsigKeys {
  const keys = new Map<string, TsigKey>(tsig?.secrets);
  for (const name of tsig?.secretFiles ?? []) {
    const file = root === undefined ? name : path.resolve(root, name);
    const read = parseKeyFile(readText(file));
    if (!read.ok) throw new OperatorError(`${file}: ${read.error}`);
    for (const key of read.value) {
      if (keys.has(key.name)) throw new OperatorError(`${file}: key '${key.name}' redefined`);
      keys.set(key.name, key);
    }
  }
  return keys as ReadonlyMap<string, TsigKey> as TsigKeys;
}

/** @param clock Unix seconds */
export function tsigFactory(clock: () => number): HandlerFactory {
  return ({ options }, { now, logger }) => {
    const { zones = [], allowed = [], require = 'none', requireOpcode = 'none' } = options.tsig ?? {};
    return createTsig({ zones, allowed, require, requireOpcode, keys: readTsigKeys(options), clock, now, logger });
  };
}
