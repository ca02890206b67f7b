/**
 * Requests for transfers that come to no plugin: of zones that no server block has, of other classes, malformed ones. Whoever
 * runs a secondary that gets nothing finds the reason in the log.
 */
import type { DomainName } from '../dns/name.ts';
import { readPlainName } from '../dns/name-wire.ts';
import { readU16 } from '../dns/rdata-wire.ts';
import { RRClass, RRType } from '../dns/rrset.ts';
import { typeText } from '../dns/type-text.ts';
import { LimitedLines } from '../log-limit.ts';
import type { Logger } from '../logger.ts';
import type { ExtendedError, Request } from './chain.ts';

/** RFC 8914 §4.21. */
const NOT_AUTHORITATIVE = 20;
/** Octets of a header. */
const HEADER = 12;

export class RefusedTransfers {
  readonly #lines: LimitedLines;

  /** @param now seconds, monotonic */
  constructor(logger: Logger, now: () => number) {
    this.#lines = new LimitedLines((text) => logger.info(text), now);
  }

  /** @returns the reason for the client; undefined: it asked for no transfer */
  refuse({ question, remote }: Request): { readonly ede: ExtendedError } | undefined {
    if (!isTransfer(question.type)) return undefined;
    const text = question.class === RRClass.IN ? 'no server block has it' : 'transfers are of class IN';
    this.#write(question.type, question.name, remote.address, text);
    return { ede: { code: NOT_AUTHORITATIVE, text } };
  }

  /** Tells of a packet that could not be read, if its first question is for a transfer. */
  noteMalformed(packet: Uint8Array, address: string): void {
    if (packet.length <= HEADER || readU16(packet, 4) === 0) return;
    const read = readPlainName(packet, HEADER, packet.length);
    if (read === undefined || read.end + 4 > packet.length) return;
    const type = readU16(packet, read.end);
    if (isTransfer(type)) this.#write(type, read.name, address, 'the request is malformed');
  }

  #write(type: number, zone: DomainName, address: string, why: string): void {
    this.#lines.write(
      `Refused ${typeText(type)} of zone "${zone}" to ${address}: ${why}`,
      (count) => `Refused ${count} more requests for transfers`,
    );
  }
}

function isTransfer(type: number): boolean {
  return type === RRType.AXFR || type === RRType.IXFR;
}
