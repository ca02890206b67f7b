/** Where the programs of a real cluster are, and how they get there. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface Binaries {
  readonly etcd: string;
  readonly apiserver: string;
  readonly controllerManager: string;
  readonly kubectl: string;
}

const NO_GO = 3;

/**
 * Builds what is missing (minutes, the first time) and gives the paths; undefined where there is no Go tool chain to build
 * with. build-apiserver.sh has said so then, loudly; tests skip.
 */
export async function ensureBinaries(): Promise<Binaries | undefined> {
  const script = join(import.meta.dirname, 'build-apiserver.sh');
  const status = await new Promise<number | null>((resolve, reject) => {
    const build = spawn('sh', [script], { stdio: ['ignore', process.stderr, process.stderr] });
    build.once('error', reject);
    build.once('exit', resolve);
  });
  if (status === NO_GO) return undefined;
  if (status !== 0) throw new Error(`build-apiserver.sh ended with status ${status}`);
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const bin = join(cache, 'zonelog-test', 'bin');
  const own = join(bin, 'kubectl');
  return {
    etcd: join(bin, 'etcd'),
    apiserver: join(bin, 'kube-apiserver'),
    controllerManager: join(bin, 'kube-controller-manager'),
    kubectl: existsSync(own) || !hasSystemKubectl() ? own : 'kubectl',
  };
}

function hasSystemKubectl(): boolean {
  return spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore' }).status === 0;
}
