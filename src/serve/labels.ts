/** What the plugins of a block know of a request (`metadata`), for those that show or weigh it. */
import { isSubdomain } from '../dns/name.ts';
import type { HandlerTools, ServingBlock } from './blocks.ts';
import type { Request } from './chain.ts';

/** The value of a key such as `kubernetes/namespace`; undefined when nobody has one. */
export type FindLabel = (request: Request, key: string) => string | undefined;

/** Nothing is known where `metadata` does not stand in the block, or is not for the name. */
export function createFindLabel({ options }: ServingBlock, { siblings }: Pick<HandlerTools, 'siblings'>): FindLabel {
  const zones = options.metadata;
  if (zones === undefined) return () => undefined;
  return (request, key) => {
    if (!zones.some((zone) => isSubdomain(request.question.name, zone))) return undefined;
    for (const handler of siblings()) {
      const value = handler.label?.(request, key);
      if (value !== undefined) return value;
    }
    return undefined;
  };
}
