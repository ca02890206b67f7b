/** `file`: zones in master files. */
import path from 'node:path';
import type { FileOptions } from '../../corefile/config.ts';
import { findStanza, matchZone } from '../../corefile/config.ts';
import { type DomainName, isSubdomain } from '../../dns/name.ts';
import { Opcode } from '../../dns/query.ts';
import { Rcode, RRType } from '../../dns/rrset.ts';
import type { HandlerTools, ServingBlock } from '../blocks.ts';
import { emptyReply, type Handler, type MaybePromise, mapOutcome, type Outcome } from '../chain.ts';
import { type AskServer, answerFromZone } from '../static-zone/answer.ts';
import { openZoneFile, type ZoneSource } from '../static-zone/source.ts';
import { recordsOfZone, type WrittenZone } from '../static-zone/zone.ts';
import { systemTimer, type Timer } from '../timer.ts';
import { withVersion } from '../zone-version.ts';

/** A zone that is written down somewhere, and who may have the names that it has not. */
export interface ServedSource extends ZoneSource {
  readonly fallthrough: readonly DomainName[] | undefined;
}

/** Directives behind `file` that answer questions, in their order. */
const BEHIND = ['auto', 'secondary', 'loop', 'forward', 'erratic', 'whoami'];

/** Does nobody in the block come after `file`, or after another directive behind it? */
export function isLastOf({ plugins }: ServingBlock, name: string): boolean {
  return !BEHIND.slice(BEHIND.indexOf(name) + 1).some((other) => plugins.includes(other));
}

/** @throws OperatorError when a file is wrong */
export function openFile(block: ServingBlock, tools: HandlerTools, timer: Timer = systemTimer): Handler {
  const sources: ServedSource[] = [];
  try {
    for (const stanza of block.options.file ?? []) sources.push(...openStanza(block, stanza, tools, timer));
  } catch (error) {
    for (const source of sources) source.close();
    throw error;
  }
  const isLast = isLastOf(block, 'file');
  return createZoneHandler('file', () => sources, {
    isLast: () => isLast,
    askServer: (request) => tools.askServer(request),
  });
}

function openStanza(
  { options }: ServingBlock,
  { file, zones, reloadMs, reloadByMtime, fallthrough }: FileOptions,
  { logger, dropAnswers }: HandlerTools,
  timer: Timer,
): ServedSource[] {
  const opened = openZoneFile({
    file: path.resolve(options.root ?? '', file),
    apexes: zones,
    reloadMs,
    isByTime: reloadByMtime,
    zonemdOf: (apex) => findStanza(options.transfer ?? [], apex)?.zonemd,
    logger,
    timer,
    // A name that the zone got may have been somebody else's so far.
    onChange: dropAnswers,
  });
  return opened.map((source) => ({
    file: source.file,
    apex: source.apex,
    get zone() {
      return source.zone;
    },
    close: source.close,
    fallthrough,
  }));
}

/** Has the zone a name only because of names below it, or because it is the zone's own? Others may have data for it. */
function isBare({ names, apex }: WrittenZone, name: DomainName): boolean {
  const types = [...(names.get(name)?.keys() ?? [])];
  return names.get(name) !== undefined && types.every((type) => name === apex && APEX_TYPES.has(type));
}

const APEX_TYPES: ReadonlySet<number> = new Set([RRType.SOA, RRType.NS]);

/**
 * Answers from zones that are written down: the longest that the name is in.
 * @param sources the zones at this moment
 * @param options.isLast nobody comes after it who may have the name: one of no zone is refused, as an authoritative server does
 */
export function createZoneHandler(
  name: string,
  sources: () => readonly ServedSource[],
  options: { isLast(name: DomainName): boolean; readonly askServer: AskServer },
): Handler {
  return {
    name,
    isPure: true,
    handle(request, next): MaybePromise<Outcome> {
      const { name: asked, type } = request.question;
      const all = sources();
      const apex = matchZone(
        asked,
        all.map((source) => source.apex),
      );
      if (apex === undefined) return options.isLast(asked) ? emptyReply(Rcode.REFUSED) : next(request);
      const source = all.find((one) => one.apex === apex) as ServedSource;
      if (type === RRType.AXFR || type === RRType.IXFR) return emptyReply(Rcode.REFUSED);
      // The zone comes from a file: nobody else can say that it has changed.
      if (request.opcode === Opcode.NOTIFY) return { kind: 'none' };
      if (source.zone === undefined) return emptyReply(Rcode.SERVFAIL, `plugin/${name}: zone ${apex} is not loaded`);
      const { zone } = source;
      const version = () => ({ apex, soa: zone.soa.rdata });
      const answered = withVersion(answerFromZone(zone, request, options.askServer), request, version);
      const isHandedOn = source.fallthrough?.some((parent) => isSubdomain(asked, parent)) === true;
      const passOn = (reply: Outcome): MaybePromise<Outcome> => {
        if (!isHandedOn || reply.kind !== 'reply' || reply.answer.length > 0) return reply;
        if (reply.rcode === Rcode.NXDOMAIN) return next(request);
        if (reply.rcode !== Rcode.NOERROR || options.isLast(asked) || !isBare(zone, asked)) return reply;
        // It exists, so nobody may deny it.
        const isDenied = (late: Outcome) =>
          late.kind === 'reply' && late.rcode === Rcode.NXDOMAIN && !late.answer.length;
        return mapOutcome(next(request), (late) => (isDenied(late) ? reply : late));
      };
      return answered instanceof Promise ? answered.then(passOn) : passOn(answered);
    },
    offeredZone(apex) {
      const source = sources().find((one) => one.apex === apex);
      const zone = source?.zone;
      if (zone === undefined) return source && 'incomplete';
      return { apex, soa: zone.soa, records: () => recordsOfZone(zone) };
    },
    offers: () => [...new Set(sources().map(({ apex }) => apex))],
    close() {
      for (const source of sources()) source.close();
    },
  };
}
