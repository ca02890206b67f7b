/** Copies of a database in use: whole, of one moment, and there only when they are complete. */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { type Database, describeFailure } from '../database.ts';
import { OperatorError } from '../errors.ts';

/**
 * Copies a database to a new file. It is read in one transaction, so the copy is of one moment; who writes to it meanwhile
 * does not wait.
 * @param db read-only; nothing else is done with it afterwards
 * @param unique text for the name of the unfinished copy
 * @throws OperatorError when the file is there already or can't be written; then nothing is left of it
 */
export function backUp(db: Database, file: string, unique: string): void {
  if (existsSync(file)) throw new OperatorError(`${file}: is there already; give the backup another name`);
  const partial = `${file}.${unique}.partial`;
  try {
    // It forbids any writing statement; the connection itself may not write to its own file either way.
    db.pragma('query_only = OFF');
    db.prepare('VACUUM INTO ?').run(partial);
    sync(partial);
    renameSync(partial, file);
    sync(path.dirname(file));
  } catch (error) {
    for (const end of ['', '-journal']) rmSync(`${partial}${end}`, { force: true });
    throw describeFailure(error, file);
  }
}

/** Makes sure that a file, or what a folder holds, is on the disk. */
export function sync(name: string): void {
  const descriptor = openSync(name, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
