/**
 * The database file: opening it, owning it, and bringing its schema up to date.
 *
 * One server owns a file. Ownership is an exclusive lock on `FILE.lock`, which the kernel gives back when the process
 * ends, however it ends. A file that can't be used is never replaced by a fresh one: it may be somebody's history.
 *
 * Closing a descriptor drops all POSIX locks that the process has on that file, so nothing here (or elsewhere in the
 * process) may open the database or its lock by other means than SQLite. `stat` is harmless.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import Sqlite from 'better-sqlite3';
import { OperatorError } from './errors.ts';

export type Database = Sqlite.Database;

/** A database that this process alone may write. */
export interface OwnedDatabase {
  readonly db: Database;
  readonly file: string;
  /** Closes the database, then gives up its ownership. */
  close(): void;
}

/** Another process has the ownership of a database. */
export class OwnedElsewhere extends OperatorError {}

/** 'zlog': marks the file as ours, for `file(1)` and for us. */
const APPLICATION_ID = 0x7a6c6f67;

/** Beside both src/ and dist/. */
const MIGRATIONS = fileURLToPath(new URL('../migrations/', import.meta.url));

/**
 * Up to this size (octets) every page is checked at open: about 0.1 s. Of a larger file only what is read is checked,
 * as it is read; `zonelog verify` reads all.
 */
const CHECK_WHOLE_UP_TO = 128 * 1024 * 1024;

/** Milliseconds. Only another process's checkpoint or schema change ever makes us wait. */
const BUSY_TIMEOUT = 1_000;

/** Milliseconds, of work that may wait: for the owner's commits. */
const BESIDE_TIMEOUT = 30_000;

/**
 * Opens a database for writing: creates it where there is none, takes its ownership and applies missing migrations.
 * `:memory:` is a database that ends with the process.
 * @throws OperatorError when the file can't be used; it is left as it was.
 */
export function openDatabase(file: string, migrations: string = MIGRATIONS): OwnedDatabase {
  if (file === ':memory:') {
    const db = new Sqlite(file);
    configure(db, true);
    migrate(db, file, migrations);
    return { db, file, close: () => db.close() };
  }
  refuseUnsafe(file);
  const lock = takeOwnership(file);
  let db: Database | undefined;
  try {
    db = new Sqlite(file, { timeout: BUSY_TIMEOUT });
    const isUsed = refuseForeign(db, file);
    configure(db, !isUsed);
    checkPages(db, file);
    migrate(db, file, migrations);
  } catch (error) {
    db?.close();
    lock.close();
    throw describeFailure(error, file);
  }
  const opened = db;
  return {
    db: opened,
    file,
    close() {
      opened.close();
      lock.close();
    },
  };
}

/**
 * Opens a database for reading only, also while a server owns and writes it. Each read transaction sees one state.
 * @throws OperatorError when there is no such file, or it can't be read, or its schema is not the one we know.
 */
export function openReadOnly(file: string, migrations: string = MIGRATIONS): Database {
  let db: Database | undefined;
  try {
    if (!existsSync(file)) throw new OperatorError(`${file}: there is no such file; -db FILE says where the log is`);
    db = new Sqlite(file, { readonly: true, timeout: BUSY_TIMEOUT });
    db.pragma('query_only = ON');
    const known = readMigrations(migrations);
    const applied = refuseForeign(db, file) ? readApplied(db) : [];
    compareMigrations(file, applied, known);
    if (applied.length === 0) throw new OperatorError(`${file}: empty: there is no log in it`);
    if (applied.length < known.length) {
      throw new OperatorError(
        `${file}: its schema ${applied.length} is older than this program's ${known.length}; a server start brings it up to date`,
      );
    }
    return db;
  } catch (error) {
    db?.close();
    throw describeFailure(error, file);
  }
}

/**
 * A second connection of the process that owns a database, for long work in small transactions: what they leave to be done is
 * done again, so they needn't reach the disk before the next commit of the owner does.
 * @throws OperatorError when it can't be opened
 */
export function openBeside(file: string): Database {
  try {
    const db = new Sqlite(file, { timeout: BESIDE_TIMEOUT, fileMustExist: true });
    configure(db, false);
    db.pragma('synchronous = NORMAL');
    return db;
  } catch (error) {
    throw describeFailure(error, file);
  }
}

const prepared = new WeakMap<Database, Map<string, Sqlite.Statement<unknown[]>>>();

/**
 * The statement of a text, made once for each connection: SQLite's statements are let go only between two turns of the event
 * loop, so a long replay that makes new ones step by step keeps them all, and making one costs more than most of them take.
 * It is shared by all who give the same text: to be run to its end at once (`get`, `all`, `run`), never iterated. Texts must
 * not be made of values.
 */
export function prepareOnce<Parameters extends unknown[], Row = unknown>(
  db: Database,
  sql: string,
): Sqlite.Statement<Parameters, Row> {
  let statements = prepared.get(db);
  if (statements === undefined) {
    statements = new Map();
    prepared.set(db, statements);
  }
  let statement = statements.get(sql);
  if (statement === undefined) {
    statement = db.prepare<unknown[]>(sql);
    statements.set(sql, statement);
  }
  return statement as Sqlite.Statement<Parameters, Row>;
}

/** What can be told from the directory alone. */
function refuseUnsafe(file: string): void {
  const directory = dirname(file);
  const parent = statSync(directory, { throwIfNoEntry: false });
  if (!parent?.isDirectory()) throw new OperatorError(`${file}: the directory ${directory} does not exist: create it`);
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat && !stat.isFile()) {
    throw new OperatorError(`${file}: not a regular file: give the path of the database file itself`);
  }
  if (stat && stat.size > 0) return;
  // SQLite would delete a write-ahead log that has no database, and with it the newest part of somebody's history.
  if (existsSync(`${file}-wal`)) {
    throw new OperatorError(
      `${file}: ${stat ? 'empty' : 'missing'}, but ${file}-wal is there: put the database back beside it, or remove that file to begin a new log`,
    );
  }
  if (stat && existsSync(`${file}.lock`)) {
    throw new OperatorError(
      `${file}: empty, though a server has used it before: restore it from a backup, or remove it to begin a new log`,
    );
  }
}

/** Holds `FILE.lock` until it is closed. */
function takeOwnership(file: string): Database {
  const name = `${file}.lock`;
  let lock: Database | undefined;
  try {
    lock = new Sqlite(name, { timeout: 0 });
    lock.pragma('locking_mode = EXCLUSIVE');
    lock.pragma('journal_mode = MEMORY');
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock?.close();
    if (error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')) {
      throw new OwnedElsewhere(
        `${file}: another zonelog owns it (${name} is locked): stop that one, or use another file`,
      );
    }
    throw describeFailure(error, name);
  }
}

/** @returns whether there is a schema of ours. */
function refuseForeign(db: Database, file: string): boolean {
  const id = db.pragma('application_id', { simple: true });
  if (id === APPLICATION_ID) return true;
  const { tables } = db.prepare<[], { tables: number }>('SELECT count(*) AS tables FROM sqlite_schema').get() ?? {
    tables: 0,
  };
  if (id === 0 && tables === 0) return false;
  throw new OperatorError(`${file}: a SQLite database of another program: use another file`);
}

function configure(db: Database, isNew: boolean): void {
  // Of effect in a file without tables only: what is removed can then be given back to the disk in small steps. In another
  // it is a write, and what is refused next is to be left as it was.
  if (isNew) db.pragma('auto_vacuum = INCREMENTAL');
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('foreign_keys = ON');
  db.pragma('trusted_schema = OFF');
  db.pragma('cell_size_check = ON');
  db.pragma('journal_size_limit = 67108864');
}

function checkPages(db: Database, file: string): void {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > CHECK_WHOLE_UP_TO) return;
  const found = brokenPage(db.pragma('quick_check(1)', { simple: true }));
  if (found !== undefined) throw damaged(file, found);
}

/** What is wrong with the pages and indexes of a database, in one line; undefined when nothing is. Reads all of it. */
export function findBrokenPage(db: Database): string | undefined {
  return brokenPage(db.pragma('integrity_check(1)', { simple: true }));
}

/** In what the schema is not that of this program, in one line; undefined when in nothing. */
export function findBrokenSchema(db: Database): string | undefined {
  const fresh = openDatabase(':memory:');
  try {
    const read = (from: Database) =>
      from
        .prepare<[], { name: string; sql: string | null }>('SELECT name, sql FROM sqlite_schema ORDER BY name, type')
        .all();
    const [found, right] = [read(db), read(fresh.db)];
    const index = right.findIndex(({ name, sql }, i) => found[i]?.name !== name || found[i]?.sql !== sql);
    if (index >= 0) return `${right[index]?.name} is not as it should be`;
    if (found.length > right.length) return `${found[right.length]?.name} should not be there`;
    const [row] = db.pragma('foreign_key_check') as { readonly table: string; readonly rowid: number | null }[];
    return row && `a row of ${row.table} refers to one that is not there`;
  } finally {
    fresh.close();
  }
}

function brokenPage(found: unknown): string | undefined {
  if (found === 'ok') return undefined;
  return String(found).replace('*** in database main ***', '').replaceAll(/\s+/g, ' ').trim();
}

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

interface AppliedMigration {
  readonly version: number;
  readonly name: string;
  readonly sha256: string;
}

function readMigrations(directory: string): Migration[] {
  const migrations = readdirSync(directory)
    .filter((name) => /^\d{4}_.+\.sql$/.test(name))
    .sort()
    .map((name) => {
      const sql = readFileSync(`${directory}/${name}`, 'utf8');
      return { version: Number(name.slice(0, 4)), name, sql, sha256: createHash('sha256').update(sql).digest('hex') };
    });
  const misplaced = migrations.find((migration, index) => migration.version !== index + 1);
  if (misplaced || migrations.length === 0) {
    throw new OperatorError(`${directory}: migrations are not 0001, 0002, …: the installation is incomplete`);
  }
  return migrations;
}

function readApplied(db: Database): AppliedMigration[] {
  return db.prepare<[], AppliedMigration>('SELECT version, name, sha256 FROM migration ORDER BY version').all();
}

/** @throws OperatorError unless what was applied is how the known migrations begin. */
function compareMigrations(file: string, applied: readonly AppliedMigration[], known: readonly Migration[]): void {
  if (applied.length > known.length) {
    throw new OperatorError(
      `${file}: written by a newer zonelog (schema ${applied.length}; this one knows up to ${known.length}): use that version, or another file`,
    );
  }
  for (const [index, migration] of applied.entries()) {
    if (migration.sha256 !== known[index]?.sha256) {
      throw new OperatorError(
        `${file}: its schema was made by another ${migration.name} than this program's: use the version that made it, or another file`,
      );
    }
  }
}

/** Applies what is missing, each migration in one transaction with its own record. */
function migrate(db: Database, file: string, directory: string): void {
  const known = readMigrations(directory);
  const isNew = db.pragma('application_id', { simple: true }) !== APPLICATION_ID;
  const applied = isNew ? [] : readApplied(db);
  compareMigrations(file, applied, known);
  for (const migration of known.slice(applied.length)) {
    db.transaction(() => {
      if (migration.version === 1) {
        db.exec(
          'CREATE TABLE migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL) STRICT',
        );
        db.pragma(`application_id = ${APPLICATION_ID}`);
      }
      db.exec(migration.sql);
      db.prepare('INSERT INTO migration (version, name, sha256) VALUES (?, ?, ?)').run(
        migration.version,
        migration.name,
        migration.sha256,
      );
    }).immediate();
  }
}

function damaged(file: string, detail: string): OperatorError {
  return new OperatorError(
    `${file}: damaged (${detail}): keep a copy and restore a backup, or move it away with its -wal and -shm files to begin a new log; zones are then rebuilt from the clusters, without their history`,
  );
}

/** Makes an operator's message of what SQLite or the file system says; leaves everything else as it is. */
export function describeFailure(error: unknown, file: string): unknown {
  if (error instanceof Sqlite.SqliteError) {
    const { code, message } = error;
    if (code.startsWith('SQLITE_NOTADB')) {
      return new OperatorError(
        `${file}: not a SQLite database; it is left as it is: use another file, or move it away`,
      );
    }
    if (code.startsWith('SQLITE_CORRUPT')) return damaged(file, message);
    if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
      return new OperatorError(`${file}: locked by another program (${message}): stop that one`);
    }
    if (/^SQLITE_(CANTOPEN|READONLY|PERM|AUTH)/.test(code)) {
      return new OperatorError(
        `${file}: can't be opened (${message}): this user needs to read and write the file and its directory`,
      );
    }
    if (/^SQLITE_(FULL|IOERR|NOLFS)/.test(code)) {
      return new OperatorError(`${file}: ${message}: see to the disk or volume that holds it`);
    }
    return error;
  }
  if (error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM')) {
    return new OperatorError(`${file}: no permission: this user needs to read and write the file and its directory`);
  }
  return error;
}
