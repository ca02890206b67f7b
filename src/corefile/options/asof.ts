import type { Network } from '../addresses.ts';
import { Controller } from '../controller.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';
import { readNetwork } from './answering.ts';

/** `asof NETWORK…`, repeatable: zonelog's own. */
export interface AsofOptions {
  /** The clients that may ask for the past. */
  readonly networks: readonly Network[];
}

export function parseAsof(stanzas: readonly Directive[]): Outcome<AsofOptions> {
  const c = new Controller('asof', stanzas);
  const networks: Network[] = [];
  while (c.next()) {
    const words = c.remainingArgs();
    if (words.length === 0) c.argErr();
    for (const word of words) {
      const network = readNetwork(word);
      if (network) networks.push(network);
      else c.err(`invalid CIDR ${JSON.stringify(word)}`);
    }
    c.noBlock();
  }
  return c.finish({ networks });
}
