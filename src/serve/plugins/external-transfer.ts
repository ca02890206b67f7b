/** Every name of a zone of `k8s_external` with its records, for transfers: what answers say, name by name. */
import { type ExternalOptions, isReverseZone } from '../../corefile/config.ts';
import { canonicalAddress } from '../../dns/address.ts';
import { canonicalOrder } from '../../dns/canonical.ts';
import { childOf, type DomainName, isSubdomain, labelsBelow, parseName } from '../../dns/name.ts';
import type { ResourceRecord } from '../../dns/rrset.ts';
import { exposedNamespace, slotOf } from '../../projection/zone.ts';
import { addressesOfItems, aliasOfItems, makeRecord, servicesOfItems } from './external-records.ts';
import { type ExternalView, findByExternalAddress, findExternal, partsOf } from './external-zone.ts';
import { reverseName } from './reverse-name.ts';

/** All records below the apex, in canonical order. */
export function externalRecords(
  zone: DomainName,
  options: ExternalOptions,
  views: readonly ExternalView[],
): ResourceRecord[] {
  const records = isReverseZone(zone) ? pointers(zone, options, views) : forward(zone, options, views);
  return canonicalOrder(records);
}

function forward(zone: DomainName, { ttl, headless }: ExternalOptions, views: readonly ExternalView[]) {
  const records: ResourceRecord[] = [];
  for (const labels of namesOf(views, zone, headless)) {
    const owner = parseName(`${labels.join('.')}.${zone === '.' ? '' : zone}`);
    if (owner === undefined) continue;
    // The first stanza that has the service, as for a question.
    for (const view of views) {
      const found = findExternal(view, labels, zone, headless);
      if (found.kind !== 'items') continue;
      records.push(...servicesOfItems(owner, found.items, found.ttl, ttl).services);
      if (labels.length < 4) {
        records.push(...addressesOfItems(owner, found.items, ttl));
        const alias = aliasOfItems(found.items);
        // Nothing may stand beside an alias, not even what is answered for it.
        if (alias !== undefined) {
          while (records.at(-1)?.owner === owner) records.pop();
          records.push(makeRecord(owner, found.ttl, { type: 'CNAME', target: alias }));
        }
      }
      break;
    }
  }
  return records;
}

/** Labels below the zone of each name that some stanza may have, each once. */
function namesOf(views: readonly ExternalView[], zone: DomainName, hasHeadless: boolean): Iterable<readonly string[]> {
  const names = new Map<string, readonly string[]>();
  const put = (...labels: readonly string[]) => names.set(labels.join('.'), labels);
  for (const view of views) {
    const { stanza, cluster } = partsOf(view);
    for (const [namespace] of cluster.namespaces.entries()) {
      const state = exposedNamespace(stanza, cluster, namespace);
      if (state === undefined) continue;
      for (const [name, { service }] of state.services.entries()) {
        const isExternal = (service?.external ?? []).length > 0;
        if (service === undefined || !(isExternal || (hasHeadless && service.clusterIPs[0] === 'None'))) continue;
        put(name, namespace);
        const slices = isExternal ? [] : (slotOf(view.zone, view.at, namespace, name)?.slices ?? []);
        for (const port of isExternal ? service.ports : slices.flatMap(({ ports }) => ports)) {
          if (port.name !== '') put(`_${port.name}`, `_${port.protocol}`, name, namespace);
        }
        if (isExternal) continue;
        const found = findExternal(view, [name, namespace], zone, hasHeadless);
        for (const item of found.kind === 'items' ? found.items : []) {
          const [endpoint, ...rest] = labelsBelow(item.name, zone) ?? [];
          if (endpoint !== undefined && rest.length === 2) put(endpoint, ...rest);
        }
      }
    }
  }
  return names.values();
}

function pointers(zone: DomainName, { ttl, zones }: ExternalOptions, views: readonly ExternalView[]): ResourceRecord[] {
  const home = zones.find((one) => !isReverseZone(one)) ?? zones[0];
  const owners = new Map<DomainName, string>();
  for (const view of views) {
    const { stanza, cluster } = partsOf(view);
    for (const [namespace] of cluster.namespaces.entries()) {
      for (const [, { service }] of exposedNamespace(stanza, cluster, namespace)?.services.entries() ?? []) {
        for (const host of service?.external ?? []) {
          const address = canonicalAddress(host);
          if (address === undefined) continue;
          const owner = reverseName(address);
          if (isSubdomain(owner, zone)) owners.set(owner, address);
        }
      }
    }
  }
  return [...owners].flatMap(([owner, address]) => {
    const names = new Set(views.flatMap((view) => findByExternalAddress(view, address)));
    return [...names].flatMap((name) => {
      const target = home && parseName(childOf(name, home));
      return target === undefined ? [] : [makeRecord(owner, ttl, { type: 'PTR', target })];
    });
  });
}
