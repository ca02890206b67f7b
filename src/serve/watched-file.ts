/** A file that is looked at now and then: read once at the start, and again when its time or size has changed. */
import { readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { getSystemErrorMessage } from 'node:util';
import { fail, ok, type Result } from '../errors.ts';
import type { Timer } from './timer.ts';

export interface FileText {
  readonly text: string;
  /** When it was changed last, Unix seconds. */
  readonly modified: number;
  /** Changes when the file does: its time and size. */
  readonly mark: string;
}

/** Reads the file at once: only while nothing is served yet. The error is `open FILE: no such file or directory`. */
export function readFileNow(file: string): Result<FileText, string> {
  try {
    const status = statSync(file);
    return ok({ text: readFileSync(file, 'utf8'), modified: status.mtimeMs / 1000, mark: markOf(status) });
  } catch (error) {
    return fail(`open ${file}: ${reasonOf(error)}`);
  }
}

/**
 * Looks at the file each `everyMs` milliseconds. A look begins when what came of the last one is done.
 * @param known the file as it was read; undefined: it could not be
 * @param onChange is told what the file has become
 * @returns ends the looking
 */
export function watchFile(
  file: string,
  everyMs: number,
  timer: Timer,
  known: FileText | undefined,
  onChange: (read: Result<FileText, string>) => Promise<void> | void,
): () => void {
  let isClosed = false;
  let cancel = () => {};
  let last = known?.mark ?? '';
  const look = async (): Promise<void> => {
    const mark = await lookAt(file);
    if (mark === last || isClosed) return;
    const read = await readLater(file);
    last = read.ok ? read.value.mark : mark;
    if (!isClosed) await onChange(read);
  };
  const wait = (): void => {
    cancel = timer(() => {
      look().finally(() => {
        if (!isClosed) wait();
      });
    }, everyMs);
  };
  if (everyMs > 0) wait();
  return () => {
    isClosed = true;
    cancel();
  };
}

async function readLater(file: string): Promise<Result<FileText, string>> {
  try {
    // First the mark: should the file change in between, the next look sees it.
    const status = await stat(file);
    return ok({ text: await readFile(file, 'utf8'), modified: status.mtimeMs / 1000, mark: markOf(status) });
  } catch (error) {
    return fail(`open ${file}: ${reasonOf(error)}`);
  }
}

function markOf({ mtimeMs, size }: { readonly mtimeMs: number; readonly size: number }): string {
  return `${mtimeMs} ${size}`;
}

/** Empty: the file is not there. */
async function lookAt(file: string): Promise<string> {
  try {
    return markOf(await stat(file));
  } catch {
    return '';
  }
}

/** What the system says of an error, without Node's additions: `no such file or directory`. */
export function reasonOf(error: unknown): string {
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') {
    return getSystemErrorMessage(error.errno);
  }
  return error instanceof Error ? error.message : String(error);
}
