/**
 * Which version of a zone an answer is from, for those who ask: EXPIRE (RFC 7314), for secondaries of secondaries, and
 * ZONEVERSION (RFC 9660), by which it can be seen that all servers of a zone have caught up.
 */

import type { EdnsOption } from '../dns/encode.ts';
import { labelsOf } from '../dns/name.ts';
import type { MaybePromise, Outcome, Reply, Request, ZoneVersionFacts } from './chain.ts';
import { mapOutcome } from './chain.ts';

const EXPIRE_OPTION = 9;
const ZONEVERSION_OPTION = 19;
/** Of a version (RFC 9660 §2): the serial of the SOA record. */
const SOA_SERIAL = 0;

const SOA = 6;
const IXFR = 251;
const AXFR = 252;

function asks(request: Request, option: number): boolean {
  return request.edns?.options.some(({ code }) => code === option) === true;
}

/** Is the question itself malformed (RFC 9660 §3.1)? */
export function isBadVersionQuery(request: Request): boolean {
  const { edns } = request;
  if (edns === undefined || edns.options.length === 0) return false;
  return edns.options.some(({ code, data }) => code === ZONEVERSION_OPTION && data.length > 0);
}

/** Notes the zone on an outcome, if the request asks about it. */
export function withVersion(
  outcome: MaybePromise<Outcome>,
  request: Request,
  facts: () => ZoneVersionFacts | undefined,
): MaybePromise<Outcome> {
  if (request.edns === undefined || request.edns.options.length === 0) return outcome;
  if (!asks(request, EXPIRE_OPTION) && !asks(request, ZONEVERSION_OPTION)) return outcome;
  const zone = facts();
  if (zone === undefined) return outcome;
  return mapOutcome(outcome, (done) =>
    done.kind === 'reply' && done.isAuthoritative && done.zoneVersion === undefined
      ? { ...done, zoneVersion: zone }
      : done,
  );
}

/** The options of a reply, with what is said of its zone. */
export function addVersionOptions(
  request: Request,
  { zoneVersion }: Pick<Reply, 'zoneVersion'>,
  options: readonly EdnsOption[],
): readonly EdnsOption[] {
  if (zoneVersion === undefined) return options;
  const { apex, soa } = zoneVersion;
  const added: EdnsOption[] = [];
  if (asks(request, EXPIRE_OPTION)) added.push(...expireOption(request.question.type, soa.expire));
  // Where it says nothing of the zone it goes back as it came, as everywhere.
  const isTold = added.length > 0;
  const others = options.filter(({ code }) => code !== ZONEVERSION_OPTION && !(isTold && code === EXPIRE_OPTION));
  if (asks(request, ZONEVERSION_OPTION)) {
    const data = Buffer.alloc(6);
    data[0] = labelsOf(apex).length;
    data[1] = SOA_SERIAL;
    data.writeUInt32BE(soa.serial, 2);
    added.push({ code: ZONEVERSION_OPTION, data });
  }
  return [...others, ...added];
}

/** A primary says what its SOA record says (RFC 7314 §3.3.1); it is for SOA, AXFR and IXFR only. */
function expireOption(type: number, expire: number): EdnsOption[] {
  if (type !== SOA && type !== IXFR && type !== AXFR) return [];
  const data = Buffer.alloc(4);
  data.writeUInt32BE(expire);
  return [{ code: EXPIRE_OPTION, data }];
}

/** The options for each message of a transfer of the zone. */
export function transferOptions(request: Request, soa: ZoneVersionFacts['soa']): readonly EdnsOption[] {
  return asks(request, EXPIRE_OPTION) ? expireOption(request.question.type, soa.expire) : [];
}
