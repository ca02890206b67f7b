/** From the text of a Corefile to what the threads are told. */
import { type BlockConfig, type Config, checkListeners, loadConfig, type Surroundings } from '../corefile/config.ts';
import { OperatorError } from '../errors.ts';
import { servingBlock } from '../serve/blocks.ts';
import { type Interfaces, listenAddresses, serverAddresses } from './addresses.ts';
import { type EventLogPlan, planEventLog } from './event-log.ts';
import type { ServerConfiguration } from './messages.ts';
import { type PlannedConfig, planConfig } from './plan.ts';

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
  const read = loadConfig(text, surroundings);
  if (!read.ok) throw new OperatorError(read.error.message);
  const config = read.value;
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
  const planned = planConfig(config, (block: BlockConfig) => serverAddresses(block, interfaces));
  const blocks = config.serverBlocks.map((block, i) => servingBlock(block, defaultPort, bind[i] ?? []));
  return { config, planned, serving: { blocks, zones: planned.blocks }, eventLog: planEventLog(config) };
}
