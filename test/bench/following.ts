/** From a change at the API server to the answer of a Knot secondary that shows it. */
import { mkdtempSync } from 'node:fs';
import path from 'node:path';
import { startApi } from './api.ts';
import { openAsker } from './asker.ts';
import { type EventLatencies, measureEvents } from './events.ts';
import { type FixtureSize, QUICK } from './fixture.ts';
import { findProgram, knotSecondary } from './primaries.ts';
import { samples, ZONE } from './questions.ts';
import { type Contestant, startServer } from './servers.ts';
import { startSynced } from './starts.ts';

/** About a hundred thousand records: each change costs Knot a copy of a part of the zone. */
const SIZE: FixtureSize = { services: 5_000, endpoints: 10_000, namespaces: 100 };
export const CHANGES_PER_SECOND = 200;
/** As the Corefile has it. */
export const NOTIFY = '0.2s 0.4s';

export interface FollowingOptions {
  readonly seconds: number;
  readonly folder: string;
  readonly isQuick: boolean;
  readonly say: (line: string) => void;
}

/** How long changes took with Knot as it is configured in docs/secondaries.md, and with its own defaults. */
export interface Following {
  readonly asDocumented: EventLatencies;
  readonly byDefault: EventLatencies;
}

/** @returns undefined without Knot */
export async function measureFollowing(subject: Contestant, options: FollowingOptions): Promise<Following | undefined> {
  const program = findProgram('knotd');
  if (program === undefined) return undefined;
  return {
    asDocumented: await measureWith(program, true, subject, options),
    byDefault: await measureWith(program, false, subject, options),
  };
}

async function measureWith(
  program: string,
  isLast: boolean,
  subject: Contestant,
  { seconds, folder, isQuick, say }: FollowingOptions,
): Promise<EventLatencies> {
  const size = isQuick ? QUICK : SIZE;
  const api = await startApi(size);
  const asked = samples(size, 20);
  const secondaryPort = 20_000 + (process.pid % 5_000) + 5_000;
  const { server } = await startSynced(subject, api, asked, (port) => corefile(port, api.url, secondaryPort));
  const own = mkdtempSync(path.join(folder, 'knot-'));
  const knot: Contestant = { label: 'Knot', command: `${program} -c {conf}`, hasLog: false };
  const conf = knotSecondary(server.port, own, isLast);
  const secondary = await startServer(knot, () => conf(secondaryPort));
  const asker = await openAsker(secondaryPort);
  await asker.waitUntilRight(asked, 60_000, secondary.isRunning);
  asker.close();
  say(`${ZONE} is on the secondary`);
  const result = await measureEvents({ port: secondaryPort }, api, { changesPerSecond: CHANGES_PER_SECOND, seconds });
  say(
    `change → secondary${isLast ? ', without secondaries of its own' : ''}: p99 ${result.p99.toFixed(0)} ms, ${result.lost} never seen`,
  );
  await secondary.end();
  await server.end();
  await api.end();
  return result;
}

function corefile(port: number, apiUrl: string, secondaryPort: number): string {
  return `.:${port} {
    bind 127.0.0.1
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        endpoint ${apiUrl}
    }
    transfer cluster.local {
        to 127.0.0.1:${secondaryPort}
        notify ${NOTIFY}
    }
}
`;
}
