/** How each question is made a route: one schema for validation and document, problems as RFC 9457, turns. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Static, type TObject, type TSchema, Type } from 'typebox';
import type { Answered, HistoryProblem, HistoryProblemKind } from '../history/problem.ts';
import { type Problem as ProblemDetails, sendProblem } from './problem.ts';
import { Problem, type Sent } from './schemas.ts';
import type { Turns } from './turns.ts';

/** What a route asks, and is answered with. */
export interface Question<P extends TObject, Q extends TObject, S extends TSchema> {
  /** `/zones/:zone/diff` */
  readonly url: string;
  readonly summary: string;
  readonly description?: string;
  readonly params: P;
  readonly query: Q;
  readonly answer: S;
  /** Media types besides JSON that `ask` may send by itself. */
  readonly alsoAs?: readonly string[];
  readonly ask: (asked: Static<P> & Static<Q>) => Answered<Sent<S>>;
}

const STATUS: Readonly<Record<HistoryProblemKind, number>> = {
  badInput: 400,
  unknownZone: 404,
  neverPublished: 404,
  notComplete: 404,
  beforeLog: 410,
  future: 422,
  noLog: 503,
  unusable: 500,
  damaged: 500,
};

export function problemFor({ kind, message }: HistoryProblem): ProblemDetails {
  return { status: STATUS[kind], detail: message };
}

const PROBLEM = { content: { 'application/problem+json': { schema: Problem } } };

/** What every question may come to. */
export const PROBLEMS = {
  400: { description: 'The request is malformed.', ...PROBLEM },
  401: { description: 'The token is missing or wrong.', ...PROBLEM },
  403: { description: 'A page of another site asks.', ...PROBLEM },
  404: { description: 'There is no such zone, name or serial.', ...PROBLEM },
  410: { description: 'The moment is before the log begins.', ...PROBLEM },
  422: { description: 'The moment has not come yet.', ...PROBLEM },
  503: { description: 'Too many questions wait, or the log is empty.', ...PROBLEM },
};

/** Adds the route of a question. */
export function addQuestion<P extends TObject, Q extends TObject, S extends TSchema>(
  app: FastifyInstance,
  turns: Turns,
  question: Question<P, Q, S>,
): void {
  const { url, summary, description, params, query, answer } = question;
  app.get(url, {
    schema: {
      summary,
      ...(description !== undefined && { description }),
      params,
      querystring: query,
      response: {
        200: { description: 'The answer.', content: { 'application/json': { schema: answer } } },
        ...PROBLEMS,
      },
    },
    handler: async (request, reply) => {
      // Validated by the same schemas.
      const asked = { ...(request.params as Static<P>), ...(request.query as Static<Q>) };
      const answered = await inTurn(turns, request, reply, () => question.ask(asked));
      if (answered === undefined) return reply;
      return answered.ok ? reply.send(answered.value) : sendProblem(reply, problemFor(answered.error));
    },
  });
}

/** @returns undefined when the reply has been sent already, or nobody waits for it */
export async function inTurn<T>(
  turns: Turns,
  request: FastifyRequest,
  reply: FastifyReply,
  work: () => T,
): Promise<T | undefined> {
  const turn = await turns.take(() => request.raw.socket.destroyed, work);
  if (turn.kind === 'done') return turn.value;
  if (turn.kind === 'busy') {
    sendProblem(reply.header('retry-after', '1'), { status: 503, detail: 'too many questions wait: ask again' });
  } else reply.hijack();
  return undefined;
}

/** Parameters that several routes have. */
export const Limit = Type.Optional(
  Type.Integer({ minimum: 1, maximum: 1000, description: 'Items of one page (100).' }),
);
export const Cursor = Type.Optional(Type.String({ maxLength: 512, description: '`next` of the page before.' }));
export const At = (about = 'The moment') =>
  Type.Optional(
    Type.String({
      maxLength: 64,
      description: `${about}: RFC 3339, how long ago (\`-15m\`), or a serial. Now, unless told.`,
    }),
  );
export const Name = Type.String({ minLength: 1, maxLength: 1100, description: 'A domain name.' });
export const Zone = Type.String({ minLength: 1, maxLength: 1100, description: 'An apex.' });
export const TypeName = Type.Optional(Type.String({ maxLength: 16, description: '`A`, `SRV` …' }));
