/** The addresses of a host, and for how long they are right: a question for each family, put to one resolver after another. */
import type { DomainName } from '../dns/name.ts';
import { parseName } from '../dns/name.ts';
import { Rcode, RRType } from '../dns/rrset.ts';
import { rcodeText } from '../dns/type-text.ts';
import type { Message } from '../dns/wire.ts';
import type { Exchanged, ServerAddress } from './resolver-exchange.ts';

/** What a resolver says of the addresses of one family; none is an answer too. */
export type FamilyLookup =
  /** Canonical text; `ttl` in seconds. */
  | { readonly status: 'found'; readonly addresses: readonly string[]; readonly ttl: number }
  | { readonly status: 'failed'; readonly reason: string };

export interface HostLookup {
  readonly v4: FamilyLookup;
  readonly v6: FamilyLookup;
  /** The machine knows it by itself: the TTL says when to look again, and is not one of the addresses. */
  readonly isOwn?: true;
}

export type Ask = (server: ServerAddress, name: DomainName, type: RRType) => Promise<Exchanged>;

/** How often the list of resolvers is gone through. */
const ROUNDS = 2;
/** Aliases that are followed in one reply. */
const MAX_ALIASES = 16;
/** For "there is none" without a SOA record that says for how long, seconds. */
const NEGATIVE_TTL = 60;

/** @param host a name without its final dot */
export async function lookUpHost(host: string, servers: readonly ServerAddress[], ask: Ask): Promise<HostLookup> {
  const name = parseName(host);
  if (name === undefined) {
    const failed: FamilyLookup = { status: 'failed', reason: 'not a DNS name' };
    return { v4: failed, v6: failed };
  }
  const [v4, v6] = await Promise.all([
    lookUpFamily(name, RRType.A, servers, ask),
    lookUpFamily(name, RRType.AAAA, servers, ask),
  ]);
  return { v4, v6 };
}

async function lookUpFamily(
  name: DomainName,
  type: RRType,
  servers: readonly ServerAddress[],
  ask: Ask,
): Promise<FamilyLookup> {
  let reason = 'no resolver is known';
  for (let round = 0; round < ROUNDS; round++) {
    for (const server of servers) {
      const reply = await ask(server, name, type);
      const read = reply.ok ? readAnswer(reply.value, name, type) : reply.error;
      if (typeof read !== 'string') return read;
      reason = `${describeServer(server)}: ${read}`;
    }
  }
  return { status: 'failed', reason };
}

/** @returns why the reply is of no use, or what it says */
function readAnswer({ rcode, answer, authority }: Message, name: DomainName, type: RRType): FamilyLookup | string {
  if (rcode !== Rcode.NOERROR && rcode !== Rcode.NXDOMAIN) return rcodeText(rcode);
  let owner = name;
  let ttl = Number.POSITIVE_INFINITY;
  for (let i = 0; i < MAX_ALIASES; i++) {
    const alias = answer.find((record) => record.owner === owner && record.rdata.type === 'CNAME');
    if (alias?.rdata.type !== 'CNAME') break;
    owner = alias.rdata.target;
    ttl = Math.min(ttl, alias.ttl);
  }
  const addresses: string[] = [];
  for (const record of answer) {
    if (record.owner !== owner || record.type !== type) continue;
    if (record.rdata.type !== 'A' && record.rdata.type !== 'AAAA') continue;
    addresses.push(record.rdata.address);
    ttl = Math.min(ttl, record.ttl);
  }
  if (addresses.length > 0) return { status: 'found', addresses, ttl };
  const soa = authority.find((record) => record.rdata.type === 'SOA');
  if (soa?.rdata.type === 'SOA') return { status: 'found', addresses, ttl: Math.min(ttl, soa.ttl, soa.rdata.minimum) };
  // Neither an answer nor a denial: a referral, or an alias that was not followed.
  const isDenial = rcode === Rcode.NXDOMAIN || (owner === name && authority.length === 0);
  return isDenial ? { status: 'found', addresses, ttl: Math.min(ttl, NEGATIVE_TTL) } : 'incomplete answer';
}

export function describeServer({ address, port }: ServerAddress): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
