/** As much of the world as names of a zone need. */
import { type DomainName, isSubdomain } from '../dns/name.ts';
import type { ZoneDefinition, ZoneId } from '../ingest/plan.ts';
import type { World } from '../projection/state.ts';
import { mergeScopes, scopeOf } from './scope.ts';
import { scopeWorldAt } from './scope-events.ts';
import type { HistorySource } from './source.ts';
import { subjectOf } from './subject.ts';
import { worldAt } from './worlds.ts';

export function worldForNames(source: HistorySource, id: ZoneId, names: readonly DomainName[], batch: number): World {
  const states = source.states();
  const position = states.endOf(batch);
  const [definition] = states.plans.definitions(id, position, position);
  // A member of a catalog is in no plan.
  if (definition === undefined) return worldAt(source, batch);
  const subjects = names.map((name) => subjectOf(name, definition));
  // Whether something lies below a step of a reverse name, only all addresses tell.
  if (subjects.some(({ kind }, i) => kind === 'zone' && isReverse(definition, names[i] as DomainName))) {
    return worldAt(source, batch);
  }
  const scope = mergeScopes(subjects.map((subject) => scopeOf(states, subject, [definition], position, position)));
  return scopeWorldAt(source, states, scope, batch);
}

const ARPA = 'arpa.' as DomainName;

function isReverse({ kind, apex }: ZoneDefinition, name: DomainName): boolean {
  return kind === 'reverse' || (isSubdomain(ARPA, apex) && isSubdomain(name, ARPA));
}
