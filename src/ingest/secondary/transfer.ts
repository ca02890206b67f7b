/** One transfer of one zone from one primary: the differences, or else the whole. */
import type { RecordStore } from '../../dns/record-store.ts';
import { RRType } from '../../dns/rrset.ts';
import { rcodeText } from '../../dns/type-text.ts';
import { readMessage } from '../../dns/wire.ts';
import { fail, ok, type Result } from '../../errors.ts';
import type { Clock } from '../clock.ts';
import { digestFault } from './digest.ts';
import type { Primary, SecondarySource } from './primary.ts';
import { makeQuestion } from './question.ts';
import { openSession, type Session } from './session.ts';
import { type SoaRecord, type TransferProgress, TransferReader, type TransferredVersion } from './transfer-reader.ts';
import { sessionFor } from './version-query.ts';

export interface TransferOptions {
  readonly source: SecondarySource;
  readonly primary: Primary;
  /** Undefined: nothing is known of the zone. */
  readonly known: RecordStore | undefined;
  readonly clock: Clock;
  /** 0 ≤ n < 1; nobody outside may be able to guess it. */
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** Differences that could not be had, and why: the whole zone is asked for. */
  readonly onFallback: (reason: string) => void;
}

export type TransferResult = {
  /** Seconds for which the zone is good (RFC 7314); undefined: the primary did not say. */
  readonly expire: number | undefined;
  /** Octets of the messages. */
  readonly octets: number;
} & (
  | { readonly kind: 'transferred'; readonly version: TransferredVersion }
  /** The primary has no other version than ours. */
  | { readonly kind: 'current'; readonly soa: SoaRecord }
);

interface Failure {
  readonly reason: string;
  /** It was about differences: the zone as a whole may be had. */
  readonly isDifference: boolean;
}

/** @returns the reason where no whole and sound version was to be had; then nothing of it counts */
export async function transferZone(options: TransferOptions): Promise<Result<TransferResult, string>> {
  const { source, known, onFallback } = options;
  const soa = source.isFullOnly === true ? undefined : known?.soa();
  if (soa !== undefined) {
    const incremental = await verified(options, await request(options, RRType.IXFR, soa));
    if (incremental.ok) return incremental;
    if (!incremental.error.isDifference) return fail(incremental.error.reason);
    onFallback(incremental.error.reason);
  }
  const full = await verified(options, await request(options, RRType.AXFR, undefined));
  return full.ok ? full : fail(full.error.reason);
}

/** A version with a wrong digest is none; where differences led there, the whole zone may be right. */
async function verified(
  { source, clock }: TransferOptions,
  result: Result<TransferResult, Failure>,
): Promise<Result<TransferResult, Failure>> {
  if (!result.ok || result.value.kind !== 'transferred' || source.zonemd === undefined) return result;
  const { records, kind } = result.value.version;
  const reason = await digestFault(records, source.zonemd, clock);
  return reason === undefined ? result : fail({ reason, isDifference: kind === 'incremental' });
}

/** On a connection of its own: after a fault nobody knows what still comes on the old one. */
async function request(
  options: TransferOptions,
  type: typeof RRType.AXFR | typeof RRType.IXFR,
  soa: SoaRecord | undefined,
): Promise<Result<TransferResult, Failure>> {
  const { primary, clock, signal } = options;
  const { source: address, idleTime, transferTime } = options.source;
  const opened = await openSession(sessionFor({ primary, source: address, clock, signal }, idleTime, transferTime));
  if (!opened.ok) return fail({ reason: opened.error, isDifference: false });
  try {
    return await receive(options, opened.value, type, soa);
  } finally {
    opened.value.close();
  }
}

async function receive(
  { source, primary, known, clock, random }: TransferOptions,
  session: Session,
  type: typeof RRType.AXFR | typeof RRType.IXFR,
  soa: SoaRecord | undefined,
): Promise<Result<TransferResult, Failure>> {
  const { apex, limits } = source;
  const id = Math.floor(random() * 65_536);
  const now = () => clock.now() / 1000;
  const asked = makeQuestion({ id, apex, type, key: primary.key, now, ...(soa && { soa }) });
  const reader = new TransferReader({ apex, type, id, known, limits });
  let progress: TransferProgress = { kind: 'more' };
  let octets = 0;
  const done = await session.ask(asked.message, (message) => {
    octets += message.length;
    const verified = asked.verify(message);
    if (verified !== 'good' && verified !== 'unsigned') {
      progress = { kind: 'failed', reason: `${rcodeOf(message)}TSIG: ${verified}`, isDifference: false };
    } else {
      progress = reader.take(message);
      if (progress.kind === 'transferred' && !asked.isComplete) {
        progress = { kind: 'failed', reason: 'TSIG: the last message is not signed', isDifference: false };
      }
    }
    return progress.kind === 'more' ? 'more' : 'done';
  });
  const end = progress as TransferProgress;
  if (end.kind === 'failed') return fail(end);
  // A primary that has no differences may just as well hang up, or send its SOA record and no more, as over UDP.
  const isDifference = type === RRType.IXFR && (reader.isLone || (octets === 0 && !done.ok && isClosed(done)));
  if (!done.ok) return fail({ reason: done.error, isDifference });
  if (end.kind === 'more') throw new TypeError('an answer that ended without an end');
  return ok({ ...end, expire: reader.expire, octets });
}

function isClosed({ error }: { readonly error: string }): boolean {
  return error === 'connection closed';
}

function rcodeOf(message: Buffer): string {
  const read = readMessage(message);
  return read === undefined || read.rcode === 0 ? '' : `${rcodeText(read.rcode)}, `;
}
