/** `k8s_external`: names of services for clients outside the cluster, with their external addresses. */
import { type ExternalOptions, isReverseZone, type ZonemdOptions } from '../../corefile/config.ts';
import { canonicalOrder } from '../../dns/canonical.ts';
import { childOf, type DomainName, isSubdomain, labelsBelow, parseName } from '../../dns/name.ts';
import type { SoaRdata } from '../../dns/rrset.ts';
import { Rcode, type ResourceRecord, RRType } from '../../dns/rrset.ts';
import { compareSerial, type Serial, toSerial } from '../../dns/serial.ts';
import { isStanzaSynced } from '../../projection/zone.ts';
import {
  emptyReply,
  type Handler,
  type MaybePromise,
  type Next,
  type Outcome,
  type Reply,
  type Request,
} from '../chain.ts';
import type { AskServer } from '../static-zone/answer.ts';
import { withVersion } from '../zone-version.ts';
import { ExternalDigests } from './external-digest.ts';
import { addressesOfItems, addressRecord, aliasOfItems, makeRecord, servicesOfItems } from './external-records.ts';
import { externalRecords } from './external-transfer.ts';
import { type ExternalItem, type ExternalView, findByExternalAddress, findExternal, partsOf } from './external-zone.ts';
import { addressOfReverse } from './reverse-name.ts';

/** RFC 8914 §4.15. */
const EDE_NOT_READY = 14;

export interface ExternalTools {
  /** The stanzas of `kubernetes` in the block, first one first, at this moment. */
  views(): readonly ExternalView[];
  readonly askServer: AskServer;
  /** Of a zone that has a ZONEMD record; absent, or undefined: it has none. */
  readonly zonemdOf?: (apex: DomainName) => ZonemdOptions | undefined;
}

export function createExternal(options: ExternalOptions, tools: ExternalTools): Handler {
  const digests = new ExternalDigests(tools.zonemdOf ?? (() => undefined));
  /** A zone at this moment; undefined: it is not whole. */
  const wholeZone = (apex: DomainName) => {
    const views = tools.views();
    if (views.length === 0 || !views.every((view) => isSynced(view) && view.zone.serial !== undefined))
      return undefined;
    const zone = { ...options, zone: apex, views: () => views };
    return {
      soa: soaOf(zone),
      sources: views.map((view) => view.zone),
      records: () => [nameserverOf(zone), ...serverAddresses(zone), ...externalRecords(apex, options, views)],
    };
  };
  const digestOf = (apex: DomainName) => {
    if (tools.zonemdOf?.(apex) === undefined) return undefined;
    const whole = wholeZone(apex);
    return whole && digests.recordOf(whole);
  };
  return {
    name: 'k8s_external',
    // What it answers itself has no source, nor has what it hands on.
    isPure: true,
    handle(request, next) {
      const { name, type } = request.question;
      const zone = options.zones
        .filter((one) => isSubdomain(name, one))
        .reduce<DomainName | undefined>((a, b) => (a !== undefined && a.length > b.length ? a : b), undefined);
      if (zone === undefined) return next(request);
      if (type === RRType.AXFR || type === RRType.IXFR) return emptyReply(Rcode.REFUSED);
      const context = { ...options, ...tools, zone, request, next, digestOf };
      return withVersion(answer(context), request, () => ({ apex: zone, soa: soaOf(context).rdata }));
    },
    offeredZone(apex) {
      if (!options.zones.includes(apex)) return undefined;
      const whole = wholeZone(apex);
      if (whole === undefined) return 'incomplete';
      return {
        apex,
        soa: whole.soa,
        records: () => {
          const digest = digests.recordOf(whole);
          return canonicalOrder([...whole.records(), ...(digest ? [digest] : [])]);
        },
      };
    },
  };
}

/** One zone of the stanza. */
interface OwnZone extends ExternalOptions, Pick<ExternalTools, 'views'> {
  readonly zone: DomainName;
}

interface Context extends OwnZone, ExternalTools {
  readonly request: Request;
  readonly next: Next;
  readonly digestOf: (apex: DomainName) => ResourceRecord | undefined;
}

function answer(context: Context): MaybePromise<Outcome> {
  const { zone, request, apex } = context;
  const { name, type } = request.question;
  const labels = labelsBelow(name, zone) ?? [];
  if (labels.length === 0) return answerApex(context);
  if (labels.at(-1) === apex) {
    if (labels.length > 2 || (labels.length === 2 && labels[0] !== 'ns1')) return denial(context, Rcode.NXDOMAIN);
    const records = labels.length === 2 ? serverAddresses(context).filter((record) => record.type === type) : [];
    return records.length > 0 ? positive(records) : denial(context, Rcode.NOERROR);
  }
  const address = type === RRType.PTR || isReverseZone(zone) ? addressOfReverse(name) : undefined;
  if (address !== undefined) return answerReverse(context, address);
  let isPresent = false;
  let isUnsure = false;
  for (const view of context.views()) {
    const found = findExternal(view, labels, zone, context.headless);
    if (found.kind === 'items') return answerItems(context, found.items, found.ttl);
    isPresent ||= found.kind === 'empty';
    isUnsure ||= !isSynced(view);
  }
  return isPresent ? denial(context, Rcode.NOERROR) : deny(context, isUnsure);
}

function isSynced(view: ExternalView): boolean {
  const { stanza, cluster } = partsOf(view);
  return isStanzaSynced(stanza, cluster);
}

/** The name is nowhere: the next plugin may have it, and a cluster that was never listed might. */
function deny(context: Context, isUnsure: boolean): MaybePromise<Outcome> {
  const { fallthrough, request, next } = context;
  if (fallthrough?.some((zone) => isSubdomain(request.question.name, zone))) {
    const outcome = next(request);
    return outcome instanceof Promise ? outcome.then(withoutSource) : withoutSource(outcome);
  }
  if (!isUnsure) return denial(context, Rcode.NXDOMAIN);
  return { ...emptyReply(Rcode.SERVFAIL), isAuthoritative: true, ede: { code: EDE_NOT_READY, text: 'never synced' } };
}

/** That nobody here has the name is no fact about the zone that it was found in. */
function withoutSource(outcome: Outcome): Outcome {
  if (outcome.kind !== 'reply') return outcome;
  const { source: _, aging: __, ...reply } = outcome;
  return reply;
}

function answerApex(context: Context): Reply {
  const { type } = context.request.question;
  if (type === RRType.SOA) return { ...positive([soaOf(context)]), isLowerCase: true };
  const digest = type === RRType.ZONEMD ? context.digestOf(context.zone) : undefined;
  if (digest !== undefined) return { ...positive([digest]), isLowerCase: true };
  if (type !== RRType.NS) return denial(context, Rcode.NOERROR);
  const additional = serverAddresses(context).filter(isOfUse);
  return { ...positive([nameserverOf(context)]), additional, isLowerCase: true };
}

function answerReverse(context: Context, address: string): MaybePromise<Outcome> {
  const { request, ttl, zones } = context;
  const home = zones.find((zone) => !isReverseZone(zone)) ?? zones[0];
  const targets = new Set<DomainName>();
  for (const view of context.views()) {
    for (const service of findByExternalAddress(view, address)) {
      const target = home && parseName(childOf(service, home));
      if (target !== undefined) targets.add(target);
    }
  }
  if (targets.size === 0) return deny(context, !context.views().every(isSynced));
  if (request.question.type !== RRType.PTR) return denial(context, Rcode.NOERROR);
  return positive([...targets].map((target) => makeRecord(request.question.name, ttl, { type: 'PTR', target })));
}

/** @param srvTtl of SRV records, which is that of `kubernetes`, as CoreDNS has it */
function answerItems(context: Context, items: readonly ExternalItem[], srvTtl: number): MaybePromise<Outcome> {
  const { type, name } = context.request.question;
  if (type === RRType.SRV) return answerServices(context, items, srvTtl);
  if (type !== RRType.A && type !== RRType.AAAA) return denial(context, Rcode.NOERROR);
  const addresses = addressesOfItems(name, items, context.ttl);
  const records = addresses.filter((one) => one.type === type);
  if (records.length > 0) return positive(records);
  const alias = aliasOfItems(items);
  if (alias === undefined) return denial(context, Rcode.NOERROR);
  const cname = makeRecord(name, srvTtl, { type: 'CNAME', target: alias });
  return askFor(context, alias, type, (found) => ({
    ...positive([cname, ...(found?.answer ?? [])]),
    ...(found?.isTruncated && { isTruncated: true }),
  }));
}

function answerServices(context: Context, items: readonly ExternalItem[], ttl: number): MaybePromise<Outcome> {
  const { name } = context.request.question;
  const { services, addresses, hosts } = servicesOfItems(name, items, ttl, context.ttl);
  if (services.length === 0) return denial(context, Rcode.NOERROR);
  const reply = { ...positive(services), additional: addresses };
  return hosts.size === 0 ? reply : withHosts(context, reply, hosts);
}

/** The addresses of hosts elsewhere, as the server itself has them. */
async function withHosts(context: Context, reply: Reply, hosts: ReadonlySet<DomainName>): Promise<Outcome> {
  const additional = [...reply.additional];
  for (const host of hosts) {
    for (const type of [RRType.A, RRType.AAAA]) {
      const found = await askFor(context, host, type, (one) => one);
      additional.push(...(found?.answer ?? []));
    }
  }
  return { ...reply, additional };
}

function askFor<T>(
  context: Context,
  name: DomainName,
  type: number,
  use: (found: Reply | undefined) => T,
): MaybePromise<T> {
  const { packet: _, ...request } = context.request;
  const asked = context.askServer({ ...request, question: { ...request.question, name, spelling: name, type } });
  const take = (outcome: Outcome | undefined) => use(outcome?.kind === 'reply' ? outcome : undefined);
  return asked instanceof Promise ? asked.then(take) : take(asked);
}

function nameserverOf(zone: OwnZone): ResourceRecord {
  return makeRecord(zone.zone, zone.ttl, { type: 'NS', target: serverName(zone) });
}

function serverName({ apex, zone }: OwnZone): DomainName {
  return (parseName(childOf(`ns1.${apex}`, zone)) ?? zone) as DomainName;
}

/** This server's own addresses. */
function serverAddresses(context: OwnZone): ResourceRecord[] {
  const [view] = context.views();
  const addresses = view?.zone.definition.localAddresses ?? [];
  return addresses.map((address) => addressRecord(serverName(context), context.ttl, address));
}

/** The address of the loopback interface leads nobody here. */
function isOfUse({ rdata }: ResourceRecord): boolean {
  return !('address' in rdata && (rdata.address.startsWith('127.') || rdata.address === '::1'));
}

/** That of the zone of `kubernetes` that has changed last. */
function serialOf(views: readonly ExternalView[]): Serial {
  return views.reduce((newest, { zone: { serial = newest } }) => {
    return compareSerial(serial, newest) === 'greater' ? serial : newest;
  }, views[0]?.zone.serial ?? toSerial(0));
}

function soaOf(context: OwnZone): ResourceRecord & { readonly rdata: SoaRdata } {
  const { zone, ttl, apex } = context;
  return makeRecord(zone, ttl, {
    type: 'SOA',
    mname: serverName(context),
    rname: (parseName(childOf(`hostmaster.${apex}`, zone)) ?? zone) as DomainName,
    serial: serialOf(context.views()),
    refresh: 7200,
    retry: 1800,
    expire: 86_400,
    minimum: ttl,
  });
}

/** As the peer has it, only the name that was asked is spelled as it was, not the zone in other names. */
function positive(answer: readonly ResourceRecord[]): Reply {
  return { ...emptyReply(Rcode.NOERROR), isAuthoritative: true, answer };
}

function denial(context: Context, rcode: Rcode): Reply {
  return { ...emptyReply(rcode), isAuthoritative: true, authority: [soaOf(context)] };
}
