/** Why a name was answered as it was: from the answer to the stanza, the objects and the events. */
import type { DomainName } from '../dns/name.ts';
import { type RRType, RRType as Types } from '../dns/rrset.ts';
import { typeText } from '../dns/type-text.ts';
import { ok } from '../errors.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { World } from '../projection/state.ts';
import type { FoundName, Zone } from '../projection/zone.ts';
import { findOrMake } from '../serve/synth.ts';
import type { AnswerOutcome, Explanation, LoggedEvent, StanzaReason } from './answers.ts';
import type { Answered } from './problem.ts';
import { problem } from './problem.ts';
import { nameOf, typeOf, zonesFor } from './record-history.ts';
import { type AskedPlace, type HistorySource, iso } from './source.ts';
import { reasonsOf } from './stanza-reasons.ts';
import { textRecords } from './text.ts';
import { withDigest } from './with-digest.ts';
import { zoneIn } from './worlds.ts';
import { worldForNames } from './worlds-of-names.ts';

export interface WhyQuery {
  readonly name: string;
  /** Default: A. */
  readonly type?: string | undefined;
  readonly zone?: string | undefined;
  readonly at?: string | undefined;
}

/** The zones that were asked for the name, in their order: the last one decided. */
export function why(source: HistorySource, query: WhyQuery): Answered<readonly Explanation[]> {
  const name = nameOf(query.name);
  if (!name.ok) return name;
  const type = typeOf(query.type);
  if (!type.ok) return type;
  const ids = zonesFor(source, name.value, query.zone);
  if (!ids.ok) return ids;
  const place = source.place(query.at, ids.value);
  if (!place.ok) return place;
  const explanations: Explanation[] = [];
  for (const id of ids.value) {
    const world = worldForNames(source, id, [name.value], place.value.batch);
    const found = zoneIn(source, world, id, place.value.batch);
    if (found === undefined) continue;
    const asked = type.value ?? Types.A;
    const zone = withDigest(source, found, name.value, asked, place.value.batch);
    const explanation = explain(source, world, zone, name.value, asked, place.value);
    explanations.push(explanation);
    if (explanation.outcome !== 'passedOn') break;
  }
  if (explanations.length > 0) return ok(explanations);
  return problem('unknownZone', `${name.value} was in no zone at ${iso(place.value.time)}`);
}

function explain(
  source: HistorySource,
  world: World,
  zone: Zone,
  name: DomainName,
  type: RRType,
  place: AskedPlace,
): Explanation {
  const found = findOrMake(zone, name);
  const outcome = outcomeOf(found, type);
  const sets = found.status === 'exists' ? found.rrsets() : [];
  const asked = sets.filter((set) => type === Types.ANY || set.type === type || set.type === Types.CNAME);
  const stanzas = reasonsOf(source, world, zone, name, place);
  return {
    name,
    type: typeText(type),
    at: { ...source.ref(place, zone.id), time: iso(place.asked) },
    zone: zone.id,
    apex: zone.apex,
    outcome,
    records: textRecords(asked),
    summary: summaryOf(zone.id, name, type, outcome, [...new Set(sets.map((set) => typeText(set.type)))], stanzas),
    stanzas,
  };
}

function outcomeOf(found: FoundName, type: RRType): AnswerOutcome {
  if (found.status === 'exists') {
    const isThere =
      found.rrset(type) ?? found.rrset(Types.CNAME) ?? (type === Types.ANY ? found.rrsets()[0] : undefined);
    return isThere === undefined ? 'nodata' : 'answer';
  }
  if (found.status === 'emptyNonTerminal') return 'nodata';
  if (found.isPassedOn) return 'passedOn';
  return found.isUnsure ? 'servfail' : 'nxdomain';
}

const WORDS: Readonly<Record<AnswerOutcome, string>> = {
  answer: 'answered',
  nodata: 'no data',
  nxdomain: 'no such name',
  servfail: 'SERVFAIL',
  passedOn: 'passed on',
};

function summaryOf(
  zone: ZoneId,
  name: DomainName,
  type: RRType,
  outcome: AnswerOutcome,
  types: readonly string[],
  stanzas: readonly StanzaReason[],
): string {
  const decisive =
    stanzas.find(({ verdict }) => verdict === 'has') ??
    stanzas.find(({ verdict }) => verdict === 'unsure') ??
    stanzas.findLast(({ verdict }) => verdict === 'denies');
  const newest = (decisive?.events ?? []).reduce<LoggedEvent | undefined>(
    (a, b) => (a === undefined || b.position > a.position ? b : a),
    undefined,
  );
  const parts = [`${name} ${typeText(type)}: ${WORDS[outcome]} by zone ${zone}`];
  if (outcome === 'nodata' && types.length > 0)
    parts.push(`the name has records of other types only: ${types.join(' ')}`);
  if (decisive !== undefined)
    parts.push(`stanza ${decisive.stanza} (${decisive.plugin}, ${decisive.cluster}): ${decisive.text}`);
  else if (types.length > 0) parts.push("it is the zone's own name");
  if (newest !== undefined) parts.push(eventText(newest));
  if (decisive?.held !== undefined) parts.push(decisive.held);
  return parts.join('; ');
}

/** An event in a few words. */
function eventText({ event, namespace, name, time, resourceVersion, manager, detail }: LoggedEvent): string {
  const object = namespace === undefined ? name : `${namespace}/${name}`;
  const version = resourceVersion === undefined ? '' : ` resourceVersion ${resourceVersion}`;
  return `${event} ${object}${detail === undefined ? '' : ` (${detail})`} at ${time}${version}${manager === undefined ? '' : ` by ${manager}`}`;
}
