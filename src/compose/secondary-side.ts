/** Zones of other servers, joined to the writer: what is transferred goes into the log, and is folded at once. */
import type { Database } from '../database.ts';
import type { Result } from '../errors.ts';
import type { TransferEvent } from '../ingest/event.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { SecondarySource } from '../ingest/secondary/primary.ts';
import { createSecondaries, type Secondaries } from '../ingest/secondary/secondaries.ts';
import { StoredTimes } from '../ingest/secondary/times.ts';
import type { Logger } from '../logger.ts';
import type { World } from '../projection/state.ts';
import { definitionOf, membersOf } from '../projection/transferred.ts';
import { startTimeout } from '../timeout.ts';

export interface SecondarySideOptions {
  readonly db: Database;
  readonly world: () => World;
  /** Logs and folds one batch. @returns the reason where the log takes nothing */
  readonly commit: (events: readonly TransferEvent[]) => Result<undefined, string>;
  /** Unix milliseconds. */
  readonly clock: () => number;
  /** 0 ≤ n < 1; nobody outside may be able to guess it. */
  readonly random: () => number;
  readonly logger: Logger;
  /** Until when zones are good, Unix milliseconds; undefined: they are gone. */
  readonly onTimes: (changed: readonly ZoneExpiry[]) => void;
}

export type ZoneExpiry = readonly [zone: ZoneId, expiresAt: number | undefined];

export interface SecondarySide extends Omit<Secondaries, 'configure'> {
  /** From the first call on zones are followed. */
  configure(sources: readonly SecondarySource[]): Promise<void>;
}

/** Milliseconds for which changed times are gathered before serving threads are told. */
const GATHER = 50;

export function createSecondarySide(options: SecondarySideOptions): SecondarySide {
  const { db, world, commit, random, logger, onTimes } = options;
  const clock = {
    now: options.clock,
    after: (milliseconds: number, action: () => void) => startTimeout(action, milliseconds),
  };
  const times = new StoredTimes(db, clock, (message) => logger.error(`times of zones: ${message}`));
  const changed = new Set<ZoneId>();
  const tell = (zone: ZoneId) => {
    if (changed.size === 0) clock.after(GATHER, tellAll);
    changed.add(zone);
  };
  const tellAll = () => {
    onTimes([...changed].map((zone) => [zone, times.get(zone)?.expiresAt]));
    changed.clear();
  };
  const secondaries = createSecondaries({
    store: {
      known(zone) {
        const { plan, transferred } = world();
        return definitionOf(plan, transferred, zone) && transferred.zones.get(zone);
      },
      members: () => membersOf(world().transferred),
      isOwn: (apex) => world().plan.zones.some((zone) => zone.apex === apex),
      commit,
      times: (zone) => times.get(zone),
      keepTimes(zone, kept) {
        times.set(zone, kept);
        tell(zone);
      },
    },
    clock,
    random,
    logger,
  });
  return {
    ...secondaries,
    async configure(sources) {
      await secondaries.configure(sources);
      for (const [zone] of secondaries.times()) tell(zone);
    },
    async stop() {
      await secondaries.stop();
      times.flush();
    },
  };
}
