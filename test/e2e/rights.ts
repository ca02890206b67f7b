/** Accounts and their rights, and what they may do, as the API server itself says. */
import { eventually } from '../kit/wait.ts';
import type { Cluster } from './cluster.ts';

const RBAC = 'rbac.authorization.k8s.io/v1';

/** An account, and what it may list and watch: `GROUP/RESOURCE`, the core group's without a group. */
function account(where: string, name: string, resources: readonly string[]): object[] {
  const subjects = [{ kind: 'ServiceAccount', name, namespace: where }];
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: where } },
    clusterRole(name, resources),
    { apiVersion: RBAC, kind: 'ClusterRoleBinding', metadata: { name }, subjects, roleRef },
  ];
}

export function clusterRole(name: string, resources: readonly string[]): object {
  const rules = resources.map((text) => {
    const at = text.indexOf('/');
    return { apiGroups: [text.slice(0, Math.max(0, at))], resources: [text.slice(at + 1)], verbs: ['list', 'watch'] };
  });
  return { apiVersion: RBAC, kind: 'ClusterRole', metadata: { name }, rules };
}

/** @param account `namespace:name`; @param resource `ingresses.networking.k8s.io`, in all namespaces */
export async function may(cluster: Cluster, account: string, verb: string, resource: string): Promise<string> {
  const who = `--as=system:serviceaccount:${account}`;
  try {
    return (await cluster.kubectl(['auth', 'can-i', verb, resource, '--all-namespaces', who])).trim();
  } catch (error) {
    const { message } = error as Error;
    return /\bno\b/.test(message) ? 'no' : message;
  }
}

/**
 * Makes an account, and waits until it has its rights: the API server learns of a role and its binding a moment after they
 * are made, and who asks before is refused.
 * @param resources as of `account`
 * @returns a kubeconfig for it
 */
export async function createAccount(
  cluster: Cluster,
  where: string,
  name: string,
  resources: readonly string[],
): Promise<string> {
  await cluster.applyObjects(account(where, name, resources));
  const named = resources.map((text) => text.split('/').reverse().join('.'));
  await waitForRights(cluster, `${where}:${name}`, named);
  return cluster.serviceAccountKubeconfig(where, name);
}

/** Waits until an account may list all these, in all namespaces. */
export async function waitForRights(cluster: Cluster, account: string, resources: readonly string[]): Promise<void> {
  await eventually(
    () => Promise.all(resources.map((resource) => may(cluster, account, 'list', resource))),
    (answers) => answers.every((answer) => answer === 'yes'),
    `${account} may list ${resources}`,
  );
}
