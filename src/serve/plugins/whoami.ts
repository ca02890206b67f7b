/** `whoami`: the client's own address and port, in the additional section. */

import { unmapAddress } from '../../dns/address.ts';
import { childOf, parseName, ROOT } from '../../dns/name.ts';
import { Rcode, type ResourceRecord, RRType } from '../../dns/rrset.ts';
import type { Handler } from '../chain.ts';

export function createWhoami(): Handler {
  return {
    name: 'whoami',
    // What it answers itself has no source.
    isPure: true,
    handle({ question, remote, transport }) {
      // A link-local address comes with its interface: `fe80::1%eth0`.
      const address = unmapAddress(remote.address.split('%', 1)[0] as string);
      const type = address.includes(':') ? 'AAAA' : 'A';
      const own: ResourceRecord = { owner: question.name, type: RRType[type], ttl: 0, rdata: { type, address } };
      const owner = parseName(childOf(transport === 'udp' ? '_udp' : '_tcp', question.name));
      const additional = [own];
      // A name of 255 octets has no child.
      if (owner !== undefined) {
        const rdata = { type: 'SRV', priority: 0, weight: 0, port: remote.port, target: ROOT } as const;
        additional.push({ owner, type: RRType.SRV, ttl: 0, rdata });
      }
      return {
        kind: 'reply',
        rcode: Rcode.NOERROR,
        isAuthoritative: true,
        answer: [],
        authority: [],
        additional,
        spelledZone: question.name,
        recordClass: question.class,
      };
    },
  };
}
