/** From the text of a Corefile to what the threads are told. */
import {
  type BlockConfig,
  type Config,
  checkListeners,
  defaultCorefile,
  loadConfig,
  type Surroundings,
} from '../corefile/config.ts';
import { OperatorError } from '../errors.ts';
import { servingBlock } from '../serve/blocks.ts';
import { type Interfaces, listenAddresses, serverAddresses } from './addresses.ts';
import { type EventLogPlan, planEventLog } from './event-log.ts';
import type { ServerConfiguration } from './messages.ts';
import { type PlannedConfig, planConfig } from './plan.ts';
import { transferWarnings } from './transfer-warnings.ts';

export interface Understood {
  readonly config: Config;
  readonly planned: PlannedConfig;
  readonly serving: Omit<ServerConfiguration, 'descriptors'>;
  readonly eventLog: EventLogPlan;
}

/**
 * @param defaultPort of the blocks that name none
 * @throws OperatorError with what is wrong, as CoreDNS words it
 */
export function understand(
  text: string,
  surroundings: Surroundings,
  interfaces: Interfaces,
  defaultPort: number,
): Understood {
  const config = read(text, surroundings, defaultPort);
  const has = (name: string) => config.serverBlocks.some(({ directives }) => directives.has(name));
  if (has('asof') && !has('history')) throw new OperatorError("plugin/asof: 'history' must stand in the Corefile too");
  const bind = config.serverBlocks.map((block) => listenAddresses(block, interfaces));
  const listeners = checkListeners(
    config.serverBlocks.map(({ keys, options }, i) => ({
      keys,
      bind: bind[i] ?? [],
      isFiltered: options.view !== undefined,
    })),
    defaultPort,
  );
  if (!listeners.ok) throw new OperatorError(listeners.error.message);
  for (const warning of transferWarnings(config)) surroundings.warn(warning);
  const planned = planConfig(config, (block: BlockConfig) => serverAddresses(block, interfaces));
  const blocks = config.serverBlocks.map((block, i) => servingBlock(block, defaultPort, bind[i] ?? []));
  return { config, planned, serving: { blocks, zones: planned.blocks }, eventLog: planEventLog(config) };
}

/** A Corefile without a server block stands for the built-in one, as it does to CoreDNS. */
function read(text: string, surroundings: Surroundings, defaultPort: number): Config {
  const config = loadOrThrow(text, surroundings);
  if (config.serverBlocks.length > 0) return config;
  surroundings.warn(`${surroundings.file}: no server block: whoami and log are served on port ${defaultPort}`);
  return loadOrThrow(defaultCorefile(defaultPort), surroundings);
}

function loadOrThrow(text: string, surroundings: Surroundings): Config {
  const loaded = loadConfig(text, surroundings);
  if (!loaded.ok) throw new OperatorError(loaded.error.message);
  return loaded.value;
}
