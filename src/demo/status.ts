/** Failures as a Kubernetes API server words them: a `Status` object with a code, a reason and a message. */

export interface Failure {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  /** Sent as Retry-After and in the details. */
  readonly retryAfterSeconds?: number;
  readonly cause?: string;
}

export function isFailure<T extends object>(value: T | Failure): value is Failure {
  return 'code' in value && 'reason' in value && 'message' in value;
}

export function statusObject(failure: Failure): Record<string, unknown> {
  const details: Record<string, unknown> = {};
  if (failure.retryAfterSeconds !== undefined) details.retryAfterSeconds = failure.retryAfterSeconds;
  if (failure.cause !== undefined) details.causes = [{ reason: failure.cause, message: failure.message }];
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: failure.message,
    reason: failure.reason,
    ...(Object.keys(details).length > 0 ? { details } : {}),
    code: failure.code,
  };
}

export const badRequest = (message: string): Failure => ({ code: 400, reason: 'BadRequest', message });

export const invalid = (message: string): Failure => ({ code: 422, reason: 'Invalid', message });

export const noSuchPath = (): Failure => ({
  code: 404,
  reason: 'NotFound',
  message: 'the server could not find the requested resource',
});

export const notFound = (plural: string, name: string): Failure => ({
  code: 404,
  reason: 'NotFound',
  message: `${plural} "${name}" not found`,
});

export const conflict = (reason: 'AlreadyExists' | 'Conflict', message: string): Failure => ({
  code: 409,
  reason,
  message,
});

/** The place in the history that a watch or a page wants is gone: list again. */
export const expired = (message: string): Failure => ({ code: 410, reason: 'Expired', message });

/** A list "not older than" a version that this server hasn't reached. */
export const tooLargeResourceVersion = (wanted: number, current: number): Failure => ({
  code: 504,
  reason: 'Timeout',
  message: `Too large resource version: ${wanted}, current: ${current}`,
  retryAfterSeconds: 1,
  cause: 'ResourceVersionTooLarge',
});
