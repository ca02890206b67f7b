/** In which order the servers of a `forward` are tried. */
import type { ForwardOptions } from '../../corefile/config.ts';

/** Gives all servers, the one to ask first at the beginning. A new list each time. */
export type Policy = <T>(servers: readonly T[]) => T[];

/** @param random from 0 up to, but not including, 1 */
export function createPolicy(name: ForwardOptions['policy'], random: () => number): Policy {
  switch (name) {
    case 'sequential':
      return (servers) => [...servers];
    case 'round_robin': {
      let turn = 0;
      return (servers) => {
        turn = (turn + 1) % servers.length;
        return [...servers.slice(turn, turn + 1), ...servers.slice(0, turn), ...servers.slice(turn + 1)];
      };
    }
    case 'random':
      return (servers) => shuffle([...servers], random);
  }
}

/** Fisher and Yates. */
function shuffle<T>(items: T[], random: () => number): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [items[i], items[j]] = [items[j] as T, items[i] as T];
  }
  return items;
}
