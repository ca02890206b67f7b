/** Transfers from others: whatever comes, the reader says what it is, and only sound versions come out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Flag, MAX_MESSAGE, MessageEncoder } from '../../src/dns/encode.ts';
import { isSubdomain } from '../../src/dns/name.ts';
import { RecordStore } from '../../src/dns/record-store.ts';
import { type ResourceRecord, RRClass, RRType } from '../../src/dns/rrset.ts';
import { recordText } from '../../src/dns/zonefile.ts';
import { type TransferProgress, TransferReader } from '../../src/ingest/secondary/transfer-reader.ts';
import { name, record, soa } from '../kit/records.ts';

const APEX = name('example.org.');
const LIMITS = { records: 200, octets: 20_000 };
const ID = 4711;
const encoder = new MessageEncoder();

function message(type: number, records: readonly ResourceRecord[]): Buffer {
  const question = { name: APEX, spelling: APEX, type, class: RRClass.IN };
  encoder.begin(ID, Flag.QR | Flag.AA, 0, question, MAX_MESSAGE);
  for (const { owner, type: own, ttl, rdata } of records) encoder.add('answer', owner, own, ttl, rdata);
  return Buffer.from(encoder.finish().message);
}

function storeOf(serial: number, records: readonly ResourceRecord[]): RecordStore {
  const editor = RecordStore.empty(APEX).edit();
  editor.add(soa(APEX, serial));
  for (const one of records) editor.add(one);
  return editor.finish();
}

/** Feeds messages until the reader says that it is over. */
function read(reader: TransferReader, messages: readonly Uint8Array[]): TransferProgress {
  for (const one of messages) {
    const progress = reader.take(one);
    if (progress.kind !== 'more') return progress;
  }
  return { kind: 'more' };
}

function assertSound(progress: TransferProgress): void {
  if (progress.kind !== 'transferred') return;
  const { records, soa: last } = progress.version;
  const all = [...records.records()];
  assert.equal(all.length, records.size);
  assert.ok(records.size <= LIMITS.records && records.octets <= LIMITS.octets + 70_000);
  assert.ok(all.every(({ owner }) => isSubdomain(owner, APEX)));
  assert.deepEqual(
    all.filter(({ type }) => type === RRType.SOA),
    [last],
  );
}

const host = fc
  .record({ label: fc.constantFrom('a', 'b', 'c', 'd', 'x.y', '*'), n: fc.nat(4) })
  .map(({ label, n }) => record(`${label}.example.org.`, { type: 'A', address: `192.0.2.${n}` }));
/** Each record once. */
const zone = fc.uniqueArray(host, { maxLength: 12, selector: recordText });
const cuts = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });

/** The records in messages of these sizes, the last size again and again. */
function pack(type: number, records: readonly ResourceRecord[], sizes: readonly number[]): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0, i = 0; at < records.length; i++) {
    const size = sizes[Math.min(i, sizes.length - 1)] ?? 1;
    messages.push(message(type, records.slice(at, at + size)));
    at += size;
  }
  return messages;
}

const linesOf = (store: RecordStore) => [...store.records()].map(recordText).sort();

test('differences of any versions, in messages of any size, lead to the last one', () => {
  fc.assert(
    fc.property(fc.array(zone, { minLength: 2, maxLength: 4 }), cuts, (versions, sizes) => {
      const [first = [], ...rest] = versions;
      const known = storeOf(1, first);
      const newest = soa(APEX, versions.length);
      const steps = rest.flatMap((after, i) => {
        const before = versions[i] ?? [];
        const without = (a: readonly ResourceRecord[], b: readonly ResourceRecord[]) =>
          a.filter((one) => !b.some((other) => recordText(other) === recordText(one)));
        return [soa(APEX, i + 1), ...without(before, after), soa(APEX, i + 2), ...without(after, before)];
      });
      const expected = { apex: APEX, type: RRType.IXFR, id: ID, known, limits: LIMITS } as const;
      // With a first message of the newest SOA record alone, the transfer would be over at once only if that were ours.
      const incremental = new TransferReader(expected);
      const progress = read(incremental, pack(RRType.IXFR, [newest, ...steps, newest], sizes));
      assert.ok(progress.kind === 'transferred', JSON.stringify(progress));
      assert.equal(progress.version.kind, 'incremental');
      assert.deepEqual(linesOf(progress.version.records), linesOf(storeOf(versions.length, rest.at(-1) ?? [])));
      const whole = read(
        new TransferReader({ ...expected, type: RRType.AXFR }),
        pack(RRType.AXFR, [newest, ...(rest.at(-1) ?? []), newest], sizes),
      );
      assert.ok(whole.kind === 'transferred', JSON.stringify(whole));
      assert.deepEqual(linesOf(whole.version.records), linesOf(progress.version.records));
    }),
  );
});

const change = fc.record({ at: fc.nat(), octet: fc.nat(255) });

test('octets that changed on the way throw nothing, and bring nothing that is not of the zone', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(RRType.AXFR, RRType.IXFR),
      zone,
      cuts,
      fc.array(change, { minLength: 1, maxLength: 6 }),
      (type, records, sizes, changes) => {
        const [old, newest] = [soa(APEX, 1), soa(APEX, 2)];
        const differences = [newest, old, newest, ...records, newest];
        const messages = pack(type, type === RRType.IXFR ? differences : [newest, ...records, newest], sizes);
        for (const { at, octet } of changes) {
          const one = messages[at % messages.length] as Buffer;
          // The id and the flags are looked at first: what is behind them is of interest.
          one[4 + (at % (one.length - 4))] = octet;
        }
        const reader = new TransferReader({ apex: APEX, type, id: ID, known: storeOf(1, []), limits: LIMITS });
        assertSound(read(reader, messages));
      },
    ),
    { numRuns: 300 },
  );
});

test('any octets at all are a failure', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
      const reader = new TransferReader({ apex: APEX, type: RRType.AXFR, id: ID, known: undefined, limits: LIMITS });
      assert.notEqual(reader.take(octets).kind, 'transferred');
    }),
  );
});

test('records in any order end as a sound version or as none', () => {
  const any = fc.oneof(
    host,
    fc.integer({ min: 1, max: 4 }).map((serial) => soa(APEX, serial)),
    fc.constant(record('www.example.net.', { type: 'A', address: '192.0.2.9' })),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(RRType.AXFR, RRType.IXFR),
      fc.array(any, { maxLength: 15 }),
      cuts,
      (type, records, sizes) => {
        const reader = new TransferReader({ apex: APEX, type, id: ID, known: storeOf(1, []), limits: LIMITS });
        assertSound(read(reader, pack(type, records, sizes)));
      },
    ),
    { numRuns: 300 },
  );
});
