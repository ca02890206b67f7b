/** A thread of its own that serves `whoami`, its thread number in the NSID option: for tests of shared sockets. */
import { parentPort, workerData } from 'node:worker_threads';
import type { ServingBlock } from '../../src/serve/blocks.ts';
import { servingOf } from './serving.ts';

/** What such a thread is told. */
export type ThreadCommand =
  | { readonly configure: readonly ServingBlock[]; readonly descriptors: ReadonlyMap<string, number> }
  /** Milliseconds in which it does nothing else. */
  | { readonly block: number };

const { serving } = servingOf({}, { reusePort: true, hostName: `thread-${workerData}` });

parentPort?.on('message', async (command: ThreadCommand) => {
  if ('block' in command) {
    const until = performance.now() + command.block;
    parentPort?.postMessage('blocking');
    while (performance.now() < until);
    return;
  }
  parentPort?.postMessage(await serving.configure(command.configure, command.descriptors));
});
