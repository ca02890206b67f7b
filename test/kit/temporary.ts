/** Files of one test. */
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';

export interface Folder {
  readonly path: string;
  /** Writes a file; each time with a later time of change. @returns its path */
  write(name: string, text: string): string;
  remove(name: string): void;
}

/** A folder that is gone after the test. */
export function temporaryFolder(t: TestContext): Folder {
  const folder = mkdtempSync(path.join(tmpdir(), 'zonelog-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  let time = 1_700_000_000;
  return {
    path: folder,
    write(name, text) {
      const file = path.join(folder, name);
      writeFileSync(file, text);
      time += 10;
      utimesSync(file, time, time);
      return file;
    },
    remove: (name) => rmSync(path.join(folder, name)),
  };
}
