/** Why a stanza of `k8s_gateway` had, or had not, a name. */
import { isAddressText } from '../dns/host-name.ts';
import type { DomainName } from '../dns/name.ts';
import type { FactsOf, ObjectKind } from '../ingest/event.ts';
import type { GatewayPlan, StanzaPlan } from '../ingest/plan.ts';
import { factsAt, type World } from '../projection/state.ts';
import { type FoundName, objectsNaming, wildcardOf, type Zone } from '../projection/zone.ts';
import type { StanzaReason } from './answers.ts';

type Verdict = Pick<StanzaReason, 'verdict' | 'code' | 'text'>;
type Source = [kind: ObjectKind, key: string];

/** Objects named in one sentence. */
const MOST_NAMED = 3;

/** @param alone the zone of this stanza only @param found something, or an empty step */
export function hostText(alone: Zone, name: DomainName, found: FoundName): string {
  if (found.status === 'emptyNonTerminal') return 'it has names below it';
  const naming = objectsNaming(alone, 0, name);
  const wildcard = wildcardOf(name, alone.apex);
  const kinds = planOf(alone).resources;
  const counted = (objects: readonly Source[]) =>
    objects.filter(([kind]) => (kinds as readonly string[]).includes(kind));
  const isServer = planOf(alone).servers.some((server) => server.name === name);
  if (counted(naming).length > 0) return `it is named by ${listed(counted(naming))}`;
  if (name === alone.apex) return "it is the zone's own name";
  if (isServer) return 'it is the name of a name server of the zone';
  const byWildcard = wildcard === undefined ? [] : counted(objectsNaming(alone, 0, wildcard));
  if (byWildcard.length > 0) return `${wildcard} is named by ${listed(byWildcard)}`;
  return naming.length > 0 ? `it is named by listeners of ${listed(naming)}` : 'it has names below it';
}

/** @param isUnsure all depends on a host name of a load balancer that was never resolved */
export function hostAbsence(world: World, alone: Zone, name: DomainName, isUnsure: boolean): Verdict {
  const wildcard = wildcardOf(name, alone.apex);
  const naming = [name, ...(wildcard === undefined ? [] : [wildcard])].flatMap((one) => objectsNaming(alone, 0, one));
  const [first] = naming;
  if (first === undefined) return { verdict: 'denies', code: 'noHost', text: 'no object that it looks at named it' };
  if (isUnsure) {
    const text = `it is named by ${listed(naming)}, whose load balancer's host name was never resolved`;
    return { verdict: 'unsure', code: 'neverResolved', text };
  }
  const { cluster } = stanzaOf(alone);
  const why = naming.slice(0, MOST_NAMED).map(([kind, key]) => {
    const facts = factsAt(world, cluster, kind, key);
    return `${kind} ${key} ${facts === undefined ? 'is gone' : emptiness(world, stanzaOf(alone), kind, facts)}`;
  });
  return { verdict: 'denies', code: 'noTarget', text: `it is named, but ${why.join(', ')}` };
}

/** Why an object that names a host has nothing for it. */
function emptiness(world: World, stanza: StanzaPlan, kind: ObjectKind, facts: FactsOf[ObjectKind]): string {
  const plan = stanza.gateway as GatewayPlan;
  if (kind === 'Gateway') return 'names it by a listener only';
  if (!(plan.resources as readonly string[]).includes(kind)) return 'is not of the kinds in `resources`';
  if ('parents' in facts) {
    const gateways = facts.parents.map(({ gateway }) => ({
      gateway,
      own: factsAt(world, stanza.cluster, 'Gateway', gateway),
    }));
    const [known] = gateways.filter(({ own }) => own !== undefined);
    if (known === undefined)
      return `has no Gateway (${gateways.map(({ gateway }) => gateway).join(', ') || 'none named'})`;
    const isTaken = gateways.some(({ own }) => own !== undefined && isOfClass(plan.gatewayClasses, own));
    return isTaken
      ? `has a Gateway without address (${known.gateway})`
      : 'has no Gateway of the classes in `gatewayClasses`';
  }
  const isClassed = kind === 'Ingress' && !isOfClass(plan.ingressClasses, facts);
  return isClassed ? 'is not of the classes in `ingressClasses`' : 'has no address';
}

function isOfClass(wanted: readonly string[] | undefined, facts: object): boolean {
  return wanted === undefined || ('class' in facts && wanted.includes(String(facts.class)));
}

/** The objects that a name's records come from, or would: those that name it, and what they lead to. */
export function sourcesOfHost(world: World, zone: Zone, at: number, name: DomainName): Source[] {
  const wildcard = wildcardOf(name, zone.apex);
  const exact = objectsNaming(zone, at, name);
  const naming: Source[] = exact.length > 0 || wildcard === undefined ? exact : objectsNaming(zone, at, wildcard);
  const { cluster } = zone.definition.stanzas[at] as StanzaPlan;
  const sources = new Map<string, Source>();
  const add = (kind: ObjectKind, key: string) => {
    if (sources.has(`${kind} ${key}`)) return;
    sources.set(`${kind} ${key}`, [kind, key]);
    const facts = factsAt(world, cluster, kind, key);
    if (facts === undefined) return;
    if ('parents' in facts) for (const { gateway } of facts.parents) add('Gateway', gateway);
    if ('targets' in facts) for (const target of facts.targets) if (!isAddressText(target)) add('ResolvedHost', target);
    if (!('clusterIPs' in facts)) return;
    for (const target of facts.gatewayTargets ?? facts.external ?? [])
      if (!isAddressText(target)) add('ResolvedHost', target);
    if (facts.annotations?.['k8s-gateway.dns/resolve-endpoints'] !== 'true') return;
    const [namespace = '', service = ''] = key.split('/');
    const entry = zone.clusters[at]?.namespaces.get(namespace)?.services.get(service);
    for (const slice of entry?.slices ?? []) add('EndpointSlice', `${namespace}/${slice.name}`);
  };
  for (const [kind, key] of naming) add(kind, key);
  return [...sources.values()];
}

function stanzaOf(alone: Zone): StanzaPlan {
  return alone.definition.stanzas[0] as StanzaPlan;
}

function planOf(alone: Zone): GatewayPlan {
  return stanzaOf(alone).gateway as GatewayPlan;
}

function listed(objects: readonly Source[]): string {
  const more = objects.length > MOST_NAMED ? ` and ${objects.length - MOST_NAMED} more` : '';
  return `${objects
    .slice(0, MOST_NAMED)
    .map(([kind, key]) => `${kind} ${key}`)
    .join(', ')}${more}`;
}
