/** Who is measured: the CoreDNS that the benchmark builds, zonelog as it is installed, or commands of the user. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import type { Contestant } from './servers.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');

/** @param command another server than CoreDNS; `none` for none */
export function findPeer(command: string | undefined, say: (line: string) => void): Contestant | undefined {
  if (command === 'none') return undefined;
  if (command !== undefined) return contestant(command, ' (peer)');
  const built = spawnSync(path.join(import.meta.dirname, 'build-coredns.sh'), { stdio: ['ignore', 'pipe', 'inherit'] });
  const binary = built.stdout?.toString().trim();
  if (built.status === 0 && binary) return contestant(`${binary} -conf {conf} -dns.port {port}`, '');
  say('no CoreDNS: zonelog is measured alone, and targets that compare are left open');
  return undefined;
}

/** Builds what is measured, if it is this checkout. @throws Error when it does not build */
export function findSubject(command: string | undefined): Contestant {
  if (command !== undefined) return contestant(command, '');
  const built = spawnSync(process.execPath, [path.join(ROOT, 'scripts', 'build.mjs')], { stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the build failed');
  return contestant(`${path.join(ROOT, 'bin', 'zonelog')} -conf {conf} -dns.port {port} -db {db}`, '');
}

function contestant(command: string, suffix: string): Contestant {
  const [program = ''] = command.split(' ');
  return { label: path.basename(program) + suffix, command, hasLog: command.includes('{db}') };
}
