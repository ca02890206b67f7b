/** The `reload` plugin: looks at the Corefile and what it imports every now and then, and goes over to what changed. */
import { createHash } from 'node:crypto';
import type { Config, ReloadOptions } from '../corefile/config.ts';
import type { Result } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { gaugeFamily, type MetricsSnapshot } from '../metrics.ts';
import { systemTimer, type Timer } from '../serve/timer.ts';

export interface AutoReloadOptions {
  /** Reads the configuration anew; the error is what is wrong with it. */
  readonly read: () => Result<Config, string>;
  /** Goes over to it, or says why not. */
  readonly reload: () => Promise<void>;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
  readonly timer?: Timer;
  readonly logger: Logger;
}

export interface AutoReload {
  /** This configuration is in force, whoever asked for it: what differs from it is news. */
  note(config: Config): void;
  snapshot(): MetricsSnapshot;
  stop(): void;
}

export function createAutoReload({ read, reload, random, logger, timer = systemTimer }: AutoReloadOptions): AutoReload {
  const plugin = logger.forPlugin('reload');
  let running: ReloadOptions | undefined;
  let hash = '';
  /** What was seen last: a hash, or what is wrong. */
  let seen = '';
  let cancel = () => {};
  let isStopped = false;

  const schedule = () => {
    cancel();
    if (running === undefined || isStopped) return;
    cancel = timer(() => void look(), running.intervalMs + random() * running.jitterMs);
  };
  const look = async () => {
    const next = read();
    // What was wrong is tried again, and said again, when something changes.
    const state = next.ok ? hashOf(next.value) : next.error;
    if (state !== seen) {
      seen = state;
      await reload();
    }
    schedule();
  };
  return {
    note(config) {
      const isNews = hashOf(config) !== hash || running === undefined;
      hash = hashOf(config);
      seen = hash;
      running = optionsOf(config);
      if (running !== undefined && isNews) plugin.info(`Running configuration SHA512 = ${hash}`);
      schedule();
    },
    snapshot() {
      const samples = running === undefined ? [] : [[['sha512', hash], 1] as const];
      const help = 'The configuration in force, by the hash of what it says.';
      return [gaugeFamily('coredns_reload_version_info', help, ['hash', 'value'], samples, 'max')];
    },
    stop() {
      isStopped = true;
      cancel();
    },
  };
}

/** Undefined where the plugin is not there, or switched off. */
function optionsOf({ serverBlocks }: Config): ReloadOptions | undefined {
  const options = serverBlocks.find((block) => block.options.reload !== undefined)?.options.reload;
  return options?.intervalMs === 0 ? undefined : options;
}

/** Changes exactly when what the Corefile says, imports included, does. */
function hashOf({ canonicalText }: Config): string {
  return createHash('sha512').update(canonicalText).digest('hex');
}
