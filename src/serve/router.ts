/** Which server block answers: the key with the longest zone that the name is in, as CoreDNS chooses. */
import { type DomainName, parentOf, ROOT } from '../dns/name.ts';
import { RRType } from '../dns/rrset.ts';

export interface Route<Block> {
  readonly zone: DomainName;
  readonly block: Block;
}

/** @param isChosen asks the filters (`view`) of a block; the first block of a zone that passes is taken */
export type Router<Block> = (
  name: DomainName,
  type: RRType,
  isChosen: (block: Block) => boolean,
) => Route<Block> | undefined;

/** @param routes one for each zone key of the listener, in Corefile order */
export function createRouter<Block>(routes: readonly Route<Block>[]): Router<Block> {
  const byZone = Map.groupBy(routes, (route) => route.zone);
  const only = byZone.size === 1 && routes.length === 1 ? routes[0] : undefined;
  return (name, type, isChosen) => {
    if (only && only.zone === ROOT && isChosen(only.block)) return only;
    let highest: Route<Block> | undefined;
    for (let zone: DomainName | undefined = name; zone !== undefined && zone !== ROOT; zone = parentOf(zone)) {
      const found = byZone.get(zone)?.find((route) => isChosen(route.block));
      if (!found) continue;
      if (type !== RRType.DS) return found;
      // The DS set of a zone is in its parent: that one is asked if it is served here (RFC 4035 §3.1.4.1).
      highest = found;
    }
    return highest ?? byZone.get(ROOT)?.find((route) => isChosen(route.block));
  };
}
