/** The views of clusters that stanzas need: which API server, and what of it is looked at. */
import type { HostPort } from '../corefile/config.ts';
import type { Kubeconfig, KubernetesOptions } from '../corefile/options/kubernetes.ts';
import type { MulticlusterOptions } from '../corefile/options/multicluster.ts';
import type { ClusterId, WatchedKind } from '../ingest/event.ts';

/** How the API server of a stanza is reached, and what of it is looked at. */
export interface ClusterView {
  readonly id: ClusterId;
  readonly connection:
    | { readonly kind: 'in-cluster' }
    | { readonly kind: 'kubeconfig'; readonly file: string; readonly context?: string }
    | {
        readonly kind: 'endpoint';
        readonly url: string;
        readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
      };
  /** Union of what its stanzas need. */
  readonly kinds: readonly WatchedKind[];
  /** Those of them that are served without where the server has not got them. */
  readonly dispensable: readonly WatchedKind[];
  readonly namespaces: readonly string[];
  readonly namespaceLabels?: string;
  readonly labels?: string;
  /** Selectors for services, one of which must select them. Absent: all. */
  readonly serviceSelectors?: readonly string[];
  /** Who is asked for the addresses of load balancers' host names; absent: the system's resolvers. */
  readonly resolvers?: readonly HostPort[];
  readonly qps?: number;
  readonly burst?: number;
  readonly maxInflight?: number;
  /** Deletions that a list claims are held when they are more than this; absent: never. */
  readonly guard?: DeletionGuard;
  /** Of the first stanza, for messages. */
  readonly plugin: string;
}

/** When a list that lacks known objects is not believed at once. */
export interface DeletionGuard {
  /** Percentage of the known objects of a kind. */
  readonly percent: number;
  /** Milliseconds for which they are held then. */
  readonly holdMs: number;
}

export const DEFAULT_GUARD: DeletionGuard = { percent: 50, holdMs: 3_600_000 };

export type ViewDraft = Omit<ClusterView, 'id'>;

export function viewOfKubernetes(plugin: string, options: KubernetesOptions, kinds: readonly WatchedKind[]): ViewDraft {
  const { kubeconfig, endpoint, tls } = options;
  return {
    connection: kubeconfig
      ? { kind: 'kubeconfig', file: kubeconfig.file, ...(kubeconfig.context && { context: kubeconfig.context }) }
      : endpoint
        ? { kind: 'endpoint', url: endpoint, ...(tls && { tls: { cert: tls.cert, key: tls.key, ca: tls.ca } }) }
        : { kind: 'in-cluster' },
    kinds,
    dispensable: [],
    namespaces: [...options.namespaces].sort(),
    ...(options.namespaceLabels !== undefined && { namespaceLabels: options.namespaceLabels }),
    ...(options.labels !== undefined && { labels: options.labels }),
    ...(options.apiserverQps !== undefined && { qps: options.apiserverQps }),
    ...(options.apiserverBurst !== undefined && { burst: options.apiserverBurst }),
    ...(options.apiserverMaxInflight !== undefined && { maxInflight: options.apiserverMaxInflight }),
    ...(options.guard !== 'off' && { guard: guardOf(options.guard) }),
    plugin,
  };
}

function guardOf(guard: { readonly percent: number; readonly holdMs: number | undefined } | undefined): DeletionGuard {
  return guard === undefined ? DEFAULT_GUARD : { percent: guard.percent, holdMs: guard.holdMs ?? DEFAULT_GUARD.holdMs };
}

export function viewOfMulticluster(options: MulticlusterOptions, kinds: readonly WatchedKind[]): ViewDraft {
  return {
    connection: connectionOf(options.kubeconfig),
    kinds,
    dispensable: [],
    namespaces: [],
    guard: DEFAULT_GUARD,
    plugin: 'multicluster',
  };
}

/** Of a stanza that knows no other way than a kubeconfig. */
export function connectionOf(kubeconfig: Kubeconfig | undefined): ClusterView['connection'] {
  if (kubeconfig === undefined) return { kind: 'in-cluster' };
  return { kind: 'kubeconfig', file: kubeconfig.file, ...(kubeconfig.context && { context: kubeconfig.context }) };
}

/** Registers the view; stanzas that look at the same share it. */
export function viewCluster(draft: ViewDraft, clusters: Map<ClusterId, ClusterView>): ClusterId {
  const id = clusterIdOf(draft);
  const known = clusters.get(id);
  const kinds = [...new Set([...(known?.kinds ?? []), ...draft.kinds])];
  // What one stanza can't be served without is needed.
  const needed = new Set(
    [known ?? draft, draft].flatMap((view) => view.kinds.filter((k) => !view.dispensable.includes(k))),
  );
  const dispensable = kinds.filter((kind) => !needed.has(kind));
  clusters.set(id, { ...(known ?? { ...draft, id }), kinds, dispensable });
  return id;
}

/** How operators will see the cluster named: its server or context, and what narrows the view. */
function clusterIdOf(draft: ViewDraft): ClusterId {
  const { connection, namespaces, namespaceLabels, labels, serviceSelectors, resolvers } = draft;
  const filters = new URLSearchParams();
  if (namespaces.length > 0) filters.set('namespaces', namespaces.join(','));
  if (namespaceLabels !== undefined) filters.set('namespace_labels', namespaceLabels);
  if (labels !== undefined) filters.set('labels', labels);
  for (const selector of serviceSelectors ?? []) filters.append('services', selector);
  // What others find of the same host is not the same fact.
  for (const { host, port } of resolvers ?? []) filters.append('resolver', `${host}#${port}`);
  const query = filters.size > 0 ? `?${decodeURIComponent(filters.toString().replaceAll('+', ' '))}` : '';
  switch (connection.kind) {
    case 'in-cluster':
      return `in-cluster${query}` as ClusterId;
    case 'endpoint':
      return `${connection.url.replace(/\/$/, '')}${query}` as ClusterId;
    case 'kubeconfig':
      return `${connection.file}${connection.context ? `#${connection.context}` : ''}${query}` as ClusterId;
  }
}
