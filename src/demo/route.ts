/** Which of the API server's answers a path asks for. */

export type Route = SimpleRoute | GroupRoute | ResourceRoute;

/** Answers that don't depend on objects. */
export interface SimpleRoute {
  readonly kind: 'health' | 'version' | 'coreVersions' | 'groups' | 'unknown';
}

/** Discovery of one group (version undefined) or of one version of it. */
export interface GroupRoute {
  readonly kind: 'group';
  readonly group: string;
  readonly version: string | undefined;
}

export type ResourceRoute = ListRoute | WatchRoute | GetRoute | WriteRoute;
export type WriteRoute = CreateRoute | ChangeRoute;

interface ResourcePath {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  /** undefined: all namespaces, or a kind without namespaces. */
  readonly namespace: string | undefined;
}

export interface ListRoute extends ResourcePath {
  readonly kind: 'list';
}

export interface WatchRoute extends ResourcePath {
  readonly kind: 'watch';
}

export interface CreateRoute extends ResourcePath {
  readonly kind: 'create';
}

export interface GetRoute extends ResourcePath {
  readonly kind: 'get';
  readonly name: string;
}

export interface ChangeRoute extends ResourcePath {
  readonly kind: 'replace' | 'patch' | 'delete';
  readonly name: string;
}

const SIMPLE: Readonly<Record<string, Route>> = {
  healthz: { kind: 'health' },
  livez: { kind: 'health' },
  readyz: { kind: 'health' },
  version: { kind: 'version' },
  api: { kind: 'coreVersions' },
  apis: { kind: 'groups' },
};

const CHANGES: Readonly<Record<string, ChangeRoute['kind']>> = { PUT: 'replace', PATCH: 'patch', DELETE: 'delete' };

export function parseRoute(method: string, path: string, params: URLSearchParams): Route {
  const steps = path.split('/').filter((step) => step !== '');
  const decoded = steps.map(decodeStep);
  const [first = '', second = ''] = decoded;
  if (decoded.length === 1) return SIMPLE[first] ?? { kind: 'unknown' };
  if (first === 'api') return parseResource(method, params, '', second, decoded.slice(2));
  if (first !== 'apis') return { kind: 'unknown' };
  if (decoded.length === 2) return { kind: 'group', group: second, version: undefined };
  return parseResource(method, params, second, decoded[2] ?? '', decoded.slice(3));
}

function parseResource(
  method: string,
  params: URLSearchParams,
  group: string,
  version: string,
  rest: readonly string[],
): Route {
  if (rest.length === 0) return { kind: 'group', group, version };
  let namespace: string | undefined;
  let steps = rest;
  // '/namespaces/NS/services' is in a namespace; '/namespaces/NS/status' is a part of the namespace itself.
  if (rest[0] === 'namespaces' && rest.length >= 3 && rest[2] !== 'status' && rest[2] !== 'finalize') {
    namespace = rest[1];
    steps = rest.slice(2);
  }
  const [plural = '', name, subresource] = steps;
  if (steps.length > 3 || (subresource !== undefined && subresource !== 'status')) return { kind: 'unknown' };
  const path = { group, version, plural, namespace };
  if (name === undefined) {
    if (method === 'POST') return { kind: 'create', ...path };
    if (method !== 'GET') return { kind: 'unknown' };
    return { kind: isTrue(params.get('watch')) ? 'watch' : 'list', ...path };
  }
  if (method === 'GET') return { kind: 'get', name, ...path };
  const kind = CHANGES[method];
  return kind ? { kind, name, ...path } : { kind: 'unknown' };
}

/** As Go reads truth in a query. */
export function isTrue(value: string | null): boolean {
  return value !== null && /^(1|t|true)$/i.test(value);
}

function decodeStep(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}
