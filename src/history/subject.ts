/** What the records of a name are made from: so that an event can be told to concern it or not. */
import { type DomainName, isSubdomain, labelsBelow } from '../dns/name.ts';
import type { ClusterEvent, FactsOf, ObjectKind } from '../ingest/event.ts';
import type { ZoneKind } from '../ingest/plan.ts';
import { placeOfReverse, podAddress } from '../projection/zone.ts';

export type Subject =
  | { readonly kind: 'service'; readonly namespace: string; readonly service: string }
  /** `NAMESPACE.svc.ZONE`, which has no records. */
  | { readonly kind: 'namespace'; readonly namespace: string }
  | { readonly kind: 'pod'; readonly namespace: string; readonly address: string }
  /** A PTR record's name. */
  | { readonly kind: 'address'; readonly address: string }
  /** The apex and what else the zone owns by itself; a part of a reverse name. */
  | { readonly kind: 'zone' };

const ARPA = 'arpa.' as DomainName;

/** @param name at or below the apex */
export function subjectOf(name: DomainName, apex: DomainName, kind: ZoneKind): Subject {
  if (kind === 'reverse' || (kind === 'cluster' && isSubdomain(name, ARPA) && isSubdomain(ARPA, apex))) {
    const address = placeOfReverse(name)?.address;
    return address === undefined ? { kind: 'zone' } : { kind: 'address', address };
  }
  const [tree, namespace, third] = (labelsBelow(name, apex) ?? []).toReversed();
  if ((tree !== 'svc' && tree !== 'pod') || namespace === undefined) return { kind: 'zone' };
  if (third === undefined) return { kind: 'namespace', namespace };
  if (tree === 'svc') return { kind: 'service', namespace, service: third };
  return { kind: 'pod', namespace, address: podAddress(third) };
}

type Facts = FactsOf[ObjectKind];

/**
 * May this event have changed records of the subject?
 * @param before the facts of the object before the event
 */
export function isConcerned(subject: Subject, event: ClusterEvent, before: Facts | undefined): boolean {
  if (!('object' in event)) return event.kind !== 'ClusterLost' && event.kind !== 'ClusterLacks';
  if (subject.kind === 'zone') return true;
  const after = 'facts' in event ? event.facts : undefined;
  if (subject.kind === 'address') {
    if (event.object === 'Pod' || event.object === 'Namespace') return false;
    return addressesOf(before).has(subject.address) || addressesOf(after).has(subject.address);
  }
  const { namespace } = subject;
  if (event.object === 'Namespace') return event.key === namespace;
  if (!event.key.startsWith(`${namespace}/`)) return false;
  if (subject.kind === 'namespace') return false;
  if (subject.kind === 'pod') {
    return event.object === 'Pod' && [before, after].some((facts) => addressesOf(facts).has(subject.address));
  }
  const { service } = subject;
  if (event.object === 'EndpointSlice') return [before, after].some((facts) => isSliceOf(facts, service));
  return event.object !== 'Pod' && event.key === `${namespace}/${service}`;
}

function isSliceOf(facts: Facts | undefined, service: string): boolean {
  if (facts === undefined || !('endpoints' in facts)) return false;
  return facts.service === service || facts.imported?.service === service;
}

/** Every address that facts tell. */
export function addressesOf(facts: Facts | undefined): Set<string> {
  if (facts === undefined) return new Set();
  if ('endpoints' in facts) return new Set(facts.endpoints.flatMap(({ addresses }) => addresses));
  if ('addresses' in facts) return new Set(facts.addresses);
  if ('clusterIPs' in facts) return new Set([...facts.clusterIPs, ...(facts.external ?? [])]);
  return new Set('ips' in facts ? facts.ips : []);
}
