/** The thread of `history`: begun, replaced, and begun anew when it died, in whatever order that comes. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createHistorySide, type MakeHistoryThread } from '../../src/compose/history-side.ts';
import { loadConfig } from '../../src/corefile/config.ts';
import { createLogger } from '../../src/logger.ts';

const configOf = (history: string) => {
  const read = loadConfig(`. {\n whoami\n ${history}\n}`, {
    file: 'Corefile',
    env: () => undefined,
    readFile: () => '',
    listDir: () => [],
    warn: () => {},
  });
  assert.ok(read.ok);
  return read.value;
};
const [NONE, ONE, OTHER] = [configOf(''), configOf('history 127.0.0.1:8053'), configOf('history 127.0.0.1:8054')];

/** Threads that are there at once; each listens when it is let. */
function threads(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const there = new Map<string, { die(): void }>();
  const log: string[] = [];
  let isSlow = false;
  let letListen = () => {};
  const makeThread: MakeHistoryThread = ({ options: { address } }, _live, onDeath) => {
    const listening = Promise.withResolvers<string>();
    const listen = () => {
      if (there.has(address)) listening.reject(new Error(`${address} is taken`));
      log.push(`listens ${address}`);
      there.set(address, {
        die() {
          there.delete(address);
          onDeath('it broke');
        },
      });
      listening.resolve(address);
    };
    if (isSlow) letListen = listen;
    else listen();
    return {
      listening: listening.promise,
      ask: async () => undefined,
      async stop() {
        there.delete(address);
        log.push(`stops ${address}`);
      },
    };
  };
  const lines: string[] = [];
  const side = createHistorySide({
    database: 'zonelog.db',
    live: async () => ({ clusters: [], secondaries: [], incoming: [] }),
    logger: createLogger((line) => lines.push(line)),
    logFormat: 'text',
    makeThread,
  });
  return {
    side,
    there,
    log,
    lines,
    setSlow: (isSlowNow: boolean) => {
      isSlow = isSlowNow;
    },
    letListen: () => letListen(),
  };
}

/** Lets promises that are settled be noticed. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await Promise.resolve();
}

const RESTART = 5_000;

test('a thread that died is begun anew', async (t) => {
  const { side, there } = threads(t);
  await side.configure(ONE);
  there.get('127.0.0.1:8053')?.die();
  t.mock.timers.tick(RESTART);
  await settle();
  assert.deepEqual([...there.keys()], ['127.0.0.1:8053']);
  await side.stop();
  assert.deepEqual([...there.keys()], []);
});

test('a thread that died is not begun anew when a reload takes `history` out meanwhile', async (t) => {
  const { side, there } = threads(t);
  await side.configure(ONE);
  there.get('127.0.0.1:8053')?.die();
  await side.configure(NONE);
  t.mock.timers.tick(RESTART);
  await settle();
  assert.deepEqual([...there.keys()], []);
});

test('a reload while a thread is begun anew ends in one thread, that of the new configuration', async (t) => {
  const { side, there, setSlow, letListen } = threads(t);
  await side.configure(ONE);
  there.get('127.0.0.1:8053')?.die();
  setSlow(true);
  t.mock.timers.tick(RESTART);
  await settle();
  setSlow(false);
  const reloaded = side.configure(OTHER);
  await settle();
  letListen();
  await reloaded;
  await settle();
  assert.deepEqual([...there.keys()], ['127.0.0.1:8054']);
  await side.stop();
});

test('a server that stops while a thread is begun anew leaves none behind', async (t) => {
  const { side, there, setSlow, letListen } = threads(t);
  await side.configure(ONE);
  there.get('127.0.0.1:8053')?.die();
  setSlow(true);
  t.mock.timers.tick(RESTART);
  await settle();
  const stopped = side.stop();
  letListen();
  await stopped;
  assert.deepEqual([...there.keys()], []);
});
