/** `acl`: who may ask what. */
import type { AclAction, AclOptions, AclPolicy } from '../../corefile/config.ts';
import { unmapAddress } from '../../dns/address.ts';
import { isSubdomain } from '../../dns/name.ts';
import { Rcode } from '../../dns/rrset.ts';
import { createCounters } from '../../metrics.ts';
import { emptyReply, type Handler, type Outcome, type Request } from '../chain.ts';
import { serverOf } from '../listen-point.ts';
import { isInNetwork, octetsOf } from '../networks.ts';

/** RFC 8914 §4.16, §4.18. */
const EDE_BLOCKED = 15;
const EDE_FILTERED = 17;

/** @param view the name of the block's view, for the metrics */
export function createAcl(stanzas: readonly AclOptions[], view: string): Handler {
  const labels = ['server', 'zone', 'view'];
  const counters = {
    block: createCounters('coredns_acl_blocked_requests_total', 'Requests that acl has blocked.', labels),
    filter: createCounters('coredns_acl_filtered_requests_total', 'Requests that acl has filtered.', labels),
    drop: createCounters('coredns_acl_dropped_requests_total', 'Requests that acl has dropped.', labels),
  };
  const allowed = createCounters('coredns_acl_allowed_requests_total', 'Requests that acl has allowed.', [
    'server',
    'view',
  ]);
  return {
    name: 'acl',
    handle(request, next) {
      for (const { zones, policies } of stanzas) {
        const zone = zones
          .filter((one) => isSubdomain(request.question.name, one))
          .reduce((a, b) => (b.length > a.length ? b : a), '');
        if (zone === '') continue;
        const action = actionFor(policies, request);
        if (action === undefined) continue;
        if (action === 'allow') break;
        counters[action].add([serverOf(request), zone, view]);
        return REPLIES[action];
      }
      allowed.add([serverOf(request), view]);
      return next(request);
    },
    metrics: () => [...Object.values(counters), allowed].map((counter) => counter.family()),
  };
}

/** As the peer has it, the OPT of these has DO set, and none of the client's options. */
const OWN_OPT = { isDnssecOk: true, ednsOptions: [] };

const REPLIES: Readonly<Record<Exclude<AclAction, 'allow'>, Outcome>> = {
  block: { ...emptyReply(Rcode.REFUSED), ...OWN_OPT, ede: { code: EDE_BLOCKED, text: '' } },
  filter: { ...emptyReply(Rcode.NOERROR), ...OWN_OPT, ede: { code: EDE_FILTERED, text: '' } },
  drop: { kind: 'none' },
};

/** What the first policy says that fits; undefined: none does. */
function actionFor(policies: readonly AclPolicy[], { question, remote }: Request): AclAction | undefined {
  const octets = octetsOf(unmapAddress(remote.address.split('%', 1)[0] as string));
  return policies.find(
    ({ types, networks }) =>
      (types === undefined || types.has(question.type)) &&
      (networks === undefined || (octets !== undefined && networks.some((network) => isInNetwork(octets, network)))),
  )?.action;
}
