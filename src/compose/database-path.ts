/** Where the database is when nobody says. */
import path from 'node:path';

/** `$STATE_DIRECTORY/zonelog.db` (systemd; of several folders the first), else `zonelog.db` in the working directory. */
export function databaseOf(env: Readonly<Record<string, string | undefined>>): string {
  const folder = env.STATE_DIRECTORY?.split(':')[0];
  return folder ? path.join(folder, 'zonelog.db') : path.resolve('zonelog.db');
}
