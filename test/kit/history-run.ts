/**
 * A random history on the disk, what was shown live after each of its batches, and the comparison of both: questions about
 * any moment since the beginning of the log are answered with what was shown then.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { answerPast, replyFrom } from '../../src/compose/past.ts';
import { openDatabase } from '../../src/database.ts';
import type { DomainName } from '../../src/dns/name.ts';
import { isSubdomain } from '../../src/dns/name.ts';
import { type ResourceRecord, RRType, recordsOf } from '../../src/dns/rrset.ts';
import { recordText } from '../../src/dns/zonefile.ts';
import type { RecordValue, TextRecord } from '../../src/history/answers.ts';
import type { Answered } from '../../src/history/problem.ts';
import { type History, openHistory } from '../../src/history/questions.ts';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import { packKeys } from '../../src/ingest/held-keys.ts';
import { windowStart } from '../../src/ingest/log-window.ts';
import { isZoneSynced, soaRecord, type Zone, zoneRRsets } from '../../src/projection/zone.ts';
import { findOrMake } from '../../src/serve/synth.ts';
import { EAST, name, planApplied, stanza, synced, WEST, zoneDefinition } from './cluster-events.ts';
import { allSynced, batches, plan, zonemdPlan } from './random-events.ts';
import { gatewayHistory } from './random-gateway.ts';
import { StoredHistory } from './stored-history.ts';

export type Step =
  | { readonly kind: 'append'; readonly events: readonly ClusterEvent[] }
  | { readonly kind: 'snapshot' | 'restart' }
  /** Up to a share of the log, for so many steps. */
  | { readonly kind: 'compact'; readonly share: number; readonly most: number };

/** One cluster only: the other is forgotten, and must be listed again when it comes back. */
const onlyEast = planApplied(zoneDefinition('cluster.local.', [stanza(EAST, { pods: 'insecure' })]));
/** A zone so high up that reverse names lie in it, and a server that is an endpoint. */
const rootZone = planApplied(
  zoneDefinition('.', [stanza(WEST), stanza(EAST, { pods: 'verified' })], { localAddresses: ['10.0.0.1'] }),
);
/** A list that the guard does not believe, and an object of it that is seen again. */
const held: ClusterEvent = {
  ...{ kind: 'DeletionsHeld', cluster: EAST, key: 'Service', scope: '', known: 20, count: 2, percent: 50, until: 9e12 },
  keys: packKeys(['a/web', 'b/db']),
};
const seenAgain: ClusterEvent = {
  ...{ kind: 'DeletionsReleased', cluster: EAST, key: 'Service', scope: '', by: 'shown', keys: ['a/web'] },
};
const lost: ClusterEvent = { kind: 'ClusterLost', cluster: EAST, key: 'Service', reason: 'gone' };

const anyPlan = fc.oneof(plan, zonemdPlan);

const step: fc.Arbitrary<Step[]> = fc.oneof(
  { weight: 7, arbitrary: batches.map((all) => all.map((events): Step => ({ kind: 'append', events }))) },
  { weight: 2, arbitrary: anyPlan.map((event): Step[] => [{ kind: 'append', events: [event] }]) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Step[]>(
      [{ kind: 'append', events: [onlyEast] }],
      [{ kind: 'append', events: [rootZone] }],
      [{ kind: 'append', events: [lost] }],
      [{ kind: 'append', events: [held] }],
      [{ kind: 'append', events: [seenAgain] }],
      [{ kind: 'append', events: synced(EAST) }],
    ),
  },
  { weight: 2, arbitrary: fc.constant<Step[]>([{ kind: 'append', events: allSynced }]) },
  { weight: 2, arbitrary: fc.constantFrom<Step[]>([{ kind: 'snapshot' }], [{ kind: 'restart' }]) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.oneof(fc.nat(12), fc.constant(Number.POSITIVE_INFINITY)))
      .map(([share, most]): Step[] => [{ kind: 'compact', share, most }]),
  },
);

/** A plan, then anything. */
export const script: fc.Arbitrary<Step[]> = fc
  .tuple(anyPlan, fc.boolean(), fc.array(step, { minLength: 1, maxLength: 8 }))
  .map(([first, isSynced, rest]): Step[] => [
    { kind: 'append', events: isSynced ? [first, ...allSynced] : [first] },
    ...rest.flat(),
  ]);

/** Zones of hosts, under one plan. */
export const gatewayScript: fc.Arbitrary<Step[]> = fc
  .tuple(
    gatewayHistory,
    fc.array(fc.tuple(fc.nat(8), fc.constantFrom('snapshot', 'restart', 'compact')), { maxLength: 2 }),
  )
  .map(([all, marks]): Step[] =>
    all.flatMap((events, at) => [
      { kind: 'append', events },
      ...marks
        .filter(([place]) => place === at)
        .map(([, kind]): Step => (kind === 'compact' ? { kind, share: 0.5, most: 12 } : { kind })),
    ]),
  );

/** What was shown of a zone after a batch. */
interface Shown {
  readonly zone: Zone;
  /** As a transfer has it; undefined when it could not be transferred. */
  readonly lines: readonly string[] | undefined;
}

type Moments = readonly ReadonlyMap<string, Shown>[];

/**
 * Plays a script, then puts questions to what it left.
 * @param pick chooses among many: 0 ≤ n < below
 * @param kinds of questions: all, or one that is chosen
 */
export function checkHistory(steps: readonly Step[], pick: (below: number) => number, kinds: 'all' | 'one'): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'zonelog-history-'));
  const file = path.join(folder, 'zonelog.db');
  writeFileSync(file, emptyDatabase());
  const database = openDatabase(file);
  // No test cuts the power.
  database.db.pragma('synchronous = OFF');
  try {
    const { stored, moments } = play(new StoredHistory(database.db), steps);
    // A journal drops its oldest changes: then differences come from the log.
    if (pick(2) === 0) database.db.exec('DELETE FROM zone_change');
    const opened = openHistory(file, { now: () => Date.UTC(2100, 0, 1) });
    assert.ok(opened.ok);
    const first = Math.max(1, windowStart(stored.db).batch);
    const checks = [checkZones, checkDifferences, checkNames, checkAddresses, checkReplies];
    const chosen = kinds === 'all' ? checks : [checks[pick(checks.length)] as (typeof checks)[number]];
    for (const check of chosen) check(opened.value, moments, first, pick);
    opened.value.close();
  } finally {
    database.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

let empty: Buffer | undefined;

/** A database that has been migrated and holds nothing: to make it takes longer than most of a run. */
function emptyDatabase(): Buffer {
  if (empty !== undefined) return empty;
  const folder = mkdtempSync(path.join(tmpdir(), 'zonelog-history-'));
  const file = path.join(folder, 'zonelog.db');
  openDatabase(file).close();
  empty = readFileSync(file);
  rmSync(folder, { recursive: true, force: true });
  return empty;
}

function play(stored: StoredHistory, steps: readonly Step[]): { stored: StoredHistory; moments: Moments } {
  const moments: Map<string, Shown>[] = [new Map()];
  for (const step of steps) {
    if (step.kind === 'compact') stored.compact(Math.floor(step.share * stored.projector.batch), step.most);
    else if (step.kind !== 'append') stored[step.kind]();
    else {
      stored.append(step.events);
      moments.push(new Map(stored.projector.zones().map((zone) => [zone.id, { zone, lines: transferOf(zone) }])));
    }
  }
  return { stored, moments };
}

function transferOf(zone: Zone): string[] | undefined {
  if (zone.serial === undefined || !isZoneSynced(zone)) return undefined;
  const records = [...zoneRRsets(zone)].flatMap(recordsOf);
  return [soaRecord(zone), ...records].map(recordText);
}

function value<T>(answered: Answered<T>): T {
  assert.ok(answered.ok, answered.ok ? '' : answered.error.message);
  return answered.value;
}

const line = ({ owner, ttl, type, data }: TextRecord) => `${owner}\t${ttl}\tIN\t${type}\t${data}`;
const rfc3339 = (batch: number) => new Date(Date.UTC(2026, 10, 21) + (batch - 1) * 1000).toISOString();

/**
 * The records of each set in an order of their own: it means nothing (RFC 2181 §5), and may change within one version, as
 * endpoints change places.
 */
function withOrderedSets(lines: readonly string[]): string[] {
  const setOf = (text: string) => {
    const [owner, , , type] = text.split('\t');
    return `${owner} ${type}`;
  };
  return [...Map.groupBy(lines, setOf).values()].flatMap((set) => set.sort());
}

/** Each zone at each moment, by time and by serial, is what a transfer gave then, in its order. */
function checkZones(history: History, moments: Moments, first: number, pick: (below: number) => number): void {
  for (let batch = first; batch < moments.length; batch++) {
    if (pick(6) > 0) continue;
    for (const [id, { zone, lines }] of moments[batch] ?? []) {
      if (lines === undefined) continue;
      const byTime = value(history.zoneAt(id, rfc3339(batch)));
      const shown = withOrderedSets(lines);
      assert.deepEqual(withOrderedSets([...byTime.records].map(line)), shown, `${id} at batch ${batch}`);
      const bySerial = value(history.zoneAt(id, String(zone.serial)));
      assert.deepEqual(withOrderedSets([...bySerial.records].map(line)), shown, `${id} serial ${zone.serial}`);
    }
  }
}

/** Two versions differ by the records that one had and the other had not. */
function checkDifferences(history: History, moments: Moments, first: number, pick: (below: number) => number): void {
  for (const id of new Set(moments.flatMap((moment) => [...moment.keys()]))) {
    const versions = new Map<number, readonly string[]>();
    for (const moment of moments.slice(first)) {
      const { zone, lines } = moment.get(id) ?? {};
      if (zone?.serial !== undefined && lines !== undefined) versions.set(zone.serial, lines);
    }
    const list = [...versions];
    for (let at = 0; at < Math.min(3, list.length); at++) {
      const i = pick(list.length);
      const j = pick(2) === 0 ? Math.min(i + 1, list.length - 1) : pick(list.length);
      const [from, to] = [list[i], list[j]] as [[number, string[]], [number, string[]]];
      const difference = value(history.diff(id, String(from[0]), String(to[0])));
      const [before, after] = [new Set(from[1].slice(1)), new Set(to[1].slice(1))];
      const told = [difference.removed.map(line).sort(), difference.added.map(line).sort()];
      const expected = [
        [...before].filter((l) => !after.has(l)).sort(),
        [...after].filter((l) => !before.has(l)).sort(),
      ];
      assert.deepEqual(told, expected, `${id} ${from[0]} → ${to[0]}`);
      assert.deepEqual([line(difference.soaFrom), line(difference.soaTo)], [from[1][0], to[1][0]]);
    }
  }
}

const NAMES = [
  'web.a.svc',
  'db.b.svc',
  'ext.a.svc',
  'h0.web.a.svc',
  '_http._tcp.web.a.svc',
  '10-0-0-1.web.a.svc',
  'pod-0.db.b.svc',
  'a.svc',
  '10-0-0-2.a.pod',
  'fd00--1.b.pod',
  'ns.dns',
  'nothing',
  'http.tcp.web.a.svc',
  'www',
  'a.www',
  'any',
  'web.a',
  'y.z',
];

/** Names to ask for in a zone: what it had at some time, and what it may have had. */
function namesIn(id: string, moments: Moments, pick: (below: number) => number): DomainName[] {
  const owners = new Set<DomainName>();
  for (const moment of moments) {
    for (const text of moment.get(id)?.lines ?? []) owners.add(text.slice(0, text.indexOf('\t')) as DomainName);
  }
  const apex = id.replace(/#\d+$/, '');
  const others = NAMES.map((text) => name(apex === '.' ? text : `${text}.${apex}`));
  const all = [...owners, ...others, name('1.0.0.10.in-addr.arpa'), name('0.0.10.in-addr.arpa')];
  return all.filter((each) => isSubdomain(each, apex as DomainName) && pick(all.length) < 3);
}

/** The values of a name, put one after the other, are what it had live; and `why` tells the same of each moment. */
function checkNames(history: History, moments: Moments, first: number, pick: (below: number) => number): void {
  for (const id of new Set(moments.flatMap((moment) => [...moment.keys()]))) {
    if (!moments.some((moment) => moment.get(id)?.zone.serial !== undefined)) continue;
    for (const owner of namesIn(id, moments, pick)) {
      const values = allValues(history, owner, id, 1 + pick(4));
      for (let batch = first; batch < moments.length; batch++) {
        const { zone } = moments[batch]?.get(id) ?? {};
        const found = zone && findLive(zone, owner);
        const inForce = values.filter(({ from, to }) => from.batch <= batch && (to === undefined || to.batch > batch));
        assert.deepEqual(
          inForce.flatMap(({ records }) => records.map(line)).sort(),
          (found ?? []).map(recordText).sort(),
          `${owner} in ${id} after batch ${batch}`,
        );
        if (zone !== undefined && pick(8) === 0) checkWhy(history, zone, owner, batch);
      }
    }
  }
}

const isOfVersion = ({ type }: ResourceRecord) => type === RRType.SOA || type === RRType.ZONEMD;

/** What a zone lists of a name, or a wildcard stands for; what is of the version, SOA and ZONEMD, is no part of a name's history. */
function findLive(zone: Zone, owner: DomainName): readonly ResourceRecord[] {
  if (zone.definition.kind !== 'gateway') return listed(zone).get(owner) ?? [];
  const made = findOrMake(zone, owner);
  const sets = made.status === 'exists' ? made.rrsets() : [];
  return sets.flatMap(recordsOf).filter((record) => record.owner === owner && !isOfVersion(record));
}

const lists = new WeakMap<Zone, ReadonlyMap<DomainName, readonly ResourceRecord[]>>();

/** What a transfer has of each name, but for what is of the version. Many names are asked of each version. */
function listed(zone: Zone): ReadonlyMap<DomainName, readonly ResourceRecord[]> {
  const known = lists.get(zone);
  if (known !== undefined) return known;
  const records = [...zoneRRsets(zone)].flatMap(recordsOf).filter((record) => !isOfVersion(record));
  const list = Map.groupBy(records, ({ owner }) => owner);
  lists.set(zone, list);
  return list;
}

function allValues(history: History, owner: string, zone: string, limit: number): RecordValue[] {
  const values: RecordValue[] = [];
  let cursor: string | undefined;
  do {
    const page = value(history.recordHistory({ name: owner, zone, limit, cursor }));
    values.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined);
  for (const [i, { from }] of values.entries()) {
    assert.ok(i === 0 || from.batch <= (values[i - 1] as RecordValue).from.batch, 'newest first');
  }
  return values;
}

function checkWhy(history: History, zone: Zone, owner: DomainName, batch: number): void {
  const found = findOrMake(zone, owner);
  const [told] = value(history.why({ name: owner, type: 'A', zone: zone.id, at: rfc3339(batch) }));
  assert.ok(told);
  const expected =
    found.status === 'exists'
      ? (found.rrset(RRType.A) ?? found.rrset(RRType.CNAME)) === undefined
        ? 'nodata'
        : 'answer'
      : found.status === 'emptyNonTerminal'
        ? 'nodata'
        : found.isPassedOn
          ? 'passedOn'
          : found.isUnsure
            ? 'servfail'
            : 'nxdomain';
  assert.equal(told.outcome, expected, `${owner} in ${zone.id} after batch ${batch}: ${told.summary}`);
  const sets = found.status === 'exists' ? found.rrsets() : [];
  const records = sets.filter(({ type }) => type === RRType.A || type === RRType.CNAME).flatMap(recordsOf);
  assert.deepEqual(told.records.map(line).sort(), records.map(recordText).sort());
  assert.equal(told.at.serial, zone.serial);
}

const ADDRESSES = ['192.0.2.1', '10.0.0.1', '10.0.1.3', 'fd00::1', '192.0.2.53', '10.9.9.9'];
const TYPES = [RRType.A, RRType.AAAA, RRType.SRV, RRType.CNAME, RRType.PTR, RRType.NS, RRType.TXT, RRType.ANY];

/** What `asof` answers for a moment is the reply that was given then. */
function checkReplies(history: History, moments: Moments, first: number, pick: (below: number) => number): void {
  for (const id of new Set(moments.flatMap((moment) => [...moment.keys()]))) {
    for (const owner of namesIn(id, moments, pick)) {
      for (let batch = first; batch < moments.length; batch++) {
        const { zone } = moments[batch]?.get(id) ?? {};
        if (zone === undefined || pick(16) > 0) continue;
        const type = TYPES[pick(TYPES.length)] as RRType;
        const question = { kind: 'answer', zone: id, apex: zone.apex, name: owner, type } as const;
        const told = answerPast(history, { ...question, at: rfc3339(batch) });
        assert.deepEqual(told, replyFrom(zone, owner, type), `${owner} ${type} in ${id} after batch ${batch}`);
      }
    }
  }
}

/** The names of an address are those of the records that held it. */
function checkAddresses(history: History, moments: Moments, first: number, pick: (below: number) => number): void {
  for (let batch = first; batch < moments.length; batch++) {
    if (pick(3) > 0) continue;
    const address = ADDRESSES[pick(ADDRESSES.length)] as string;
    const expected: string[] = [];
    for (const { zone } of moments[batch]?.values() ?? []) {
      for (const set of zoneRRsets(zone)) {
        // The server's own address is a fact of the configuration, not of a cluster.
        if (set.owner === name(`ns.dns.${zone.apex === '.' ? '' : zone.apex}`)) continue;
        for (const record of recordsOf(set)) {
          const { rdata, owner } = record;
          const isAddress = (rdata.type === 'A' || rdata.type === 'AAAA') && rdata.address === address;
          if (isAddress || (rdata.type === 'PTR' && owner === reverseOf(address))) expected.push(recordText(record));
        }
      }
    }
    const { names } = value(history.who(address, rfc3339(batch)));
    assert.deepEqual(names.map(line).sort(), expected.sort(), `${address} after batch ${batch}`);
  }
}

function reverseOf(address: string): string {
  if (!address.includes(':')) return `${address.split('.').reverse().join('.')}.in-addr.arpa.`;
  const [head = '', tail = ''] = address.split('::');
  const groups = [head.split(':'), tail.split(':')].map((part) => part.filter((group) => group !== ''));
  const [left = [], right = []] = groups;
  const all = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  const nibbles = all.map((group) => group.padStart(4, '0')).join('');
  return `${[...nibbles].reverse().join('.')}.ip6.arpa.`;
}
