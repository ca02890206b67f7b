/** `loadbalance`: the addresses of an answer in another order each time, so that clients spread over them. */
import type { BlockOptions, Network } from '../../corefile/config.ts';
import { writeIPv4, writeIPv6 } from '../../dns/address.ts';
import { Rcode, type ResourceRecord, RRType } from '../../dns/rrset.ts';
import { OperatorError } from '../../errors.ts';
import { type Handler, mapOutcome, type Reply } from '../chain.ts';
import { isBalanced } from '../rotation.ts';

export type LoadbalanceOptions = NonNullable<BlockOptions['loadbalance']>;

/**
 * @param random from 0 up to, but not including, 1
 * @throws OperatorError for `weighted`
 */
export function createLoadbalance(options: LoadbalanceOptions, random: () => number): Handler {
  if (options.policy === 'weighted') throw new OperatorError('the weighted policy is not supported by zonelog');
  const { prefer } = options;
  return {
    name: 'loadbalance',
    isPure: true,
    handle(request, next) {
      return mapOutcome(next(request), (done) => {
        if (done.kind !== 'reply' || done.rcode !== Rcode.NOERROR || !isWorthIt(done.answer)) return done;
        const balanced: Reply = { ...done, answer: balance(done.answer, random), isOrderFree: true };
        return prefer.length === 0 ? balanced : preferred(balanced, prefer);
      });
    },
  };
}

function isWorthIt(answer: readonly ResourceRecord[]): boolean {
  return answer.length > 1 && answer.some(({ type }) => isBalanced(type));
}

/** CNAMEs, then the rest, then addresses, then MX; the last two shuffled. */
function balance(answer: readonly ResourceRecord[], random: () => number): ResourceRecord[] {
  const of = (...types: readonly number[]) => answer.filter(({ type }) => types.includes(type));
  return [
    ...of(RRType.CNAME),
    ...answer.filter(({ type }) => type !== RRType.CNAME && !isBalanced(type)),
    ...shuffle(of(RRType.A), random),
    ...shuffle(of(RRType.AAAA), random),
    ...shuffle(of(RRType.MX), random),
  ];
}

/** Fisher and Yates. */
function shuffle<T>(items: T[], random: () => number): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [items[i], items[j]] = [items[j] as T, items[i] as T];
  }
  return items;
}

/** Addresses in the networks first, in the order of these. Such an order is not free: the reply is not kept. */
function preferred(reply: Reply, networks: readonly Network[]): Reply {
  const rank = (record: ResourceRecord): number => {
    const { rdata } = record;
    if (rdata.type !== 'A' && rdata.type !== 'AAAA') return -1;
    const at = networks.findIndex((network) => isInside(rdata.address, network));
    return at < 0 ? networks.length : at;
  };
  const { source: _, isOrderFree: __, ...rest } = reply;
  const addresses = reply.answer.filter(({ type }) => type === RRType.A || type === RRType.AAAA);
  const sorted = addresses.toSorted((a, b) => rank(a) - rank(b));
  const first = reply.answer.findIndex(({ type }) => type === RRType.A || type === RRType.AAAA);
  if (first < 0) return { ...rest };
  const answer = [...reply.answer];
  answer.splice(first, addresses.length, ...sorted);
  return { ...rest, answer };
}

function isInside(address: string, network: Network): boolean {
  const octets = new Uint8Array(network.bytes.length);
  const isRead = octets.length === 4 ? writeIPv4(address, octets, 0) : writeIPv6(address, octets, 0);
  if (!isRead) return false;
  for (let i = 0, left = network.prefix; left > 0; i++, left -= 8) {
    const mask = left >= 8 ? 0xff : (0xff << (8 - left)) & 0xff;
    if (((octets[i] as number) & mask) !== ((network.bytes[i] as number) & mask)) return false;
  }
  return true;
}
