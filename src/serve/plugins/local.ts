/** `local`: names of the local host, which no other server should be asked for (RFC 6761 §6.3, RFC 6303). */
import { type DomainName, isSubdomain } from '../../dns/name.ts';
import { Rcode, type Rdata, type ResourceRecord, RRType } from '../../dns/rrset.ts';
import { toSerial } from '../../dns/serial.ts';
import { createCounters } from '../../metrics.ts';
import { emptyReply, type Handler, type Reply } from '../chain.ts';

/** A week, seconds. */
const TTL = 604_800;
const LOCALHOST = 'localhost.' as DomainName;
const LOOPBACK = '1.0.0.127.in-addr.arpa.' as DomainName;
const ZONES = [LOCALHOST, '0.in-addr.arpa.', '127.in-addr.arpa.', '255.in-addr.arpa.'] as DomainName[];

/** @param options.localhostPrefix `localhost.DOMAIN` is the local host too */
export function createLocal({ localhostPrefix }: { readonly localhostPrefix: boolean }): Handler {
  const counter = createCounters('coredns_local_localhost_requests_total', 'Requests for names of the local host.');
  return {
    name: 'local',
    isPure: true,
    handle(request, next) {
      const { name, type } = request.question;
      const isHost = name !== LOCALHOST && isSubdomain(name, LOCALHOST);
      if (isHost || (localhostPrefix && name !== LOCALHOST && name.startsWith('localhost.'))) {
        counter.add([]);
        return reply(Rcode.NOERROR, hostRecords(name, type), name);
      }
      const zone = ZONES.find((one) => isSubdomain(name, one));
      if (zone === undefined) return next(request);
      if (name === zone) {
        const records = zone === LOCALHOST ? hostRecords(name, type) : [];
        return reply(Rcode.NOERROR, [...records, ...apexRecords(zone, type)], zone);
      }
      if (name !== LOOPBACK) return reply(Rcode.NXDOMAIN, [], zone);
      const isPointer = type === RRType.PTR;
      return reply(Rcode.NOERROR, isPointer ? [record(name, { type: 'PTR', target: LOCALHOST })] : [], zone);
    },
    metrics: () => [counter.family()],
  };
}

function hostRecords(name: DomainName, type: number): ResourceRecord[] {
  if (type === RRType.A) return [record(name, { type: 'A', address: '127.0.0.1' })];
  return type === RRType.AAAA ? [record(name, { type: 'AAAA', address: '::1' })] : [];
}

function apexRecords(zone: DomainName, type: number): ResourceRecord[] {
  if (type === RRType.SOA) return [soaOf(zone)];
  return type === RRType.NS ? [record(zone, { type: 'NS', target: LOCALHOST })] : [];
}

function soaOf(owner: DomainName): ResourceRecord {
  return record(owner, {
    type: 'SOA',
    mname: LOCALHOST,
    rname: 'root.localhost.' as DomainName,
    serial: toSerial(1),
    refresh: 0,
    retry: 0,
    expire: 0,
    minimum: TTL,
  });
}

function record(owner: DomainName, rdata: Exclude<Rdata, { readonly type: 'UNKNOWN' }>): ResourceRecord {
  return { owner, type: RRType[rdata.type], ttl: TTL, rdata };
}

function reply(rcode: Rcode, answer: readonly ResourceRecord[], zone: DomainName): Reply {
  return { ...emptyReply(rcode), answer, authority: answer.length > 0 ? [] : [soaOf(zone)], spelledZone: zone };
}
