/** Runs kubectl against one cluster, apart from the user's own configuration and caches. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

export interface KubectlTarget {
  /** The program. */
  readonly program: string;
  readonly kubeconfig: string;
  /** For the discovery cache. */
  readonly dir: string;
}

/** Far more than it takes, also beside API servers that are just starting. */
const TIMEOUT_MS = 180_000;

/**
 * Before its own question kubectl asks what kinds there are, and gives up after half a minute; an API server that has just
 * been given definitions may take longer for that, on a busy machine.
 */
const GAVE_UP = /Client\.Timeout exceeded|TLS handshake timeout/;
const ATTEMPTS = 4;
/** What may be said twice, with what is added the second time: the first may have been done, and its answer lost. */
const REPEATABLE: ReadonlyMap<string | undefined, readonly string[]> = new Map(
  Object.entries({
    apply: [],
    auth: [],
    'create token': [],
    delete: ['--ignore-not-found'],
    get: [],
    label: [],
    patch: [],
    wait: [],
  }),
);

/** What kubectl printed; rejects with what it complained about. */
export async function runKubectl(target: KubectlTarget, args: readonly string[], stdin = ''): Promise<string> {
  const more = REPEATABLE.get(args[0]) ?? REPEATABLE.get(args.slice(0, 2).join(' '));
  for (let attempt = 1; ; attempt++) {
    try {
      return await runOnce(target, attempt > 1 && more ? [...args, ...more] : args, stdin);
    } catch (error) {
      if (attempt === ATTEMPTS || more === undefined || !GAVE_UP.test(String(error))) throw error;
    }
  }
}

async function runOnce(target: KubectlTarget, args: readonly string[], stdin: string): Promise<string> {
  const all = ['--kubeconfig', target.kubeconfig, '--cache-dir', join(target.dir, 'kubectl-cache'), ...args];
  const child = spawn(target.program, all, { stdio: 'pipe', timeout: TIMEOUT_MS });
  let output = '';
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  // It may end without having read all of its input; the exit status says why.
  child.stdin.on('error', () => undefined).end(stdin);
  const status = await new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  if (status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${status}: ${complaint.trim() || output.trim()}`);
  return output;
}
