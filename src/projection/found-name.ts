/** What is known of a name. */
import type { RRset, RRType } from '../dns/rrset.ts';

/** What a zone knows of a name at or below its apex. */
export type FoundName =
  /** The name owns records, or is one that exists without any (`svc.ZONE`, `NAMESPACE.svc.ZONE`). */
  | {
      readonly status: 'exists';
      /** The set of that type, if the name has one. */
      rrset(type: RRType): RRset | undefined;
      /** Every set of the name, by ascending type. */
      rrsets(): readonly RRset[];
    }
  /** No records, but names below it have (RFC 8020). */
  | { readonly status: 'emptyNonTerminal' }
  | {
      readonly status: 'absent';
      /** A stanza that was never synced was asked and may have it: to deny the name would be a guess. */
      readonly isUnsure: boolean;
      /** The last stanza's `fallthrough` covers the name: the next plugin may have it. */
      readonly isPassedOn: boolean;
    };

/** A name that has these sets, by ascending type. */
export function exists(sets: readonly RRset[]): FoundName {
  return {
    status: 'exists',
    rrset: (type) => sets.find((set) => set.type === type),
    rrsets: () => sets,
  };
}
