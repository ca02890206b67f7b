/** The route of the live feed. */
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Feed } from './feed.ts';
import { sendProblem } from './problem.ts';
import { PROBLEMS, problemFor, Zone } from './route.ts';

const Query = Type.Object(
  {
    zone: Type.Optional(Zone),
    name: Type.Optional(Type.String({ maxLength: 1024, description: 'A name, or with `*` for any part.' })),
    after: Type.Optional(Type.String({ maxLength: 512, description: 'A cursor, or `start`.' })),
  },
  { additionalProperties: false },
);

export function addFeed(app: FastifyInstance, feed: Feed): void {
  app.get<{ Querystring: Static<typeof Query>; Headers: { 'last-event-id'?: string } }>('/live', {
    exposeHeadRoute: false,
    schema: {
      summary: 'Changes as they happen, as server-sent events',
      description:
        'Each event `change` is a Change in JSON, with its cursor as its id. A client that was cut off goes on with `Last-Event-ID`, ' +
        'which counts before `after`; without either the feed begins now.',
      querystring: Query,
      headers: Type.Object({ 'last-event-id': Type.Optional(Type.String({ maxLength: 512 })) }),
      response: {
        200: { description: 'It does not end.', content: { 'text/event-stream': { schema: Type.String() } } },
        ...PROBLEMS,
      },
    },
    handler: (request, reply) => {
      const after = request.headers['last-event-id'] || request.query.after;
      const query = { ...request.query, ...(after !== undefined && { after }) };
      const begun = feed.begin(query);
      if ('status' in begun) return sendProblem(reply.header('retry-after', '5'), begun);
      if (!begun.ok) return sendProblem(reply, problemFor(begun.error));
      const headers = {
        ...reply.getHeaders(),
        'content-type': 'text/event-stream; charset=utf-8',
        'x-accel-buffering': 'no',
      };
      reply.hijack();
      for (const [name, value] of Object.entries(headers)) if (value !== undefined) reply.raw.setHeader(name, value);
      reply.raw.writeHead(200);
      feed.add(reply.raw, query, begun.value);
      return reply;
    },
  });
}
