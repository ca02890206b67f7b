/**
 * `secondary`: answers from zones that are kept as other servers have them, and hears from these when they change
 * (RFC 1996).
 */
import { type DomainName, isSubdomain } from '../../dns/name.ts';
import { Opcode } from '../../dns/query.ts';
import { Rcode, type ResourceRecord, RRType } from '../../dns/rrset.ts';
import { LimitedLines } from '../../log-limit.ts';
import type { Logger } from '../../logger.ts';
import { createCounters } from '../../metrics.ts';
import type { Zone } from '../../projection/zone.ts';
import {
  emptyReply,
  type Handler,
  type MaybePromise,
  type OfferedZone,
  type Outcome,
  type Request,
  type ZoneVersionFacts,
} from '../chain.ts';
import { type AskServer, answerFromZone } from '../static-zone/answer.ts';
import type { WrittenZone } from '../static-zone/zone.ts';
import { withVersion } from '../zone-version.ts';

/** A zone that a stanza serves, as it is at this moment. */
export interface SecondaryZone {
  readonly apex: DomainName;
  /** Undefined: nothing is known of it yet. */
  readonly zone: Zone | undefined;
  readonly fallthrough: readonly DomainName[] | undefined;
  /** A list of zones: nobody is to ask it but who may have it (RFC 9432 §7). */
  readonly isCatalog: boolean;
}

export interface SecondaryHandlerOptions {
  /** The longest zone that a name is in. */
  find(name: DomainName): SecondaryZone | undefined;
  /** Zones that catalogs have brought. */
  members(): Iterable<SecondaryZone>;
  /** May the client say that the zone has changed? */
  isNotifier(zone: SecondaryZone, request: Request): boolean;
  /** May the client have the zone whole? */
  isPermitted(zone: SecondaryZone, request: Request): boolean;
  /** A server says that it has a new version of a zone. */
  onNotify(zone: SecondaryZone, address: string): void;
  /** For how many seconds the zone is still good; undefined: not known. */
  expiresIn(zone: SecondaryZone): number | undefined;
  /** Nobody comes after it: a name of no zone is refused, as an authoritative server does. */
  readonly isLast: boolean;
  readonly askServer: AskServer;
  readonly logger: Logger;
  /** Seconds, monotonic. */
  readonly now: () => number;
}

/** RFC 8914 §4.15, §4.19, §4.25. */
const Ede = { NOT_READY: 14, PROHIBITED: 18, INVALID_DATA: 24 } as const;

export function createSecondary(options: SecondaryHandlerOptions): Handler {
  const notifies = createCounters(
    'zonelog_notify_in_total',
    'NOTIFY messages for zones of others, by what came of them.',
    ['result'],
  );
  const lines = new LimitedLines((text) => options.logger.info(text), options.now);

  /** As the peer, it says nothing to those who have no business here. */
  const notified = (served: SecondaryZone, request: Request): Outcome => {
    const { question, remote } = request;
    const refuse = (rcode: Rcode): Outcome => {
      notifies.add(['refused']);
      return emptyReply(rcode);
    };
    if (!options.isNotifier(served, request)) {
      notifies.add(['ignored']);
      lines.write(
        `Ignored notify for zone "${question.name}" from ${remote.address}: none of its primaries`,
        (count) => `Ignored ${count} more notifies`,
      );
      return { kind: 'none' };
    }
    if (question.name !== served.apex) return refuse(Rcode.NOTAUTH);
    if (question.type !== RRType.SOA) return refuse(Rcode.NOTIMP);
    notifies.add(['accepted']);
    options.onNotify(served, remote.address);
    return { ...emptyReply(Rcode.NOERROR), isAuthoritative: true };
  };

  return {
    name: 'secondary',
    isPure: true,
    handle(request, next): MaybePromise<Outcome> {
      const { name, type } = request.question;
      const served = options.find(name);
      if (served === undefined) return options.isLast ? emptyReply(Rcode.REFUSED) : next(request);
      if (request.opcode === Opcode.NOTIFY) return notified(served, request);
      // A transfer request that got here has passed no transfer plugin: it is not allowed.
      if (type === RRType.AXFR || type === RRType.IXFR) return emptyReply(Rcode.REFUSED);
      if (served.isCatalog && !options.isPermitted(served, request)) {
        return { ...emptyReply(Rcode.REFUSED), ede: { code: Ede.PROHIBITED, text: 'not permitted' } };
      }
      const written = writtenZone(served.zone);
      if (served.zone === undefined || written === undefined) return unavailable(served);
      let isAlone = !served.isCatalog;
      const answered = answerFromZone(written, request, (question) => {
        isAlone = false;
        return options.askServer(question);
      });
      const version = () => versionOf(written, options.expiresIn(served));
      if (answered instanceof Promise) return withVersion(answered, request, version);
      const isDenied = answered.rcode === Rcode.NXDOMAIN && answered.answer.length === 0;
      if (isDenied && served.fallthrough?.some((zone) => isSubdomain(name, zone))) return next(request);
      const source = isAlone ? { source: { zone: served.zone.id, names: [name] } } : {};
      return withVersion({ ...answered, ...source }, request, version);
    },
    offeredZone(apex) {
      const served = options.find(apex);
      if (served?.apex !== apex || served.zone?.definition.memberOf === undefined) return undefined;
      return offeredVersion(served.zone) ?? 'incomplete';
    },
    offers: () => [...options.members()].map(({ apex }) => apex),
    metrics: () => [notifies.family()],
  };
}

/** What is answered from; undefined: nothing is known, or it is too old. */
function writtenZone(zone: Zone | undefined): WrittenZone | undefined {
  const { content } = zone ?? {};
  if (content?.soa === undefined || content.isExpired) return undefined;
  const { records, soa } = content;
  const { apex } = records;
  return {
    apex,
    soa,
    get nameservers(): readonly ResourceRecord[] {
      return records.get(apex)?.get(RRType.NS) ?? [];
    },
    names: records,
  };
}

/** Of a copy it is told how long that is good for (RFC 7314 §3.3.2). */
function versionOf({ apex, soa: { rdata } }: WrittenZone, expire = rdata.expire): ZoneVersionFacts {
  return { apex, soa: { ...rdata, expire } };
}

function unavailable({ apex, zone }: SecondaryZone): Outcome {
  const isExpired = zone?.content?.isExpired === true;
  const ede = isExpired
    ? { code: Ede.INVALID_DATA, text: 'the zone has expired: no primary has been heard of' }
    : { code: Ede.NOT_READY, text: 'the zone was never transferred' };
  const failure = `plugin/secondary: zone ${apex} ${isExpired ? 'has expired' : 'was never transferred'}`;
  return { ...emptyReply(Rcode.SERVFAIL, failure), ede };
}

function offeredVersion({ id, apex, content }: Zone): OfferedZone | undefined {
  if (content?.soa === undefined || content.isExpired) return undefined;
  const { soa, records } = content;
  return { apex, soa, journal: id, records: () => withoutSoa(records.records()) };
}

function* withoutSoa(records: Iterable<ResourceRecord>): Generator<ResourceRecord> {
  for (const record of records) if (record.type !== RRType.SOA) yield record;
}
