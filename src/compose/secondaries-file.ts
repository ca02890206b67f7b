/**
 * What is known of secondaries, kept beside the database, so that a restart forgets no more than the last seconds. It is
 * for people to look at: a file that is lost or broken costs nothing else.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { SecondaryStatus } from '../transfer/secondaries.ts';

export function secondariesPath(database: string): string {
  return `${database}.secondaries.json`;
}

/** What the file has; nothing when it can't be read, or was written by another version. */
export function readSecondaries(file: string): readonly SecondaryStatus[] {
  try {
    const read: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return Array.isArray(read) && read.every(isStatus) ? read : [];
  } catch {
    return [];
  }
}

function isStatus(value: unknown): value is SecondaryStatus {
  if (typeof value !== 'object' || value === null) return false;
  const { zone, address, port, acknowledged, transferred, last } = value as Record<string, unknown>;
  const isPort = port === undefined || typeof port === 'number';
  return (
    typeof zone === 'string' &&
    typeof address === 'string' &&
    isPort &&
    [acknowledged, transferred, last].every(isReached) &&
    isTransfer(last)
  );
}

function isReached(value: unknown): boolean {
  return value === undefined || hasNumbers(value, ['serial', 'time']);
}

function isTransfer(value: unknown): boolean {
  return value === undefined || hasNumbers(value, ['records', 'octets', 'seconds']);
}

function hasNumbers(value: unknown, keys: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const members = value as Record<string, unknown>;
  return keys.every((key) => typeof members[key] === 'number');
}

/** Whole or not at all. @throws what the file system says */
export function writeSecondaries(file: string, statuses: readonly SecondaryStatus[]): void {
  const fresh = `${file}.new`;
  writeFileSync(fresh, JSON.stringify(statuses), { mode: 0o600 });
  renameSync(fresh, file);
}
