/** Reading what the operator names, with errors in the operator's words. */
import { readdirSync, readFileSync } from 'node:fs';
import { getSystemErrorMessage } from 'node:util';
import type { Surroundings } from '../corefile/config.ts';
import { OperatorError } from '../errors.ts';

/** @throws OperatorError `open FILE: no such file or directory` */
export function readText(file: string): string {
  try {
    return readFileSync(file === 'stdin' ? 0 : file, 'utf8');
  } catch (error) {
    throw new OperatorError(`open ${file}: ${describeSystemError(error)}`);
  }
}

/** What the system says of an error, without Node's additions. */
export function describeSystemError(error: unknown): string {
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') {
    return getSystemErrorMessage(error.errno);
  }
  return error instanceof Error ? error.message : String(error);
}

/** What a Corefile may see of this machine. */
export function surroundingsOf(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
  warn: (text: string) => void,
): Surroundings {
  return {
    file,
    env: (name) => env[name],
    readFile: (name) => readFileSync(name, 'utf8'),
    listDir: (name) => readdirSync(name),
    warn,
  };
}
