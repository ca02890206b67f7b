import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { TransferOptions } from '../../src/corefile/config.ts';
import { canonicalOrder, packRecords } from '../../src/dns/canonical.ts';
import { MessageEncoder } from '../../src/dns/encode.ts';
import { type ResourceRecord, RRType, recordsOf } from '../../src/dns/rrset.ts';
import { toSerial } from '../../src/dns/serial.ts';
import { readMessage } from '../../src/dns/wire.ts';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import type { Changeset, SoaRecord } from '../../src/projection/diff.ts';
import { soaRecord, type Zone, type ZonePart, zoneParts, zoneRRsets } from '../../src/projection/zone.ts';
import { axfr } from '../../src/transfer/axfr.ts';
import { applyChangeset, condense, recordKey } from '../../src/transfer/changesets.ts';
import { ixfr } from '../../src/transfer/ixfr.ts';
import { MessageFiller, packMessages } from '../../src/transfer/pack.ts';
import { PackedZones } from '../../src/transfer/packed.ts';
import { outgoingZone, planTransfer } from '../../src/transfer/plan.ts';
import { changesetSource } from '../kit/changeset-source.ts';
import { given } from '../kit/given.ts';
import { allSynced, batches, plan } from '../kit/random-events.ts';
import { knownRdata, name, plainNames, record, records, soa, wholeZone } from '../kit/records.ts';

const encoder = new MessageEncoder();
const APEX = 'z.';

type Contents = ReadonlyMap<string, ResourceRecord>;

function keyed(list: Iterable<ResourceRecord>): Map<string, ResourceRecord> {
  return new Map([...list].map((made) => [recordKey(made), made]));
}

function isSame(a: Contents, b: Contents): boolean {
  return a.size === b.size && [...a.keys()].every((key) => b.has(key));
}

interface Version {
  readonly soa: SoaRecord;
  /** Without the SOA. */
  readonly contents: Contents;
}

/** A few records, so that what is removed comes back now and then. */
const pool = fc.uniqueArray(records(plainNames, false), { minLength: 3, maxLength: 12, selector: recordKey });

/** Versions of one zone, each with the records of the pool that its coins choose; serials go round the end of the circle. */
const versions: fc.Arbitrary<Version[]> = pool.chain((list) =>
  fc
    .array(fc.array(fc.boolean(), { minLength: list.length, maxLength: list.length }), { minLength: 2, maxLength: 8 })
    .map((choices) =>
      choices.map((coins, i) => ({
        soa: soa(APEX, toSerial(0xfffffffd + i)),
        contents: keyed(list.filter((_, at) => coins[at])),
      })),
    ),
);

function difference(before: Version, after: Version): Changeset {
  const only = (a: Contents, b: Contents) =>
    canonicalOrder([...a].filter(([key]) => !b.has(key)).map(([, made]) => made));
  return {
    apex: name(APEX),
    soaFrom: before.soa,
    soaTo: after.soa,
    removed: only(before.contents, after.contents),
    added: only(after.contents, before.contents),
  };
}

function chainOf(all: readonly Version[]): Changeset[] {
  return all.slice(1).map((after, i) => difference(all[i] as Version, after));
}

function whole({ soa, contents }: Version): Contents {
  return keyed([soa, ...contents.values()]);
}

/** What a secondary makes of an IXFR response (RFC 1995 §4), and nothing else: `undefined` for a single SOA. */
function readIncremental(list: readonly ResourceRecord[]): Changeset[] {
  const isSoa = (made: ResourceRecord | undefined): made is SoaRecord => made?.rdata.type === 'SOA';
  const [first, ...rest] = list;
  const last = rest.pop();
  assert.ok(isSoa(first) && isSoa(last));
  assert.deepEqual(first, last);
  const changesets: Changeset[] = [];
  for (let at = 0; at < rest.length; ) {
    const take = (): [SoaRecord, ResourceRecord[]] => {
      const head = rest[at];
      assert.ok(isSoa(head));
      const taken: ResourceRecord[] = [];
      for (at += 1; at < rest.length && !isSoa(rest[at]); at++) taken.push(rest[at] as ResourceRecord);
      return [head, taken];
    };
    const [soaFrom, removed] = take();
    const [soaTo, added] = take();
    changesets.push({ apex: soaTo.owner, soaFrom, soaTo, removed, added });
  }
  assert.deepEqual(changesets.at(-1)?.soaTo, first);
  return changesets;
}

function overTheWire(list: Iterable<ResourceRecord>, limit: number, type: number): ResourceRecord[] {
  const query = {
    id: 1,
    isRecursionDesired: false,
    question: { name: name(APEX), spelling: APEX, type, class: 1 },
  };
  const received: ResourceRecord[] = [];
  for (const octets of packMessages(query, list, { encoder, limit })) {
    received.push(...(readMessage(octets)?.answer ?? assert.fail('a malformed message')));
  }
  return received;
}

// Versions whose only difference is a SOA record of the pool would be read as a border of a changeset.
const withoutSoa = versions.filter((all) =>
  all.every(({ contents }) => [...contents.values()].every(({ type }) => type !== RRType.SOA)),
);

test('AXFR(a) + IXFR(a→b) = AXFR(b), over the wire, whatever the size of messages', () => {
  fc.assert(
    fc.property(withoutSoa, fc.integer({ min: 512, max: 65_535 }), (all, limit) => {
      const chain = chainOf(all);
      const last = all.at(-1) as Version;
      for (const [start, from] of all.slice(0, -1).entries()) {
        const received = overTheWire(ixfr(last.soa, chain.slice(start)), limit, RRType.IXFR);
        const changed = readIncremental(received).reduce<Contents>(applyChangeset, whole(from));
        assert.ok(isSame(changed, whole(last)));
      }
    }),
    { numRuns: 300 },
  );
});

test('a condensed chain does the same as the chain, and never more', () => {
  fc.assert(
    fc.property(versions, (all) => {
      const chain = chainOf(all);
      const [first, last] = [all[0] as Version, all.at(-1) as Version];
      const condensed = condense(chain);
      assert.ok(isSame(applyChangeset(whole(first), condensed), whole(last)));
      // The least there is: the difference of the two ends.
      const direct = difference(first, last);
      assert.deepEqual(packRecords(condensed.removed), packRecords(direct.removed));
      assert.deepEqual(packRecords(condensed.added), packRecords(direct.added));
      assert.deepEqual([condensed.soaFrom, condensed.soaTo], [first.soa, last.soa]);
    }),
    { numRuns: 300 },
  );
});

test('condensing in parts or at once is the same', () => {
  fc.assert(
    fc.property(versions, fc.nat(), (all, n) => {
      const chain = chainOf(all);
      const cut = 1 + (n % chain.length);
      const parts = [condense(chain.slice(0, cut)), ...(cut < chain.length ? [condense(chain.slice(cut))] : [])];
      assert.deepEqual(condense(parts), condense(chain));
    }),
    { numRuns: 200 },
  );
});

test('a chain with a gap is not condensed, and a changeset is not applied to another version', () => {
  fc.assert(
    fc.property(
      versions.filter((all) => all.length > 2),
      (all) => {
        const chain = chainOf(all);
        assert.throws(() => condense([chain[1] as Changeset, chain[0] as Changeset]), RangeError);
        assert.throws(() => applyChangeset(whole(all[0] as Version), chain[1] as Changeset), RangeError);
      },
    ),
    { numRuns: 50 },
  );
  assert.throws(() => condense([]), RangeError);
});

test('a new TTL is a record removed and a record added', () => {
  const [old, fresh] = [5, 30].map((ttl) => record('a.z.', { type: 'A', address: '192.0.2.1' }, ttl));
  assert.ok(old && fresh);
  const changeset = {
    apex: name(APEX),
    soaFrom: soa(APEX, 1),
    soaTo: soa(APEX, 2),
    removed: [old],
    added: [fresh],
  };
  assert.deepEqual(condense([changeset]), changeset);
});

test('packing keeps every record, its order and the limit', () => {
  const lists = fc.array(records(plainNames, true), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(lists, fc.integer({ min: 1500, max: 65_535 }), (list, limit) => {
      const query = {
        id: 1,
        isRecursionDesired: false,
        question: { name: name(APEX), spelling: APEX, type: RRType.AXFR, class: 1 },
      };
      const messages = [...packMessages(query, list, { encoder, limit })];
      assert.ok(messages.every(({ length }) => length <= limit));
      assert.deepEqual(
        messages.flatMap((octets) => readMessage(octets)?.answer),
        list,
      );
    }),
    { numRuns: 200 },
  );
});

const everybody: TransferOptions = {
  zones: [name('.')],
  to: [{ kind: 'any', key: undefined }],
  source: undefined,
};

/** Does what a secondary with that version does: asks by IXFR, and takes what comes. */
function refresh(theirs: Contents, theirSoa: SoaRecord, zone: Zone, chain: readonly Changeset[]): Contents {
  const request = {
    question: { name: zone.apex, type: RRType.IXFR },
    authority: [theirSoa],
    transport: 'tcp' as const,
    remote: { address: '192.0.2.1' },
  };
  const plan = planTransfer(request, {
    stanza: everybody,
    zone: outgoingZone(zone),
    journal: changesetSource(chain),
    room: 1 << 24,
  });
  switch (plan.kind) {
    case 'current':
      return theirs;
    case 'full':
      return keyed(overTheWire(wholeZone(plan.soa, plan.rrsets), 2000, RRType.IXFR));
    case 'incremental': {
      const received = overTheWire(ixfr(plan.soa, plan.changesets), 2000, RRType.IXFR);
      return readIncremental(received).reduce<Contents>(applyChangeset, theirs);
    }
    default:
      return assert.fail(`a ${plan.kind}`);
  }
}

test('a secondary that asks at any time, of any version, has the zone of the primary', () => {
  const histories = fc.tuple(plan, batches).map(([first, rest]): ClusterEvent[][] => [[first, ...allSynced], ...rest]);
  const kinds = new Set<string>();
  fc.assert(
    fc.property(histories, ([first, ...rest]) => {
      const history = given(first as ClusterEvent[]);
      const seen = new Map<string, [SoaRecord, Contents][]>();
      const contents = (zone: Zone) => keyed([soaRecord(zone), ...[...zoneRRsets(zone)].flatMap(recordsOf)]);
      const note = () => {
        for (const zone of history.projector.zones()) {
          seen.set(zone.id, [...(seen.get(zone.id) ?? []), [soaRecord(zone), contents(zone)]]);
        }
      };
      note();
      for (const batch of rest) {
        history.when(batch);
        note();
        for (const zone of history.projector.zones()) {
          const now = contents(zone);
          for (const [theirSoa, theirs] of seen.get(zone.id) ?? []) {
            const after = refresh(theirs, theirSoa, zone, history.changesets(zone.id));
            assert.ok(isSame(after, now), `${zone.id} from ${theirSoa.rdata.serial}`);
            kinds.add(theirSoa.rdata.serial === zone.serial ? 'current' : 'changed');
          }
        }
      }
    }),
    { numRuns: 60 },
  );
  assert.deepEqual([...kinds].sort(), ['changed', 'current']);
});

test('packed data of all known types fits and comes back', () => {
  fc.assert(
    fc.property(fc.array(knownRdata(plainNames), { minLength: 1 }), (datas) => {
      const list = datas.map((rdata) => record('a.z.', rdata));
      assert.deepEqual(overTheWire(list, 4000, RRType.AXFR), list);
    }),
    { numRuns: 100 },
  );
});

test('parts of two versions with the same facts have the same sets, and kept messages make the zone as it is', () => {
  const histories = fc.tuple(plan, batches).map(([first, rest]): ClusterEvent[][] => [[first, ...allSynced], ...rest]);
  let reused = 0;
  fc.assert(
    fc.property(histories, (list) => {
      const history = given();
      const packed = new PackedZones(20_000, { enough: 400, small: 100, added: 20_000 });
      const known = new Map<string, Map<string, ZonePart>>();
      for (const batch of list) {
        history.when(batch);
        for (const zone of history.projector.zones()) {
          const before = known.get(zone.id) ?? new Map<string, ZonePart>();
          const parts = [...zoneParts(zone)];
          const owners: string[][] = [];
          for (const part of parts) {
            const sets = [...part.sets()];
            owners.push(sets.map(({ owner }) => owner));
            const old = before.get(part.key);
            if (old === undefined || old.facts.length !== part.facts.length) continue;
            if (!old.facts.every((fact, i) => fact === part.facts[i])) continue;
            reused += 1;
            assert.deepEqual(sets, [...old.sets()]);
          }
          known.set(zone.id, new Map(parts.map((part) => [part.key, part])));
          assert.equal(known.get(zone.id)?.size, parts.length, 'keys are different');
          const filled = owners.filter((list) => list.length > 0);
          for (let i = 1; i < filled.length; i++) assert.notEqual(filled[i]?.[0], filled[i - 1]?.at(-1));
          const question = { name: zone.apex, spelling: zone.apex, type: RRType.AXFR, class: 1 };
          const filler = new MessageFiller({ id: 1, isRecursionDesired: false, question }, { encoder });
          const made = axfr(soaRecord(zone), parts);
          const messages = packed.messages({ apex: zone.apex, key: zone.id, parts: made, filler });
          const received = [...messages].flatMap((message) => readMessage(message)?.answer ?? []);
          assert.deepEqual(received.map(recordKey), wholeZone(soaRecord(zone), zoneRRsets(zone)).map(recordKey));
        }
      }
    }),
  );
  assert.ok(reused > 0);
});
