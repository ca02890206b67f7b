/**
 * Zones in files: read when the server starts, read again when the file has changed. Nothing here is on the answer path:
 * a large file is read again a piece at a time, so that answers go on in between.
 */
import { readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ZonemdOptions } from '../../corefile/config.ts';
import { readMasterFile } from '../../dns/master-file.ts';
import type { DomainName } from '../../dns/name.ts';
import type { Serial } from '../../dns/serial.ts';
import { fail, OperatorError, ok, type Result } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { Timer } from '../timer.ts';
import { reasonOf } from '../watched-file.ts';
import { hasZonemd, zonemdInSteps } from './digest.ts';
import { type StaticZone, ZoneBuilder } from './zone.ts';

/** Records read in one go. */
const PIECE = 500;

export interface ZoneSource {
  readonly file: string;
  readonly apex: DomainName;
  /** Undefined: the file could not be read yet. */
  readonly zone: StaticZone | undefined;
  close(): void;
}

export interface SourceOptions {
  readonly file: string;
  /** Each is served from the file, names relative to it. */
  readonly apexes: readonly DomainName[];
  /** How often the file is looked at, milliseconds; 0: never again. */
  readonly reloadMs: number;
  /** The file is read again when its time has changed, not when its SOA serial has. */
  readonly isByTime?: boolean;
  /** The file is read soon, not now: questions are being answered already. */
  readonly isDeferred?: boolean;
  /** The digest that a zone is to have if it has none; absent: as in the file. */
  readonly zonemdOf?: (apex: DomainName) => ZonemdOptions | undefined;
  readonly logger: Logger;
  readonly timer: Timer;
  /** Called when a zone has changed. */
  readonly onChange: () => void;
}

/**
 * Reads a zone file now, and keeps an eye on it.
 * @throws OperatorError when the file is wrong, or is not there and will not be looked for again
 */
export function openZoneFile(options: SourceOptions): ZoneSource[] {
  const { file, apexes, reloadMs, logger, timer, onChange } = options;
  const zones = new Map<DomainName, StaticZone | undefined>();
  const text = options.isDeferred ? undefined : readNow(file);
  if (text?.ok === false) {
    if (reloadMs === 0) throw new OperatorError(text.error);
    logger.warning(`Failed to open "${text.error}": trying again in ${reloadMs / 1000}s`);
  }
  for (const apex of apexes) {
    if (!text?.ok) continue;
    const built = buildNow(options, text.value, apex);
    if (!built.ok) throw new OperatorError(built.error);
    zones.set(apex, built.value);
  }
  let lastTime = options.isByTime ? modifiedNow(file) : '';
  let cancel = () => {};
  let isClosed = false;
  const look = async (): Promise<void> => {
    if (options.isByTime) {
      const time = await modifiedAt(file);
      if (time === lastTime) return;
      lastTime = time;
    }
    const read = await readLater(file);
    if (!read.ok) {
      logger.error(`Failed to open zone ${apexes.join(' ')} in "${file}": ${read.error}`);
      return;
    }
    for (const apex of apexes) {
      const old = zones.get(apex);
      const built = await buildLater(options, read.value, apex, options.isByTime ? undefined : old?.soa.rdata.serial);
      if (isClosed) return;
      if (!built.ok) logger.error(`Parsing zone "${apex}": ${built.error}`);
      else if (built.value !== 'unchanged') {
        zones.set(apex, built.value);
        logger.info(
          `Successfully reloaded zone "${apex}" in "${file}" with ${built.value.soa.rdata.serial} SOA serial`,
        );
        onChange();
      }
    }
  };
  const again = (): void => {
    look()
      .catch((error: unknown) => logger.error(`Failed to reload "${file}": ${reasonOf(error)}`))
      .finally(() => {
        if (!isClosed) wait();
      });
  };
  const wait = (): void => {
    if (reloadMs > 0) cancel = timer(again, reloadMs);
  };
  if (options.isDeferred) again();
  else wait();
  const close = (): void => {
    isClosed = true;
    cancel();
  };
  return apexes.map((apex) => ({
    file,
    apex,
    get zone() {
      return zones.get(apex);
    },
    close,
  }));
}

function readNow(file: string): Result<string, string> {
  try {
    return ok(readFileSync(file, 'utf8'));
  } catch (error) {
    return fail(`open ${file}: ${reasonOf(error)}`);
  }
}

async function readLater(file: string): Promise<Result<string, string>> {
  try {
    return ok(await readFile(file, 'utf8'));
  } catch (error) {
    return fail(`open ${file}: ${reasonOf(error)}`);
  }
}

function modifiedNow(file: string): string {
  return String(statSync(file, { bigint: true, throwIfNoEntry: false })?.mtimeNs ?? '');
}

async function modifiedAt(file: string): Promise<string> {
  try {
    return String((await stat(file, { bigint: true })).mtimeNs);
  } catch {
    return '';
  }
}

/** Builds the zone, a piece at each step, and gives up at the SOA when that has the serial that is known. */
function* build(
  { file, logger, zonemdOf }: SourceOptions,
  text: string,
  apex: DomainName,
  known: Serial | undefined,
): Generator<undefined, Result<StaticZone | 'unchanged', string>, undefined> {
  const builder = new ZoneBuilder(apex);
  const zonemd = zonemdOf?.(apex);
  const include = (name: string): string | undefined => {
    const read = readNow(path.resolve(path.dirname(file), name));
    return read.ok ? read.value : undefined;
  };
  let count = 0;
  for (const found of readMasterFile(text, { origin: apex, include })) {
    if ('problem' in found) return fail(`${file}: line ${found.line}: ${found.problem}`);
    if (found.class !== undefined) return fail(`${file}: class ${found.class} of ${found.owner}: only IN is served`);
    builder.add(found);
    if (known !== undefined && builder.soa?.rdata.serial === known) return ok('unchanged');
    count += 1;
    if (count % PIECE === 0) yield;
  }
  const zone = builder.finish();
  if (zone === undefined) return fail(`file "${file}" has no SOA record for origin ${apex}`);
  if (zonemd === undefined || hasZonemd(zone)) return ok(zone);
  const record = yield* zonemdInSteps(zone, zonemd);
  if (record === undefined) {
    logger.warning(`${apex}: more than ${zonemd.most} records: serial ${zone.soa.rdata.serial} is without ZONEMD`);
    return ok(zone);
  }
  builder.add(record);
  return ok(builder.finish() as StaticZone);
}

function buildNow(options: SourceOptions, text: string, apex: DomainName): Result<StaticZone, string> {
  const steps = build(options, text, apex, undefined);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value as Result<StaticZone, string>;
  }
}

async function buildLater(
  options: SourceOptions,
  text: string,
  apex: DomainName,
  known: Serial | undefined,
): Promise<Result<StaticZone | 'unchanged', string>> {
  const steps = build(options, text, apex, known);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await nextTurn();
  }
}
