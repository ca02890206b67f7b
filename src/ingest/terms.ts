/**
 * The terms of an object: what it may be looked for by, other than by its own key. Addresses in canonical text, hosts as facts
 * have them, and keys (`namespace/name`) of the services and gateways that it belongs to.
 */
import { parseHostList } from '../dns/host-name.ts';
import type { FactsOf, ObjectKind } from './event.ts';

type Facts = FactsOf[ObjectKind];

/** @param key `namespace/name` of the object */
export function* termsOf(key: string, facts: Facts): Generator<string> {
  const namespace = key.slice(0, key.indexOf('/') + 1);
  if ('endpoints' in facts) {
    for (const { addresses } of facts.endpoints) yield* addresses;
    if (facts.service !== undefined) yield namespace + facts.service;
    if (facts.imported !== undefined) yield namespace + facts.imported.service;
  } else if ('clusterIPs' in facts) {
    for (const address of facts.clusterIPs) if (address !== 'None') yield address;
    yield* facts.external ?? [];
    // Annotations are lists of hosts, or words that look like one: a term too many does no harm.
    for (const text of Object.values(facts.annotations ?? {})) yield* parseHostList(text).hosts;
  } else {
    if ('addresses' in facts) yield* facts.addresses;
    if ('ips' in facts) yield* facts.ips;
    if ('hosts' in facts) yield* facts.hosts;
    if ('targets' in facts) yield* facts.targets;
    if ('target' in facts) yield* facts.target ?? [];
    if ('parents' in facts) for (const { gateway } of facts.parents) yield gateway;
    if ('listeners' in facts) for (const { host } of facts.listeners ?? []) yield host;
    if ('internal' in facts) yield* [...facts.internal, ...facts.external];
    if ('entries' in facts) {
      for (const { host, targets } of facts.entries) {
        yield host;
        yield* targets;
      }
    }
  }
}

/** The terms that an object has now and had not before; each once. */
export function newTerms(key: string, before: Facts | undefined, after: Facts): ReadonlySet<string> {
  const terms = new Set(termsOf(key, after));
  if (before !== undefined) for (const term of termsOf(key, before)) terms.delete(term);
  return terms;
}
