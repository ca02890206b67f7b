import type { DomainName } from '../../dns/name.ts';
import type { Network } from '../addresses.ts';
import type { BlockContext } from '../controller.ts';
import { Controller } from '../controller.ts';
import { normalizeZones } from '../keys.ts';
import { typeNumber } from '../mnemonics.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';
import { readNetwork } from './answering.ts';

const ACTIONS = ['allow', 'block', 'filter', 'drop'] as const;
export type AclAction = (typeof ACTIONS)[number];

/** One line of `acl`. */
export interface AclPolicy {
  readonly action: AclAction;
  /** Numbers; undefined: all types. */
  readonly types: ReadonlySet<number> | undefined;
  /** Undefined: all addresses. */
  readonly networks: readonly Network[] | undefined;
}

/** A stanza of `acl`: the first policy that fits counts. */
export interface AclOptions {
  readonly zones: readonly DomainName[];
  readonly policies: readonly AclPolicy[];
}

/** `acl [ZONES…] { ACTION [type T…] [net N…] }`, repeatable. */
export function parseAcl(stanzas: readonly Directive[], block: BlockContext): Outcome<AclOptions[]> {
  const c = new Controller('acl', stanzas);
  const all: AclOptions[] = [];
  while (c.next()) {
    const zones = normalizeZones(c.remainingArgs(), block.zones);
    const policies: AclPolicy[] = [];
    while (c.nextBlock()) {
      const action = ACTIONS.find((a) => a === c.value.toLowerCase());
      if (!action) c.err(`unexpected token ${JSON.stringify(c.value)}; expect 'allow', 'block', 'filter' or 'drop'`);
      else policies.push({ action, ...readSections(c) });
    }
    all.push({ zones, policies });
  }
  return c.finish(all);
}

function readSections(c: Controller): Omit<AclPolicy, 'action'> {
  const sections = { types: [] as string[], networks: [] as string[] };
  const seen = new Set<string>();
  let section: string[] | undefined;
  let name = '';
  const closeSection = (): void => {
    if (section?.length === 0) c.err(`no token specified in ${JSON.stringify(name)} section`);
  };
  while (c.nextArg()) {
    const word = c.value;
    if (word.toLowerCase() === 'type' || word.toLowerCase() === 'net') {
      closeSection();
      name = word.toLowerCase();
      section = name === 'type' ? sections.types : sections.networks;
      seen.add(name);
    } else if (section) section.push(word);
    else c.err(`unexpected token ${JSON.stringify(word)}; expect 'type | net'`);
  }
  closeSection();
  return {
    types: seen.has('type') && !sections.types.includes('*') ? readTypes(c, sections.types) : undefined,
    networks: seen.has('net') && !sections.networks.includes('*') ? readNetworks(c, sections.networks) : undefined,
  };
}

function readTypes(c: Controller, words: readonly string[]): Set<number> {
  const types = new Set<number>();
  for (const word of words) {
    const type = typeNumber(word);
    if (type === undefined) c.err(`unexpected token ${JSON.stringify(word)}; expect legal QTYPE`);
    else types.add(type);
  }
  return types;
}

function readNetworks(c: Controller, words: readonly string[]): Network[] {
  const networks: Network[] = [];
  for (const word of words) {
    const network = readNetwork(word);
    if (network) networks.push(network);
    else c.err(`illegal CIDR notation ${JSON.stringify(word)}`);
  }
  return networks;
}
