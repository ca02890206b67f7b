/** The answers by which a client finds out what an API server serves. */
import type { ResourceType } from './resources.ts';

const VERBS = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];

export const SERVER_VERSION = {
  major: '1',
  minor: '34',
  gitVersion: 'v1.34.0',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '2025-08-27T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: 'linux/amd64',
};

export const CORE_VERSIONS = { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };

export function groupList(types: readonly ResourceType[]) {
  const names = new Set(types.map((type) => type.group).filter((group) => group !== ''));
  const groups = [...names].map((name) => describeGroup(types, name));
  return { kind: 'APIGroupList', apiVersion: 'v1', groups };
}

export function groupInfo(types: readonly ResourceType[], name: string) {
  const isKnown = name !== '' && types.some((type) => type.group === name);
  return isKnown ? { kind: 'APIGroup', apiVersion: 'v1', ...describeGroup(types, name) } : undefined;
}

export function resourceList(types: readonly ResourceType[], name: string, version: string) {
  const resources = types
    .filter((type) => type.group === name && type.versions.includes(version))
    .map((type) => ({
      name: type.plural,
      singularName: type.kind.toLowerCase(),
      namespaced: type.isNamespaced,
      kind: type.kind,
      ...(type.shortNames.length > 0 ? { shortNames: type.shortNames } : {}),
      verbs: VERBS,
    }));
  if (resources.length === 0) return undefined;
  const groupVersion = name === '' ? version : `${name}/${version}`;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}

function describeGroup(types: readonly ResourceType[], name: string) {
  const served = new Set(types.filter((type) => type.group === name).flatMap((type) => type.versions));
  const versions = [...served].map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions, preferredVersion: versions[0] };
}
