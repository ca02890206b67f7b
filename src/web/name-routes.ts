/** Questions about names and addresses, and the log as it is. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { ok } from '../errors.ts';
import type { Answered } from '../history/problem.ts';
import type { History } from '../history/questions.ts';
import { At, addQuestion, Cursor, Limit, Name, TypeName, Zone } from './route.ts';
import { AddressAnswer, Explanation, LoggedEvent, pageOf, RecordValue, SearchHit, ZoneChange } from './schemas.ts';
import type { Turns } from './turns.ts';

const OptionalZone = Type.Optional(Zone);
const closed = { additionalProperties: false };
const NOTHING = Type.Object({}, closed);

function listed<T>(answered: Answered<readonly T[]>): Answered<{ readonly items: readonly T[] }> {
  return answered.ok ? ok({ items: answered.value }) : answered;
}

export function addNameRoutes(app: FastifyInstance, turns: Turns, history: History): void {
  addQuestion(app, turns, {
    url: '/names/:name/history',
    summary: 'Every value that a name had, and why',
    description: 'Newest first: each set of records from one version to another, with the events that made it so.',
    params: Type.Object({ name: Name }),
    query: Type.Object(
      { type: TypeName, zone: OptionalZone, from: At('From'), to: At('Until'), cursor: Cursor, limit: Limit },
      closed,
    ),
    answer: pageOf(RecordValue),
    ask: (asked) => history.recordHistory(asked),
  });
  addQuestion(app, turns, {
    url: '/names/:name/why',
    summary: 'From the answer to the objects that made it',
    description:
      'The zones that were asked, of which the last decided. Also for names that are not there: which stanza denied it, what was filtered, never synced, or gone.',
    params: Type.Object({ name: Name }),
    query: Type.Object({ type: TypeName, zone: OptionalZone, at: At() }, closed),
    answer: Type.Object({ items: Type.Array(Explanation) }, closed),
    ask: (asked) => listed(history.why(asked)),
  });
  addQuestion(app, turns, {
    url: '/addresses/:address',
    summary: 'Who held an address',
    params: Type.Object({ address: Type.String({ maxLength: 64, description: 'IPv4 or IPv6.' }) }),
    query: Type.Object({ at: At() }, closed),
    answer: AddressAnswer,
    ask: ({ address, at }) => history.who(address, at),
  });
  addQuestion(app, turns, {
    url: '/search',
    summary: 'Names, addresses, zones and objects that contain a text, now or once',
    params: NOTHING,
    query: Type.Object({ q: Type.String({ minLength: 1, maxLength: 255 }), limit: Limit }, closed),
    answer: Type.Object({ items: Type.Array(SearchHit) }, closed),
    ask: ({ q, limit }) => listed(history.search(q, limit)),
  });
  addQuestion(app, turns, {
    url: '/changes',
    summary: 'Published versions and what they changed, oldest first',
    description: 'What follows a cursor; without one, what comes from now on. `/live` has the same as it happens.',
    params: NOTHING,
    query: Type.Object(
      {
        zone: OptionalZone,
        name: Type.Optional(Type.String({ maxLength: 1024, description: 'A name, or with `*` for any part.' })),
        after: Type.Optional(Type.String({ maxLength: 512, description: 'A cursor, or `start`.' })),
        limit: Limit,
        mostRecords: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000 })),
      },
      closed,
    ),
    answer: Type.Object({ items: Type.Array(ZoneChange), cursor: Type.String(), isMore: Type.Boolean() }, closed),
    ask: (asked) => history.changes(asked),
  });
  addQuestion(app, turns, {
    url: '/events',
    summary: 'The log, filtered; newest first',
    params: NOTHING,
    query: Type.Object(
      {
        cluster: Type.Optional(Type.String({ maxLength: 512, description: "Part of the cluster's name." })),
        kind: Type.Optional(Type.String({ maxLength: 64, description: '`Service`, `EndpointSlice`, `Cluster` …' })),
        namespace: Type.Optional(Type.String({ maxLength: 253 })),
        from: At('From'),
        to: At('Until'),
        isOldestFirst: Type.Optional(Type.Boolean()),
        cursor: Cursor,
        limit: Limit,
      },
      closed,
    ),
    answer: pageOf(LoggedEvent),
    ask: (asked) => history.events(asked),
  });
}
