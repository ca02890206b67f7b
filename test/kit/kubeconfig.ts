/** Kubeconfigs for API servers of tests. */

export interface NamedCluster {
  readonly name: string;
  readonly url: string;
  /** Default: none that counts. */
  readonly user?: object;
}

/** A context, with a cluster and a user of the same name, for each; the first one is the current one. */
export function kubeconfigOf(...clusters: readonly NamedCluster[]): string {
  return JSON.stringify({
    clusters: clusters.map(({ name, url }) => ({ name, cluster: { server: url } })),
    users: clusters.map(({ name, user = {} }) => ({ name, user })),
    contexts: clusters.map(({ name }) => ({ name, context: { cluster: name, user: name } })),
    'current-context': clusters[0]?.name,
  });
}
