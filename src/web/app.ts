/**
 * The HTTP side of history: the API under `/api/v1`, the document that describes it, the live feed, and the page. It has no
 * socket of its own, so tests ask it by `inject`.
 */
import type { Server } from 'node:http';
import swagger from '@fastify/swagger';
import { type FastifyInstance, fastify } from 'fastify';
import type { History } from '../history/questions.ts';
import type { Logger } from '../logger.ts';
import { type AccessRules, checkAccess } from './access.ts';
import {
  CONNECTION_LIMITS,
  type ConnectionLimits,
  connectionOptions,
  limitConnections,
  refuseConnection,
} from './connections.ts';
import { Feed, type FeedOptions } from './feed.ts';
import { addFeed } from './feed-route.ts';
import type { AskLive } from './live.ts';
import { addNameRoutes } from './name-routes.ts';
import { addOverview } from './overview.ts';
import { addPage, POLICY } from './page.ts';
import type { PageFiles } from './page-files.ts';
import { problemOf, sendProblem } from './problem.ts';
import { COMPONENTS } from './schemas.ts';
import { Turns } from './turns.ts';
import { addZoneRoutes } from './zone-routes.ts';

export interface AppOptions {
  readonly history: History;
  readonly live: AskLive;
  readonly access: AccessRules;
  readonly page: PageFiles;
  readonly logger: Logger;
  /** Unix milliseconds. */
  readonly clock: () => number;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  readonly after: FeedOptions['after'];
  /** Of this program. */
  readonly version: string;
  /** For tests, which have no time. */
  readonly limits?: ConnectionLimits;
  /** Makes the server of the socket, with `connectionOptions`; absent: plain HTTP. */
  readonly makeServer?: (handler: Parameters<typeof import('node:http').createServer>[1]) => Server;
}

/** Characters of a URL: a name has 1,004 at most, a cursor 512. */
const MAX_URL = 4096;
const TOO_LONG = { status: 414, detail: `a URL has ${MAX_URL} characters at most` } as const;
/** Octets. Nothing that can be asked needs a body. */
const MAX_BODY = 1024;
/** Questions that may wait for their turn. */
const MOST_WAITING = 16;

export const API = '/api/v1';

export interface App {
  readonly http: FastifyInstance;
  readonly feed: Feed;
}

export async function createApp(options: AppOptions): Promise<App> {
  const { history, logger, makeServer, limits = CONNECTION_LIMITS } = options;
  const http = fastify({
    bodyLimit: MAX_BODY,
    requestTimeout: limits.requestTimeout,
    keepAliveTimeout: limits.keepAliveTimeout,
    http: connectionOptions(limits),
    clientErrorHandler: refuseConnection,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: MAX_URL },
    ajv: { customOptions: { removeAdditional: false } },
    frameworkErrors: (error, _, reply) =>
      // A name in the path may be as long as a URL, so what is longer is the URL; the error's text has all of it.
      error.code === 'FST_ERR_MAX_PARAM_LENGTH'
        ? sendProblem(reply, TOO_LONG)
        : sendProblem(reply, problemOf(error) ?? { status: 400, detail: error.message }),
    ...(makeServer && { serverFactory: makeServer }),
  });
  limitConnections(http.server, limits);
  // Answers are plain data of known shape: the schemas are for the document, and a test holds the two together.
  http.setSerializerCompiler(() => JSON.stringify);
  addRefusals(http);
  http.setErrorHandler((error, request, reply) => {
    const known = problemOf(error);
    if (known !== undefined) return sendProblem(reply, known);
    logger.error(
      `${request.method} ${request.url}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    return sendProblem(reply, { status: 500, detail: 'a bug: the log of the server tells more' });
  });
  http.setNotFoundHandler((_, reply) => sendProblem(reply, { status: 404, detail: 'there is nothing at this path' }));

  await http.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'zonelog: history',
        version: options.version,
        description: 'What every record was, when, and why. Errors are RFC 9457 problems.',
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      ...(options.access.token && { security: [{ token: [] }] }),
    },
    refResolver: {
      buildLocalReference: ({ $id }, _uri, _fragment, i) => (typeof $id === 'string' ? $id : `Shape${i}`),
    },
  });
  for (const schema of COMPONENTS) http.addSchema(schema);
  const turns = new Turns(MOST_WAITING);
  const feed = new Feed({ history, after: options.after });
  await http.register(
    async (api) => {
      addAccess(api, options.access);
      addOverview(api, { ...options, turns });
      addZoneRoutes(api, turns, history);
      addNameRoutes(api, turns, history);
      addFeed(api, feed);
      api.get('/openapi.json', { schema: { hide: true } }, () => http.swagger());
    },
    { prefix: API },
  );
  addPage(http, options.page);
  http.addHook('preClose', async () => feed.close());
  return { http, feed };
}

/** What is refused before anything is looked up. */
function addRefusals(http: FastifyInstance): void {
  http.addHook('onRequest', async (request, reply) => {
    reply
      .header('content-security-policy', POLICY)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .header('cross-origin-opener-policy', 'same-origin')
      .header('cross-origin-resource-policy', 'same-origin');
    const { method, url, headers } = request;
    if (url.length > MAX_URL) {
      return sendProblem(reply, TOO_LONG);
    }
    if (Number(headers['content-length'] ?? 0) > MAX_BODY || headers['transfer-encoding'] !== undefined) {
      return sendProblem(reply.header('connection', 'close'), { status: 413, detail: 'nothing here needs a body' });
    }
    if (method !== 'GET' && method !== 'HEAD') {
      return sendProblem(reply.header('allow', 'GET, HEAD'), { status: 405, detail: 'history is only read' });
    }
    return undefined;
  });
}

/** Of the routes of the API: however their URL is spelled, they have this hook. */
function addAccess(api: FastifyInstance, rules: AccessRules): void {
  api.addHook('onRequest', async ({ headers }, reply) => {
    reply.header('cache-control', 'no-store').header('vary', 'authorization');
    const refused = checkAccess(headers, rules);
    if (refused === undefined) return undefined;
    if (refused.status === 401) reply.header('www-authenticate', 'Bearer realm="zonelog"');
    return sendProblem(reply, refused);
  });
}
