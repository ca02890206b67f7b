/**
 * `rrl`: limits how often the same is said to the same network, so that nobody can have the server send much to somebody who
 * did not ask (amplification by forged addresses). The options are those of CoreDNS's external plugin of that name.
 *
 * Who has shown a good cookie (`cookie`), or asks by TCP, has an address of his own, and is not limited.
 */
import type { ResponseKind, RrlOptions } from '../../corefile/config.ts';
import { unmapAddress } from '../../dns/address.ts';
import { isSubdomain } from '../../dns/name.ts';
import { Rcode, RRType } from '../../dns/rrset.ts';
import { createCounters, gaugeFamily } from '../../metrics.ts';
import { emptyReply, type Handler, mapOutcome, type Outcome, type Reply, type Request } from '../chain.ts';
import { octetsOf } from '../networks.ts';
import { Accounts } from './rrl-accounts.ts';

const DROPPED: Outcome = { kind: 'none' };

/** @param now seconds, monotonic */
export function createRrl(options: RrlOptions, now: () => number): Handler {
  const { zones, window, perSecond, requestsPerSecond, slipRatio, isReportOnly } = options;
  const accounts = new Accounts(options.maxTableSize);
  const limited = createCounters('zonelog_rrl_limited_total', 'Requests and responses over a limit of rrl.', [
    'kind',
    'action',
  ]);

  const limitResponse = (request: Request, network: string, outcome: Outcome): Outcome => {
    if (outcome.kind !== 'reply') return outcome;
    const kind = kindOf(outcome);
    const rate = perSecond[kind];
    if (rate === 0) return outcome;
    const held = accounts.debit(`${network} ${accountOf(kind, outcome, request)}`, rate, window, now());
    if (held === 0) return outcome;
    const isSlipped = slipRatio > 0 && held % slipRatio === 0;
    limited.add([kind, isReportOnly ? 'reported' : isSlipped ? 'slipped' : 'dropped']);
    if (isReportOnly) return outcome;
    return isSlipped ? { ...emptyReply(outcome.rcode), isTruncated: true, writer: 'rrl' } : DROPPED;
  };

  return {
    name: 'rrl',
    metrics: () => [
      limited.family(),
      gaugeFamily('zonelog_rrl_accounts', 'Accounts of rrl.', [], [[[], accounts.size]]),
      {
        ...gaugeFamily('zonelog_rrl_evictions_total', 'Accounts of rrl that went for want of room.', [], []),
        type: 'counter',
        samples: [{ labels: [], value: accounts.evictions }],
      },
    ],
    handle(request, next) {
      const isExempt = request.transport !== 'udp' || request.hasGoodCookie === true || request.depth !== undefined;
      if (isExempt || !zones.some((zone) => isSubdomain(request.question.name, zone))) return next(request);
      const network = networkOf(request.remote.address, options);
      if (requestsPerSecond > 0 && accounts.debit(network, requestsPerSecond, window, now()) > 0) {
        limited.add(['requests', isReportOnly ? 'reported' : 'dropped']);
        if (!isReportOnly) return DROPPED;
      }
      return mapOutcome(next(request), (outcome) => limitResponse(request, network, outcome));
    },
  };
}

function kindOf({ rcode, answer, authority }: Reply): ResponseKind {
  if (rcode === Rcode.NXDOMAIN) return 'nxdomains';
  if (rcode !== Rcode.NOERROR) return 'errors';
  if (answer.length > 0) return 'responses';
  const has = (type: number) => authority.some((record) => record.type === type);
  return has(RRType.NS) && !has(RRType.SOA) ? 'referrals' : 'nodata';
}

/**
 * Errors of one network are one account; so are denials of all names of one zone, as names that are missing can be made up
 * without end.
 */
function accountOf(kind: ResponseKind, { authority }: Reply, { question }: Request): string {
  if (kind === 'errors') return kind;
  const denied = kind === 'nxdomains' ? authority.find(({ type }) => type === RRType.SOA)?.owner : undefined;
  return denied === undefined ? `${kind} ${question.type} ${question.name}` : `${kind} ${denied}`;
}

/** The octets of the address that count, as text. */
function networkOf(address: string, { ipv4Prefix, ipv6Prefix }: Pick<RrlOptions, 'ipv4Prefix' | 'ipv6Prefix'>): string {
  const octets = octetsOf(unmapAddress(address.split('%', 1)[0] as string));
  if (octets === undefined) return address;
  const bits = octets.length === 4 ? ipv4Prefix : ipv6Prefix;
  const kept = Buffer.from(octets.subarray(0, Math.ceil(bits / 8)));
  const rest = bits % 8;
  if (rest !== 0) kept[kept.length - 1] = (kept.at(-1) as number) & (0xff << (8 - rest));
  return `${octets.length} ${kept.toString('latin1')}`;
}
