/** From the views that the configuration needs to what ingest follows. */
import { type ClusterSource, planFeeds } from '../ingest/feed.ts';
import type { ClusterView } from './views.ts';

export function sourcesOf(views: readonly ClusterView[]): ClusterSource[] {
  return views.map((view) => ({
    id: view.id,
    connection: view.connection,
    feeds: planFeeds({
      kinds: view.kinds,
      namespaces: view.namespaces,
      ...(view.labels !== undefined && { labels: view.labels }),
      ...(view.serviceSelectors !== undefined && { serviceSelectors: view.serviceSelectors }),
      ...(view.namespaceLabels !== undefined && { namespaceLabels: view.namespaceLabels }),
      hasOnlyImportedSlices: view.kinds.includes('ServiceImport') && !view.kinds.includes('Service'),
    }),
    ...(view.resolvers && { resolvers: view.resolvers.map(({ host, port }) => ({ address: host, port })) }),
    limits: {
      ...(view.qps !== undefined && { qps: view.qps }),
      ...(view.burst !== undefined && { burst: view.burst }),
      ...(view.maxInflight !== undefined && { maxInflight: view.maxInflight }),
    },
  }));
}
