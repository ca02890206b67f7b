/** Programs that newer.sh has put into the cache, as commands: they are run by the loader that came with them. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

const FOLDER = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'zonelog-test', 'newer');
const LIBRARIES = path.join(FOLDER, 'usr/lib/x86_64-linux-gnu');
const LOADER = path.join(LIBRARIES, 'ld-linux-x86-64.so.2');

/** Where the program is, if it is there. */
export function newerProgram(name: string): string {
  return existsSync(path.join(FOLDER, 'complete')) ? path.join(FOLDER, 'usr/sbin', name) : `newer-${name}`;
}

export function newerCommand(name: string, ...args: readonly string[]): readonly string[] {
  return [LOADER, '--library-path', LIBRARIES, newerProgram(name), ...args];
}
