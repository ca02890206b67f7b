/** The weights of `loadbalance weighted`: a file of names, each with addresses and their weights. */
import { canonicalAddress, unmapAddress } from '../../dns/address.ts';
import { type DomainName, parseName } from '../../dns/name.ts';
import { fail, ok, type Result } from '../../errors.ts';

/** By name, then by the address in its canonical form. */
export type Weights = ReadonlyMap<DomainName, ReadonlyMap<string, number>>;

const MAX_WEIGHT = 255;

/** @param file its name, for the error, which is worded as the peer's */
export function parseWeights(text: string, file: string): Result<Weights, string> {
  const weights = new Map<DomainName, Map<string, number>>();
  let current: Map<string, number> | undefined;
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    const [first = '', second, ...more] = words;
    if (first === '' || first.startsWith('#')) continue;
    if (more.length > 0) return fail(`could not parse weight line:"${line.trim()}" in weight file ${file}`);
    const address = keyOf(first);
    if (second === undefined) {
      const name = address === undefined ? parseName(first) : undefined;
      if (name === undefined)
        return fail(`wrong domain name:"${first}" in weight file ${file}. (Maybe a missing weight value?)`);
      current = weights.get(name) ?? new Map();
      weights.set(name, current);
      continue;
    }
    if (address === undefined) return fail(`wrong IP address:"${first}" in weight file ${file}`);
    const weight = /^\d{1,3}$/.test(second) ? Number(second) : 0;
    if (weight < 1 || weight > MAX_WEIGHT) return fail(`wrong weight value:"${second}" in weight file ${file}`);
    if (current === undefined) return fail(`missing domain name in weight file ${file}`);
    // Of two weights for one address the first counts.
    if (!current.has(address)) current.set(address, weight);
  }
  return ok(weights);
}

/** Of an address that has none: 1. */
export function weightOf(weights: Weights, name: DomainName, address: string): number {
  return weights.get(name)?.get(keyOf(address) ?? '') ?? 1;
}

function keyOf(text: string): string | undefined {
  const address = canonicalAddress(text);
  return address && unmapAddress(address);
}
