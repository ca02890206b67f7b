/** Where Helm is, and how it gets there. */
import { spawn, spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';

const NO_GO = 3;

/** The system's, or one that is built (minutes, the first time); undefined where there is no Go tool chain to build it with. */
export async function ensureHelm(): Promise<string | undefined> {
  if (spawnSync('helm', ['version'], { stdio: 'ignore' }).status === 0) return 'helm';
  const build = spawn('sh', [join(import.meta.dirname, 'build-helm.sh')], {
    stdio: ['ignore', process.stderr, process.stderr],
  });
  const status = await new Promise<number | null>((resolve, reject) =>
    build.once('error', reject).once('exit', resolve),
  );
  if (status === NO_GO) return undefined;
  if (status !== 0) throw new Error(`build-helm.sh ended with status ${status}`);
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'zonelog-test', 'bin', 'helm');
}
