/** Host names as Kubernetes objects spell them: without final dot, a first label of `*` for all names one level below. */
import { canonicalAddress } from './address.ts';
import { MAX_NAME } from './name.ts';

/** Characters of a name without its final dot. */
const MAX_TEXT = MAX_NAME - 2;

const HOST = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/** As RFC 1123 has it: no underscore. */
const STRICT_HOST = /^(?:\*\.)?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;

/**
 * A host name in lower case, without final dot; one star may stand for the first label.
 * @returns undefined when it is none
 */
export function parseHost(text: string): string | undefined {
  return matched(text, HOST);
}

/** The names of a list with commas, as annotations have them, and how many of its pieces are none (RFC 1123). */
export function parseHostList(text: string): { readonly hosts: readonly string[]; readonly bad: number } {
  const pieces = text.replaceAll(/\s/g, '').split(',');
  const hosts = pieces.flatMap((piece) => matched(piece, STRICT_HOST) ?? []);
  return { hosts: [...new Set(hosts)], bad: pieces.length - hosts.length };
}

/** What a name may stand for: an address in canonical text, or the name of another host. */
export function parseTarget(text: string): string | undefined {
  return canonicalAddress(text) ?? (text.startsWith('*') ? undefined : parseHost(text));
}

/** Of a target that is an address or a host name: is it an address? */
export function isAddressText(target: string): boolean {
  return /^[0-9.]+$|:/.test(target);
}

function matched(text: string, form: RegExp): string | undefined {
  const lower = text.toLowerCase();
  const bare = lower.endsWith('.') ? lower.slice(0, -1) : lower;
  return bare.length <= MAX_TEXT && form.test(bare) ? bare : undefined;
}
