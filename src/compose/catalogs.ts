/** Questions about catalog zones: only those who may transfer them get answers (RFC 9432 §7). */
import { findStanza } from '../corefile/config.ts';
import { isSubdomain } from '../dns/name.ts';
import { Rcode, RRType } from '../dns/rrset.ts';
import type { ZoneId } from '../ingest/plan.ts';
import { soaRecord, type Zone } from '../projection/zone.ts';
import { answer, type PassOn } from '../serve/answer.ts';
import type { ServingBlock } from '../serve/blocks.ts';
import { emptyReply, type Handler, type Reply } from '../serve/chain.ts';
import { withVersion } from '../serve/zone-version.ts';
import { clientOf, type FindAddresses, isPermitted } from '../transfer/access.ts';
import type { ServedZone } from './plan.ts';

const PROHIBITED = 18;

/**
 * Puts the answers for catalogs before a handler.
 * @param handler takes the transfers, of catalogs too
 */
export function withCatalogs(
  handler: Handler,
  { options }: ServingBlock,
  catalogs: readonly ServedZone[],
  { zoneOf, find }: { readonly zoneOf: (id: ZoneId) => Zone | undefined; readonly find?: FindAddresses },
): Handler {
  if (catalogs.length === 0) return handler;
  return {
    ...handler,
    handle(request, next) {
      const { name, type } = request.question;
      const catalog = catalogs.find(({ apex }) => isSubdomain(name, apex));
      if (catalog === undefined || type === RRType.AXFR || type === RRType.IXFR) return handler.handle(request, next);
      const targets = findStanza(options.transfer ?? [], catalog.apex)?.to ?? [];
      if (!isPermitted(targets, clientOf(request), find)) {
        return { ...emptyReply(Rcode.REFUSED), ede: { code: PROHIBITED, text: 'not permitted' } };
      }
      const zone = zoneOf(catalog.id);
      if (zone?.serial === undefined) return emptyReply(Rcode.SERVFAIL);
      const answered = answer(zone, request, { resolve: () => undefined, isOwn: () => true });
      const replied = answered instanceof Promise ? answered.then(withoutSource) : withoutSource(answered);
      return withVersion(replied, request, () => ({ apex: zone.apex, soa: soaRecord(zone).rdata }));
    },
  };
}

/** It depends on who asks, so that it must not be kept. */
function withoutSource(answered: Reply | PassOn): Reply {
  // There is no stanza that could pass anything on.
  if (answered.kind === 'passOn') return emptyReply(Rcode.SERVFAIL);
  const { source: _, ...reply } = answered;
  return reply;
}
