/** Several serving threads go over to a configuration, or none of them does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GoingOver, goOver } from '../../src/compose/going-over.ts';
import { ok } from '../../src/errors.ts';
import type { ListenPoint } from '../../src/serve/listen-point.ts';
import { name } from '../kit/records.ts';

const served = (port: number): GoingOver['next'] => {
  const keys = [{ transport: 'dns' as const, zone: name('.'), port }];
  return { blocks: [{ keys, zones: [name('.')], addresses: [], plugins: [], options: {} }], zones: [] };
};
const portsOf = (points: readonly ListenPoint[]) => points.map(({ port }) => port);
const [OLD, NEXT] = [served(1053), served(2053)];

/** Two threads; the second one refuses one configuration. */
function threads() {
  const log: string[] = [];
  const servers = [0, 1].map((i): GoingOver['servers'][number] => ({
    async serve({ blocks }) {
      if (i === 1 && blocks === NEXT.blocks) throw new Error('no room');
      log.push(`thread ${i} serves ${blocks[0]?.keys[0]?.port}`);
      return ['a line'];
    },
  }));
  const sockets: GoingOver['sockets'] = {
    async open(points) {
      log.push(`open ${portsOf(points)}`);
      return ok(new Map());
    },
    keepOnly: (points) => void log.push(`keep ${portsOf(points)}`),
  };
  return { log, servers, sockets };
}

test('when one thread refuses a configuration, the others go back to what was before, and its sockets refuse', async () => {
  const { log, servers, sockets } = threads();
  await assert.rejects(goOver({ servers, sockets, next: NEXT, before: OLD, batch: 1 }), /no room/);
  assert.deepEqual(log, ['open 2053', 'thread 0 serves 2053', 'open 1053', 'thread 0 serves 1053', 'keep 1053']);
});

test('when all take it, nothing else is kept', async () => {
  const { log, servers, sockets } = threads();
  assert.deepEqual(await goOver({ servers, sockets, next: OLD, before: NEXT, batch: 1 }), ['a line']);
  assert.deepEqual(log, ['open 1053', 'thread 0 serves 1053', 'thread 1 serves 1053', 'keep 1053']);
});
