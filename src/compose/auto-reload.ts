/** The `reload` plugin: looks at the Corefile and what it imports every now and then, and goes over to what changed. */
import { createHash } from 'node:crypto';
import type { Config } from '../corefile/config.ts';
import type { Result } from '../errors.ts';
import type { Logger } from '../logger.ts';

export interface AutoReloadOptions {
  /** Reads the configuration anew; the error is what is wrong with it. */
  readonly read: () => Result<Config, string>;
  /** Goes over to it, or says why not. */
  readonly reload: () => Promise<void>;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
  readonly logger: Logger;
}

/** @returns a function that ends it */
export function startAutoReload(first: Config, { read, reload, random, logger }: AutoReloadOptions): () => void {
  let current = first;
  let seen = hashOf(first);
  let timer: NodeJS.Timeout | undefined;
  const plugin = logger.forPlugin('reload');
  const intervalOf = ({ serverBlocks }: Config) => {
    const options = serverBlocks.find((block) => block.options.reload !== undefined)?.options.reload;
    if (options === undefined || options.intervalMs === 0) return undefined;
    return options.intervalMs + random() * options.jitterMs;
  };
  const schedule = () => {
    const milliseconds = intervalOf(current);
    if (milliseconds !== undefined) timer = setTimeout(() => void look(), milliseconds).unref();
  };
  const look = async () => {
    const next = read();
    // What was wrong is tried again, and said again, when something changes.
    const state = next.ok ? hashOf(next.value) : next.error;
    if (state !== seen) {
      seen = state;
      await reload();
      if (next.ok) {
        current = next.value;
        plugin.info(`Running configuration SHA512 = ${state}`);
      }
    }
    schedule();
  };
  if (intervalOf(first) !== undefined) plugin.info(`Running configuration SHA512 = ${seen}`);
  schedule();
  return () => clearTimeout(timer);
}

/** Changes exactly when what the Corefile says, imports included, does. */
function hashOf({ canonicalText }: Config): string {
  return createHash('sha512').update(canonicalText).digest('hex');
}
