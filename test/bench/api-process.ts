/** The fixture API server as a process of its own: objects of a size, changes at a rate, outages on request. */
import { FixtureApiServer } from '../../src/demo/apiserver.ts';
import type { ApiReply, ApiRequest, MarkedChange } from './api.ts';
import { type FixtureSize, type FlipTarget, flipped, flippedAddress, flipTargets, objects } from './fixture.ts';

const size = JSON.parse(process.argv[2] ?? '') as FixtureSize;
const server = new FixtureApiServer({ objects: [...objects(size)], historyLimit: 200_000 });
const targets = [...flipTargets(size)];
let changes = 0;

/** A change that somebody waits for. */
function flip(): MarkedChange {
  const { service, namespace, slice } = targets[changes % targets.length] as FlipTarget;
  const address = flippedAddress(changes++);
  const at = process.hrtime.bigint();
  server.apply(flipped(slice, address));
  return { service, namespace, address, at };
}

/** So many changes a second; every `markEvery`th is reported as it is made. */
async function flipAtRate(rate: number, count: number, markEvery: number): Promise<void> {
  const started = performance.now();
  let done = 0;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(count, Math.floor(((performance.now() - started) * rate) / 1000));
      for (; done < due; done++) {
        const change = flip();
        if (markEvery > 0 && done % markEvery === 0) send({ kind: 'marked', change });
      }
      if (done < count) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
}

async function handle(request: ApiRequest): Promise<unknown> {
  switch (request.kind) {
    case 'start':
      return (await server.start()).url;
    case 'stop':
      return server.stop();
    case 'flips':
      return flipAtRate(request.rate, request.count, request.markEvery);
    case 'relist': {
      // All at once, so that nobody hears of the change by a watch.
      server.dropConnections();
      const change = flip();
      server.compact();
      return change;
    }
    case 'flip':
      return flip();
    case 'watches':
      return server.watchCount;
  }
}

function send(reply: ApiReply): void {
  process.send?.(reply);
}

process.on('message', async ({ id, request }: { id: number; request: ApiRequest }) => {
  send({ kind: 'done', id, value: await handle(request) });
});
process.on('disconnect', () => process.exit());
