import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { type Database, openDatabase, openReadOnly } from '../../src/database.ts';
import { OperatorError } from '../../src/errors.ts';
import { type ClusterEvent, OBJECT_KINDS } from '../../src/ingest/event.ts';
import { windowStart } from '../../src/ingest/log-window.ts';
import type { ProjectorStart } from '../../src/projection/projector.ts';
import { readSnapshotOf } from '../../src/projection/snapshot.ts';
import { factsAt, keysAt } from '../../src/projection/state.ts';
import { verifyDatabase } from '../../src/retention/verify.ts';
import { allSynced, batches, zonemdPlan } from '../kit/random-events.ts';
import { StoredHistory } from '../kit/stored-history.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'zonelog-verify-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const history = fc.tuple(zonemdPlan, fc.array(batches, { minLength: 2, maxLength: 4 }), fc.boolean());
type History = [ClusterEvent, ClusterEvent[][][], boolean];

/** A log with snapshots, most with a base. */
function store(db: Database, [first, parts, isCompacted]: History): void {
  const stored = new StoredHistory(db);
  stored.append([first, ...allSynced]);
  for (const [i, part] of parts.entries()) {
    for (const events of part) stored.append(events);
    if (i === 0 && isCompacted) stored.compact(stored.projector.batch);
    else stored.snapshot();
  }
}

interface Content {
  readonly rows: unknown;
  /** By zone. The oldest ones may be missing, and what sums there are is of interest only in relation to each other. */
  readonly changes: ReadonlyMap<unknown, unknown[]>;
  /** The index of a log that has its beginning: it may hold more. */
  readonly mentions: readonly string[];
  /** By batch. Any may be missing. */
  readonly snapshots: ReadonlyMap<unknown, unknown>;
}

const MENTIONS = `SELECT term, kind.text, cluster.text, key FROM mention JOIN object ON object.id = mention.object
  JOIN word kind ON kind.id = object.kind JOIN word cluster ON cluster.id = object.cluster ORDER BY 1, 2, 3, 4`;

/** All that an answer may come from. */
function contentOf(db: Database): Content {
  const { batch, position } = windowStart(db);
  const all = (sql: string, ...values: number[]) =>
    db
      .prepare<number[], unknown[]>(sql)
      .raw()
      .all(...values);
  const rows = [
    all('SELECT * FROM event_text WHERE position > ? ORDER BY position', position),
    all(
      'SELECT position, kind.text FROM event JOIN word kind ON kind.id = event.kind WHERE position > ? ORDER BY 1',
      position,
    ),
    all('SELECT * FROM batch WHERE batch > ? ORDER BY batch', batch),
    all('SELECT * FROM removal ORDER BY id'),
    all('SELECT * FROM base_part WHERE batch = ? ORDER BY part', batch),
    all('SELECT name, batch, serial, time FROM zone_version v JOIN zone ON zone.id = v.zone ORDER BY 1, 2'),
    all('SELECT * FROM projection_position'),
    all('SELECT name, sql FROM sqlite_schema ORDER BY 1'),
  ];
  const changes = all(
    `SELECT name, batch, serial_from, serial_to, removed_count, added_count, hex(soas), hex(removed), hex(added),
       base, step, records, octets FROM zone_change c JOIN zone ON zone.id = c.zone ORDER BY 1, 2`,
  );
  const snapshots = all('SELECT batch FROM snapshot WHERE is_complete = 1 AND batch >= ?', batch).map(
    ([of]): [unknown, unknown] => [of, readableState(readSnapshotOf(db, Number(of)))],
  );
  const mentions = batch > 0 ? [] : all(MENTIONS).map((row) => JSON.stringify(row));
  return { mentions, rows, changes: Map.groupBy(changes, ([zone]) => zone), snapshots: new Map(snapshots) };
}

function readableState(start: ProjectorStart | undefined): unknown {
  if (start === undefined) return undefined;
  const { plan, clusters } = start.world;
  const read = Object.values(clusters).map(({ id, synced, lost, lacking }) => [
    { id, synced, lost, lacking },
    OBJECT_KINDS.flatMap((kind) =>
      [...keysAt(start.world, id, kind)].sort().map((key) => [kind, key, factsAt(start.world, id, kind, key)]),
    ),
  ]);
  return { plan, read, serials: start.serials };
}

/** With sums from the first of these changes on. */
function inRelation(changes: readonly unknown[]): unknown[] {
  const [first = []] = changes as number[][];
  return (changes as number[][]).map((row) => [
    ...row.slice(0, 9),
    row[9] === first[9],
    ...[10, 11, 12].map((i) => (row[i] as number) - (first[i] as number)),
  ]);
}

function assertSame(db: Database, before: Content): void {
  const now = contentOf(db);
  assert.deepEqual(now.rows, before.rows);
  const isThere = new Set(now.mentions);
  assert.deepEqual(
    before.mentions.filter((mention) => !isThere.has(mention)),
    [],
  );
  for (const [batch, snapshot] of now.snapshots) {
    // One of a later shape than this program knows is passed over, as if it were missing.
    if (snapshot !== undefined) assert.deepEqual(snapshot, before.snapshots.get(batch));
  }
  assert.deepEqual([...now.changes.keys()], [...before.changes.keys()]);
  for (const [zone, changes] of now.changes) {
    const whole = before.changes.get(zone) ?? [];
    assert.deepEqual(inRelation(changes), inRelation(whole.slice(whole.length - changes.length)));
  }
}

describe('verify', () => {
  it('finds nothing in what was written', () => {
    fc.assert(
      fc.property(history, (written) => {
        const { db, close } = openDatabase(':memory:');
        store(db, written);
        const verified = verifyDatabase(db);
        assert.ok(verified.ok, JSON.stringify(verified));
        close();
      }),
      { numRuns: 4 },
    );
  });

  it('finds any octet of the file that was changed, or nothing that is read is another', () => {
    const file = path.join(folder, 'flipped.db');
    fc.assert(
      fc.property(
        history,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 10, maxLength: 10 }),
        (written, flips) => {
          const { db, close } = openDatabase(file);
          store(db, written);
          const before = contentOf(db);
          close();
          const octets = readFileSync(file);
          // Most of a page may be empty: what is not zero is of interest.
          const places = [...octets.keys()].filter((at) => octets[at] !== 0);
          for (const [where, bits] of flips) {
            const at = places[where % places.length] as number;
            const changed = Buffer.from(octets);
            changed[at] = (changed[at] as number) ^ bits;
            writeFileSync(file, changed);
            ifFine(file, (read) => assertSame(read, before), `octet ${at} ^ ${bits}`);
          }
          for (const end of ['', '-wal', '-shm', '.lock']) rmSync(`${file}${end}`, { force: true });
        },
      ),
      { numRuns: 1, endOnFailure: true },
    );
  });

  it('finds any row that was removed and any value that was changed', () => {
    fc.assert(
      fc.property(
        history,
        fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.boolean()), { minLength: 40, maxLength: 40 }),
        (written, edits) => {
          const { db, close } = openDatabase(':memory:');
          store(db, written);
          const before = contentOf(db);
          for (const [table, row, column, isRemoved] of edits) {
            db.exec('SAVEPOINT edit');
            const what = edit(db, table, row, column, isRemoved);
            if (verifyDatabase(db).ok) {
              try {
                assertSame(db, before);
              } catch (cause) {
                throw new Error(`not found: ${what}`, { cause });
              }
            }
            db.exec('ROLLBACK TO edit; RELEASE edit');
          }
          close();
        },
      ),
      { numRuns: 1, endOnFailure: true },
    );
  });
});

/** @param check called when the file can be opened and verify finds nothing */
function ifFine(file: string, check: (db: Database) => void, what: string): void {
  let db: Database | undefined;
  try {
    db = openReadOnly(file);
    if (verifyDatabase(db).ok) check(db);
  } catch (error) {
    if (
      error instanceof OperatorError ||
      (error instanceof Error && 'code' in error && /^SQLITE_/.test(String(error.code)))
    )
      return;
    throw new Error(`not found: ${what}`, { cause: error });
  } finally {
    db?.close();
  }
}

const TABLES = [
  'batch',
  'event',
  'object',
  'word',
  'zone',
  'zone_version',
  'zone_change',
  'removal',
  'base_part',
  'snapshot',
  'snapshot_part',
  'projection_position',
  'mention',
];

/** As somebody would who knows SQLite: without the triggers, which are there again afterwards. */
function edit(db: Database, table: number, row: number, column: number, isRemoved: boolean): string {
  const name = TABLES[table % TABLES.length] as string;
  const triggers = db
    .prepare<[], { name: string; sql: string }>("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
    .all();
  for (const trigger of triggers) db.exec(`DROP TRIGGER ${trigger.name}`);
  db.pragma('foreign_keys = OFF');
  const columns = db.pragma(`table_info(${name})`) as { name: string; type: string }[];
  const { name: field, type } = columns[column % columns.length] as (typeof columns)[number];
  const count = db.prepare<[], number>(`SELECT count(*) FROM ${name}`).pluck().get() ?? 0;
  const keys = columns.map((each) => each.name).join(', ');
  const where = `(${keys}) IN (SELECT ${keys} FROM ${name} ORDER BY ${keys} LIMIT 1 OFFSET ${row % Math.max(1, count)})`;
  const changed =
    type === 'INTEGER' ? `${field} + 1` : type === 'BLOB' ? `CAST('x' || ${field} AS BLOB)` : `${field} || ' '`;
  const sql = isRemoved
    ? `DELETE FROM ${name} WHERE ${where}`
    : `UPDATE OR IGNORE ${name} SET ${field} = ${changed} WHERE ${where}`;
  try {
    db.exec(sql);
  } catch (error) {
    // A constraint that nobody gets past: a hash of another length.
    if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_CONSTRAINT'))) throw error;
  }
  for (const trigger of triggers) db.exec(trigger.sql);
  return sql;
}
