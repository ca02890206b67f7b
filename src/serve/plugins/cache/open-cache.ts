/** The `cache` of a server block. */
import { MessageEncoder } from '../../../dns/encode.ts';
import type { HandlerTools, ServingBlock } from '../../blocks.ts';
import type { Handler } from '../../chain.ts';
import { systemTimer } from '../../timer.ts';
import { createCache } from '../cache.ts';

export function openCache(
  { options }: ServingBlock,
  { logger, now }: Pick<HandlerTools, 'logger' | 'now'>,
): Handler | undefined {
  if (options.cache === undefined) return undefined;
  return createCache(options.cache, options.view?.name ?? '', {
    now,
    timer: systemTimer,
    encoder: new MessageEncoder(),
    onFailure: (error) => logger.error(`refresh: ${error instanceof Error ? error.message : String(error)}`),
  });
}
