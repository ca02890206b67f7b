/** A thread of its own that serves `whoami`, its thread number in the NSID option: for tests of shared sockets. */
import { parentPort, workerData } from 'node:worker_threads';
import type { ServingBlock } from '../../src/serve/blocks.ts';
import { servingOf } from './serving.ts';

/** What such a thread is told. */
export type ThreadCommand =
  | { readonly configure: readonly ServingBlock[]; readonly descriptors: ReadonlyMap<string, number> }
  /** It does nothing else until this is notified. */
  | { readonly block: Int32Array<SharedArrayBuffer> };

/** Nobody is so forgetful as to block a thread for longer, milliseconds. */
const LONGEST = 60_000;

const { serving } = servingOf({}, { reusePort: true, hostName: `thread-${workerData}` });

parentPort?.on('message', async (command: ThreadCommand) => {
  if ('block' in command) {
    parentPort?.postMessage('blocking');
    Atomics.wait(command.block, 0, 0, LONGEST);
    return;
  }
  parentPort?.postMessage(await serving.configure(command.configure, command.descriptors));
});
