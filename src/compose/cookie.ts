/** The secrets of `cookie`: those of the Corefile and of a file, or the server's own, which change by themselves. */
import { createHmac } from 'node:crypto';
import path from 'node:path';
import type { CookieOptions } from '../corefile/config.ts';
import { COOKIE_SECRET } from '../dns/cookie.ts';
import { fail, OperatorError, ok, type Result } from '../errors.ts';
import type { HandlerFactory, HandlerTools } from '../serve/blocks.ts';
import { type CookieSettings, createCookie } from '../serve/plugins/cookie.ts';
import { systemTimer } from '../serve/timer.ts';
import { readFileNow, watchFile } from '../serve/watched-file.ts';

/** How often the file of secrets is looked at, milliseconds. */
const LOOK_EVERY_MS = 5000;

/**
 * @param clock Unix seconds
 * @param seed of this process: nobody outside may know it
 */
export function cookieFactory(clock: () => number, seed: Uint8Array): HandlerFactory {
  return ({ options }, tools) => {
    const { cookie, root } = options;
    if (cookie === undefined) return undefined;
    return createCookie({ ...secretsOf(cookie, root, seed, tools), isRequired: cookie.isRequired, clock });
  };
}

/** @throws OperatorError when the file is of no use */
function secretsOf(
  { secrets, secretFile, rotateMs }: CookieOptions,
  root: string | undefined,
  seed: Uint8Array,
  { logger }: Pick<HandlerTools, 'logger'>,
): Pick<CookieSettings, 'secretsAt' | 'close'> {
  const given = secrets.map((digits) => Buffer.from(digits, 'hex'));
  if (secretFile === undefined) {
    return { secretsAt: given.length > 0 ? () => given : ownSecrets(seed, rotateMs / 1000) };
  }
  const file = path.resolve(root ?? '', secretFile);
  const known = readFileNow(file);
  const read = known.ok ? parseSecrets(known.value.text) : known;
  if (!read.ok) throw new OperatorError(known.ok ? `${file}: ${read.error}` : read.error);
  let current = [...given, ...read.value];
  const close = watchFile(file, LOOK_EVERY_MS, systemTimer, known.ok ? known.value : undefined, (changed) => {
    const next = changed.ok ? parseSecrets(changed.value.text) : changed;
    if (next.ok) current = [...given, ...next.value];
    else logger.warning(`${file}: ${next.error}; the secrets stay as they were`);
  });
  return { secretsAt: () => current, close };
}

/** One secret a line, the one that makes cookies first; `#` begins a comment. */
export function parseSecrets(text: string): Result<Buffer[], string> {
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim());
  const wrong = lines.findIndex((line) => line !== '' && !/^[0-9a-f]{32}$/i.test(line));
  if (wrong >= 0) return fail(`line ${wrong + 1}: a secret has 32 hexadecimal digits`);
  const secrets = lines.filter((line) => line !== '').map((line) => Buffer.from(line, 'hex'));
  return secrets.length > 0 ? ok(secrets) : fail('there is no secret in it');
}

/** By the time (Unix seconds): the secret of this period, and the one before, whose cookies are still about. All threads agree. */
export function ownSecrets(seed: Uint8Array, rotateSeconds: number): (now: number) => readonly Buffer[] {
  const of = (n: number) => createHmac('sha256', seed).update(`cookie ${n}`).digest().subarray(0, COOKIE_SECRET);
  let period = Number.NaN;
  let secrets: readonly Buffer[] = [];
  return (now) => {
    const current = Math.floor(now / rotateSeconds);
    if (current !== period) {
      period = current;
      secrets = [of(period), of(period - 1)];
    }
    return secrets;
  };
}
