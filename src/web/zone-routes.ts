/** Questions about whole zones: versions, records at a moment, differences. */
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { ok } from '../errors.ts';
import type { TextRecord, ZoneAt, ZoneDifference } from '../history/answers.ts';
import type { Answered } from '../history/problem.ts';
import type { History } from '../history/questions.ts';
import { type KeptZone, KeptZones } from './kept-zones.ts';
import { sendProblem } from './problem.ts';
import { At, addQuestion, Cursor, inTurn, Limit, PROBLEMS, problemFor, Zone } from './route.ts';
import {
  Density,
  Difference,
  pageOf,
  TextRecord as RecordSchema,
  type Sent,
  TimelineEntry,
  VersionRef,
} from './schemas.ts';
import type { Turns } from './turns.ts';

const closed = { additionalProperties: false };
const ZoneParams = Type.Object({ zone: Zone });
const Match = Type.Optional(
  Type.String({ maxLength: 255, description: 'Only records with this in their name or data.' }),
);
const Offset = Type.Optional(Type.String({ pattern: '^\\d{1,9}$', description: 'How many records to pass over.' }));

const RecordsQuery = Type.Object(
  { at: At(), match: Match, type: Type.Optional(Type.String({ maxLength: 16 })), cursor: Offset, limit: Limit },
  closed,
);
const DifferenceQuery = Type.Object(
  {
    from: Type.String({ minLength: 1, maxLength: 64, description: 'A moment.' }),
    to: At('The other moment'),
    match: Match,
    cursor: Offset,
    limit: Limit,
  },
  closed,
);
const RecordsAnswer = Type.Object(
  {
    zone: Type.String(),
    version: VersionRef,
    total: Type.Integer({ description: 'Records that fit, the SOA record counted once.' }),
    isCut: Type.Boolean({ description: 'The zone is longer than what can be listed: `/file` has all of it.' }),
    items: Type.Array(RecordSchema),
    next: Type.Optional(Type.String()),
  },
  closed,
);

const DEFAULT_LIMIT = 100;

export function addZoneRoutes(app: FastifyInstance, turns: Turns, history: History): void {
  const kept = new KeptZones();
  addQuestion(app, turns, {
    url: '/zones/:zone/versions',
    summary: 'The versions of a zone, newest first',
    params: ZoneParams,
    query: Type.Object({ from: At('From'), to: At('Until'), cursor: Cursor, limit: Limit }, closed),
    answer: pageOf(TimelineEntry),
    ask: (asked) => history.timeline(asked),
  });
  addQuestion(app, turns, {
    url: '/zones/:zone/density',
    summary: 'How many versions a zone got in each part of a time',
    params: ZoneParams,
    query: Type.Object(
      {
        from: At('From'),
        to: At('Until'),
        buckets: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Parts (120).' })),
      },
      closed,
    ),
    answer: Density,
    ask: (asked) => history.density(asked),
  });
  addQuestion(app, turns, {
    url: '/zones/:zone/records',
    summary: 'The records of a zone at a moment',
    description: 'In the order of a transfer.',
    params: ZoneParams,
    query: RecordsQuery,
    answer: RecordsAnswer,
    ask: (asked) => {
      const zone = keptZone(history, kept, asked.zone, asked.at);
      return zone.ok ? ok(recordsPage(zone.value, asked)) : zone;
    },
  });
  addQuestion(app, turns, {
    url: '/zones/:zone/diff',
    summary: 'In what two versions of a zone differ',
    description: 'What an IXFR between them brings; all removed records come before all that were added.',
    params: ZoneParams,
    query: DifferenceQuery,
    answer: Difference,
    ask: (asked) => {
      const difference = history.diff(asked.zone, asked.from, asked.to);
      return difference.ok ? ok(differencePage(difference.value, asked)) : difference;
    },
  });
  addZoneFile(app, turns, history);
}

/** A serial names one version for ever; for any other moment the serial is looked up, which costs far less than the zone. */
function keptZone(history: History, kept: KeptZones, zone: string, at: string | undefined): Answered<KeptZone> {
  const serial = at !== undefined && /^\d+$/.test(at) ? at : serialAt(history, zone, at);
  const known = serial === undefined ? undefined : kept.get(zone, serial);
  if (known !== undefined) return ok(known);
  const found = history.zoneAt(zone, at);
  return found.ok ? ok(kept.add(zone, found.value)) : found;
}

/** @returns undefined when there was none, or the question is wrong: then the zone itself tells why */
function serialAt(history: History, zone: string, at: string | undefined): string | undefined {
  const found = history.timeline({ zone, limit: 1, ...(at !== undefined && { to: at }) });
  const newest = found.ok ? found.value.items[0] : undefined;
  return newest && String(newest.serial);
}

function recordsPage(
  { zone, version, records, isCut }: KeptZone,
  { match, type, cursor, limit = DEFAULT_LIMIT }: Static<typeof RecordsQuery>,
): Sent<typeof RecordsAnswer> {
  const first = Number(cursor ?? 0);
  const wanted = type?.toUpperCase();
  const fits = matcher(match);
  const fitting =
    match === undefined && wanted === undefined
      ? records
      : records.filter((record) => (wanted === undefined || record.type === wanted) && fits(record));
  const items = fitting.slice(first, first + limit);
  const end = first + items.length;
  return { zone, version, total: fitting.length, isCut, items, ...(end < fitting.length && { next: String(end) }) };
}

function differencePage(
  { removed, added, ...rest }: ZoneDifference,
  { match, cursor, limit = DEFAULT_LIMIT }: Static<typeof DifferenceQuery>,
): Sent<typeof Difference> {
  const first = Number(cursor ?? 0);
  const fits = matcher(match);
  const [gone, come] = match === undefined ? [removed, added] : [removed.filter(fits), added.filter(fits)];
  const [from, to] = [gone.slice(first, first + limit), come.slice(Math.max(0, first - gone.length))];
  const page = { removed: from, added: to.slice(0, limit - from.length) };
  const end = first + page.removed.length + page.added.length;
  return {
    ...rest,
    removedCount: gone.length,
    addedCount: come.length,
    ...page,
    ...(end < gone.length + come.length && { next: String(end) }),
  };
}

function matcher(match: string | undefined): (record: TextRecord) => boolean {
  const text = match?.toLowerCase() ?? '';
  return ({ owner, data }) => owner.includes(text) || data.toLowerCase().includes(text);
}

/** Lines of a zone file that are made at a time: below a millisecond. */
const LINES = 500;
/** Zone files that are sent at the same time: each holds its zone. */
const MOST_FILES = 4;

function addZoneFile(app: FastifyInstance, turns: Turns, history: History): void {
  let open = 0;
  app.get<{ Params: Static<typeof ZoneParams>; Querystring: { at?: string } }>('/zones/:zone/file', {
    schema: {
      summary: 'The zone as a master file at a moment',
      description: 'What a full transfer gave then, line by line.',
      params: ZoneParams,
      querystring: Type.Object({ at: At() }, closed),
      response: { 200: { description: 'The zone.', content: { 'text/dns': { schema: Type.String() } } }, ...PROBLEMS },
    },
    handler: async (request, reply) => {
      if (open >= MOST_FILES) {
        const problem = { status: 503, detail: 'too many zone files are being sent: ask again' };
        return sendProblem(reply.header('retry-after', '5'), problem);
      }
      const { params, query } = request;
      const zone = await inTurn(turns, request, reply, () => history.zoneAt(params.zone, query.at));
      if (zone === undefined) return reply;
      if (!zone.ok) return sendProblem(reply, problemFor(zone.error));
      const body = Readable.from(chunksOf(zone.value));
      open += 1;
      body.once('close', () => {
        open -= 1;
      });
      const name = `${zone.value.zone.replace(/[^a-z0-9._-]/g, '_')}zone`;
      return reply
        .type('text/dns; charset=utf-8')
        .header('content-disposition', `attachment; filename="${name}"`)
        .send(body);
    },
  });
}

/** Other work goes on between two chunks. */
async function* chunksOf({ records }: ZoneAt): AsyncGenerator<string> {
  let lines: string[] = [];
  for (const { owner, ttl, type, data } of records) {
    lines.push(`${owner}\t${ttl}\tIN\t${type}\t${data}\n`);
    if (lines.length < LINES) continue;
    yield lines.join('');
    lines = [];
    await turn();
  }
  if (lines.length > 0) yield lines.join('');
}
