import type { HandlerFactory } from '../serve/blocks.ts';
export function createTransfers(..._a: unknown[]) {
  return {
    factories: (_: unknown): [string, HandlerFactory][] => [
      ['transfer', () => ({ name: 'transfer', isPure: true, handle: (r, n) => n(r) })],
    ],
    snapshot: () => [],
  };
}
