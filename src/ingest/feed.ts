/** What is to be listed and watched, where, and what comes of it. */
import type { ClusterId, WatchedKind } from './event.ts';
import type { ServerAddress } from './resolver-exchange.ts';

/** One list and watch. */
export interface FeedSpec {
  readonly kind: WatchedKind;
  /** Only this namespace (for Namespace itself: only the one of this name); '' is all. */
  readonly scope: string;
  readonly labelSelector?: string;
  /** An object that none of these label selectors selects is as if it were not there. Absent: all are. */
  readonly anyOf?: readonly string[];
}

/** How an API server is reached. */
export type ConnectionOptions =
  | { readonly kind: 'in-cluster' }
  | {
      readonly kind: 'endpoint';
      readonly url: string;
      /** Files. */
      readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
    }
  | { readonly kind: 'kubeconfig'; readonly file: string; readonly context?: string };

/** What may be asked of an API server; absent is unlimited. */
export interface ClusterLimits {
  /** Requests per second, on average (`apiserver_qps`); 0 is unlimited too. */
  readonly qps?: number;
  /** Requests at once after a quiet time (`apiserver_burst`). Default 10. */
  readonly burst?: number;
  /** Requests that wait for their answer (`apiserver_max_inflight`). A watch counts until its answer begins. */
  readonly maxInflight?: number;
}

/** One view of one API server. */
export interface ClusterSource {
  readonly id: ClusterId;
  readonly connection: ConnectionOptions;
  readonly feeds: readonly FeedSpec[];
  readonly limits: ClusterLimits;
  /** Who is asked for the addresses of its load balancers' host names; absent: the system's resolvers. */
  readonly resolvers?: readonly ServerAddress[];
}

/** What happens on a feed, in the order in which it happens. */
export type FeedSignal =
  /** A complete list begins; what was listed of an unfinished one before it doesn't count. */
  | { readonly type: 'listBegan' }
  | { readonly type: 'listed'; readonly objects: readonly unknown[] }
  /** What was not listed is gone. Without a version the list was not the API's and can't be resumed from. */
  | { readonly type: 'listEnded'; readonly resourceVersion?: string }
  | { readonly type: 'changed' | 'deleted'; readonly object: unknown; readonly resourceVersion: string }
  | { readonly type: 'bookmark'; readonly resourceVersion: string }
  /** The API answers, for the first time or again. */
  | { readonly type: 'live' }
  /** The API has no such kind, or does not let us list it. */
  | { readonly type: 'lacking'; readonly reason: string }
  /** It has not answered for a while; told once. */
  | { readonly type: 'failing'; readonly reason: string };

/** What part of a cluster is looked at. */
export interface ViewOptions {
  readonly kinds: readonly WatchedKind[];
  /** Only these; empty is all, and then the watches are cluster wide. */
  readonly namespaces: readonly string[];
  /** Selector for services, endpoint slices and pods. */
  readonly labels?: string;
  /** Selectors for services, one of which must select them. Absent: all. */
  readonly serviceSelectors?: readonly string[];
  /** Selector for namespaces. */
  readonly namespaceLabels?: string;
  /** Endpoint slices are only wanted for ServiceImports. */
  readonly hasOnlyImportedSlices?: boolean;
}

const IMPORTED = 'multicluster.kubernetes.io/service-name';

/** The feeds of a view: one for each kind, or one for each kind and namespace. */
export function planFeeds(view: ViewOptions): FeedSpec[] {
  const scopes = view.namespaces.length === 0 ? [''] : [...new Set(view.namespaces)].sort();
  return view.kinds.flatMap((kind) => {
    const labelSelector = selectorOf(view, kind);
    const anyOf = kind === 'Service' && (view.serviceSelectors?.length ?? 0) > 1 ? view.serviceSelectors : undefined;
    return scopes.map((scope) => ({
      kind,
      scope,
      ...(labelSelector !== undefined && { labelSelector }),
      ...(anyOf && { anyOf }),
    }));
  });
}

function selectorOf(view: ViewOptions, kind: WatchedKind): string | undefined {
  switch (kind) {
    case 'Namespace':
      return view.namespaceLabels;
    case 'Service':
      // The server can't be asked for one or another.
      return view.serviceSelectors?.length === 1 ? view.serviceSelectors[0] : view.labels;
    case 'ServiceImport':
      return undefined;
    case 'EndpointSlice':
      if (view.hasOnlyImportedSlices !== true) return view.labels;
      return view.labels === undefined ? IMPORTED : `${view.labels},${IMPORTED}`;
    default:
      return view.labels;
  }
}

/**
 * What the position of a feed is kept under: one of another selection says nothing about this one. The scope itself where
 * all is taken.
 */
export function positionScope({ scope, labelSelector, anyOf }: FeedSpec): string {
  const selectors = anyOf ?? (labelSelector === undefined ? [] : [labelSelector]);
  return [scope, ...selectors].join('?');
}

/** A feed's name within its cluster. */
export function feedName(feed: FeedSpec): string {
  return feed.scope === '' ? feed.kind : `${feed.kind} ${feed.scope}`;
}
