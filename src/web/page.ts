/** The page's files over HTTP. They hold nothing of the log, so they need no token: the page asks for it. */
import type { FastifyInstance } from 'fastify';
import type { PageFiles } from './page-files.ts';

/** Nothing from elsewhere, nothing inline, no text taken for markup or code. */
export const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** Adds a route for each file. */
export function addPage(app: FastifyInstance, files: PageFiles): void {
  for (const [url, { type, body, gzipped, etag }] of files) {
    app.get(url, { schema: { hide: true } }, (request, reply) => {
      reply.header('cache-control', 'no-cache').header('etag', etag).header('vary', 'accept-encoding');
      if (request.headers['if-none-match'] === etag) return reply.code(304).send();
      reply.type(type);
      if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return reply.send(body);
      return reply.header('content-encoding', 'gzip').send(gzipped);
    });
  }
}
