/** The objects that the records of a subject may be made from, at any time in a range of the log: never too few. */
import type { Position } from '../ingest/event.ts';
import type { LoggedObject } from '../ingest/object-log.ts';
import type { ZoneDefinition } from '../ingest/plan.ts';
import { addAround, addHost, type HostRange } from './host-scope.ts';
import { type ObjectRef, type ObjectStates, refKey } from './object-states.ts';
import { ScopeBuilder } from './scope-builder.ts';
import type { Subject } from './subject.ts';

export interface Scope {
  readonly refs: readonly ObjectRef[];
  /** Objects that only decide whether there is such a name: those of names above and below it, and of name servers. */
  readonly around: readonly ObjectRef[];
  /** Objects of other kinds whose events count too: zones of other servers. */
  readonly others: readonly LoggedObject[];
  /** The rest of the world counts as well: it is had as a whole, not from these objects. */
  readonly isWhole: boolean;
}

/**
 * @param definitions what the zone was made of in that range
 * @param from position, as `to`
 */
export function scopeOf(
  states: ObjectStates,
  subject: Subject,
  definitions: readonly ZoneDefinition[],
  from: Position,
  to: Position,
): Scope {
  const builder = new ScopeBuilder(states, from, to);
  switch (subject.kind) {
    case 'service':
      builder.service(`${subject.namespace}/${subject.service}`);
      break;
    case 'namespace':
      builder.namespace(subject.namespace);
      break;
    case 'pod':
      builder.namespace(subject.namespace);
      builder.pods(subject.address, subject.namespace);
      break;
    case 'address':
      builder.address(subject.address);
      break;
    case 'zone':
      // Name servers are found by this server's own addresses.
      for (const address of new Set(definitions.flatMap(({ localAddresses }) => localAddresses)))
        builder.address(address);
      break;
    case 'host':
      return hostScope(builder, states, subject, { definitions, from, to });
    case 'transferred':
      return { refs: [], around: [], others: transfersOf(states, definitions, subject.zone), isWhole: true };
  }
  return { refs: builder.refs, around: [], others: [], isWhole: false };
}

/** Whether a wildcard stands for the name depends on what has been listed as well. */
function hostScope(
  builder: ScopeBuilder,
  states: ObjectStates,
  subject: Extract<Subject, { kind: 'host' }>,
  range: HostRange,
): Scope {
  const around = new ScopeBuilder(states, range.from, range.to);
  addHost(builder, states, subject, range);
  const isAll = addAround(around, states, subject, range);
  return { refs: builder.refs, around: around.refs, others: states.log.ofKind('Cluster'), isWhole: !isAll };
}

/** What several subjects need together. */
export function mergeScopes(scopes: readonly Scope[]): Scope {
  const refs = new Map(scopes.flatMap((scope) => scope.refs.map((ref) => [refKey(ref), ref])));
  const around = new Map(scopes.flatMap((scope) => scope.around.map((ref) => [refKey(ref), ref])));
  for (const key of refs.keys()) around.delete(key);
  const others = new Map(scopes.flatMap((scope) => scope.others.map((object) => [object.id, object])));
  return {
    refs: [...refs.values()],
    around: [...around.values()],
    others: [...others.values()],
    isWhole: scopes.some(({ isWhole }) => isWhole),
  };
}

/** Events about a zone of another server: its transfers, and the catalogs that list it. */
function transfersOf(states: ObjectStates, definitions: readonly ZoneDefinition[], zone: string): LoggedObject[] {
  const catalogs = new Set(definitions.flatMap(({ memberOf }) => memberOf ?? []));
  return [...states.log.ofKind('Zone'), ...states.log.ofKind('Member')].filter(
    ({ key, cluster }) => key === zone || catalogs.has(cluster),
  );
}
