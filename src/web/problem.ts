/** Errors of the API as RFC 9457 has them: `application/problem+json`. */
import type { FastifyError, FastifyReply } from 'fastify';

/** What a client is told of a request that fails. */
export interface Problem {
  readonly status: number;
  /** One sentence for people, about this request. */
  readonly detail: string;
  /** Which parts of the request are wrong, where that is known. */
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  410: 'Gone',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

export function titleOf(status: number): string {
  return TITLES[status] ?? 'Error';
}

function bodyOf({ status, detail, errors }: Problem) {
  return { type: 'about:blank', title: titleOf(status), status, detail, ...(errors && { errors }) };
}

/** A problem as JSON. */
export function problemText(problem: Problem): string {
  return JSON.stringify(bodyOf(problem));
}

/** Answers with a problem; its type is `about:blank`: the status says which kind it is (RFC 9457 §4.2.1). */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply
    .code(problem.status)
    .type('application/problem+json')
    .serializer((value: unknown) => JSON.stringify(value))
    .send(bodyOf(problem));
}

/** What fastify refuses by itself; undefined for a bug of ours. */
export function problemOf(error: unknown): Problem | undefined {
  if (!isFastifyError(error)) return undefined;
  if (error.validation !== undefined) {
    const place = error.validationContext === 'querystring' ? 'query' : (error.validationContext ?? 'request');
    const errors = error.validation.map(({ instancePath, message = 'is wrong', params }) => {
      const extra = params.additionalProperty ?? params.missingProperty;
      const pointer = `/${place}${instancePath}${typeof extra === 'string' ? `/${extra}` : ''}`;
      return { pointer, detail: message };
    });
    const detail = errors.map((each) => `${each.pointer.slice(1)} ${each.detail}`).join('; ');
    return { status: 400, detail, errors };
  }
  const status = error.statusCode ?? 500;
  if (status < 400 || status >= 500) return undefined;
  return { status, detail: error.message };
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && 'code' in error && 'statusCode' in error;
}
