/** Orders of an answer whose addresses may be sent in any: each run of A, AAAA or MX records turned round by some places. */
import { type ResourceRecord, RRType } from '../dns/rrset.ts';
import { MAX_ROTATIONS } from './answer-cache.ts';

export function isBalanced(type: RRType): boolean {
  return type === RRType.A || type === RRType.AAAA || type === RRType.MX;
}

/** How many orders of an answer are worth keeping; 1: there is nothing to turn. */
export function countRotations(answer: readonly ResourceRecord[]): number {
  let longest = 1;
  for (const type of [RRType.A, RRType.AAAA, RRType.MX]) {
    longest = Math.max(longest, answer.filter((record) => record.type === type).length);
  }
  return Math.min(longest, MAX_ROTATIONS);
}

/**
 * The `index`th of `count` orders. With as many orders as addresses each address comes first in exactly one.
 * Records of one type are expected side by side, as `loadbalance` puts them.
 */
export function rotateAnswer(answer: readonly ResourceRecord[], index: number, count: number): ResourceRecord[] {
  const out: ResourceRecord[] = [];
  for (let start = 0; start < answer.length; ) {
    const { type } = answer[start] as ResourceRecord;
    let end = start + 1;
    while (end < answer.length && answer[end]?.type === type) end += 1;
    const run = answer.slice(start, end);
    const by = isBalanced(type) ? Math.floor((index * run.length) / count) % run.length : 0;
    out.push(...run.slice(by), ...run.slice(0, by));
    start = end;
  }
  return out;
}
