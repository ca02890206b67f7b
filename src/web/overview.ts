/** How everything stands: what the log tells, joined to what the running server knows. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { Overview as LogOverview } from '../history/answers.ts';
import type { Answered } from '../history/problem.ts';
import type { History } from '../history/questions.ts';
import type { AskLive, LiveStatus } from './live.ts';
import { sendProblem } from './problem.ts';
import { inTurn, PROBLEMS, problemFor } from './route.ts';
import { Overview, type Sent } from './schemas.ts';
import type { Turns } from './turns.ts';

export interface OverviewTools {
  readonly turns: Turns;
  readonly history: History;
  readonly live: AskLive;
  /** Unix milliseconds. */
  readonly clock: () => number;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Of this program. */
  readonly version: string;
}

/** An answer is kept for so many times the time that it took, so that asking again and again costs a twentieth of a processor. */
const KEPT_FOR = 20;
/** Milliseconds, at least and at most. */
const LEAST_KEPT = 500;
const MOST_KEPT = 30_000;
/** The window in which events are counted for the rate, milliseconds. */
const RATE_WINDOW = 60_000;

interface Kept {
  readonly answer: Answered<LogOverview>;
  readonly rates: ReadonlyMap<string, number>;
  /** Monotonic milliseconds. */
  readonly until: number;
}

export function addOverview(app: FastifyInstance, tools: OverviewTools): void {
  const { turns, history, live, clock, now, version } = tools;
  let kept: Kept | undefined;

  function read(): Kept {
    const began = now();
    if (kept !== undefined && began < kept.until) return kept;
    const answer = history.overview();
    const rates = history.eventRates(RATE_WINDOW);
    const ended = now();
    const time = Math.min(MOST_KEPT, Math.max(LEAST_KEPT, (ended - began) * KEPT_FOR));
    kept = { answer, rates, until: ended + time };
    return kept;
  }

  app.get('/overview', {
    schema: {
      summary: 'How clusters, zones and secondaries stand',
      querystring: Type.Object({}, { additionalProperties: false }),
      response: {
        200: { description: 'The answer.', content: { 'application/json': { schema: Overview } } },
        ...PROBLEMS,
      },
    },
    handler: async (request, reply) => {
      const status = await live();
      const found = await inTurn(turns, request, reply, read);
      if (found === undefined) return reply;
      const { answer, rates } = found;
      if (!answer.ok) return sendProblem(reply, problemFor(answer.error));
      return reply.send(join(answer.value, rates, status, new Date(clock()).toISOString(), version));
    },
  });
}

function join(
  { log, clusters, zones }: LogOverview,
  rates: ReadonlyMap<string, number>,
  status: LiveStatus,
  now: string,
  version: string,
): Sent<typeof Overview> {
  const followed = new Map(status.clusters.map((one) => [one.cluster, one]));
  return {
    now,
    version,
    log,
    ...(status.lagSeconds !== undefined && { lagSeconds: status.lagSeconds }),
    ...(status.logFailure !== undefined && { logFailure: status.logFailure }),
    clusters: clusters.map((cluster) => {
      const alive = followed.get(cluster.cluster);
      return {
        ...cluster,
        isFollowed: alive !== undefined,
        isSynced: alive?.isSynced ?? cluster.kinds.every(({ state }) => state !== 'never'),
        lost: alive?.lost ?? [],
        ...(alive?.silentSeconds !== undefined && { silentSeconds: alive.silentSeconds }),
        eventsPerMinute: rates.get(cluster.cluster) ?? 0,
      };
    }),
    zones,
    secondaries: status.secondaries,
    incoming: status.incoming,
  };
}
