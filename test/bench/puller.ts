/** The benchmark's end of the process that takes zones. */
import { once } from 'node:events';
import { startModule, stop } from './processes.ts';
import type { Pulled, PullRequest } from './pull-process.ts';

export interface Puller {
  pull(request: PullRequest): Promise<Pulled>;
  end(): Promise<void>;
}

/** One transfer at a time. */
export function startPuller(): Puller {
  const child = startModule('pull-process.ts', []);
  return {
    async pull(request) {
      const answered = once(child, 'message') as Promise<[Pulled]>;
      child.send(request);
      return (await answered)[0];
    },
    end: () => stop(child),
  };
}
