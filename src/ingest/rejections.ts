/** What can't be used of clusters' objects, told once each: an object that nobody mends must not fill the log. */
import type { Logger } from '../logger.ts';
import type { Rejection } from './reconcile.ts';
import { resourceOf } from './resource-path.ts';

/** Objects of one cluster and kind that are told by name. The metric counts all. */
export const MOST_TOLD = 100;

/** @returns tells one, unless it has been told before */
export function createRejectionReporter(logger: Logger): (cluster: string, rejection: Rejection) => void {
  const told = new Map<string, Set<string>>();
  return (cluster, { kind, key = 'without a name', reason }) => {
    const feed = `${cluster}: ${resourceOf(kind)}`;
    const known = told.get(feed) ?? new Set();
    told.set(feed, known);
    const text = `${key}: ${reason}`;
    if (known.has(text) || known.size > MOST_TOLD) return;
    known.add(text);
    if (known.size > MOST_TOLD) logger.warning(`${feed}: more that can't be used, told by metrics only from here on`);
    else logger.warning(`${feed} ${text}`);
  };
}
