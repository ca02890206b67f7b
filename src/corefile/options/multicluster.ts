import type { DomainName } from '../../dns/name.ts';
import type { BlockContext } from '../controller.ts';
import { Controller } from '../controller.ts';
import { normalizeZones } from '../keys.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';
import type { Kubeconfig } from './kubernetes.ts';
import { readKubeconfig } from './kubernetes.ts';

/** A stanza of `multicluster`. */
export interface MulticlusterOptions {
  readonly zones: readonly DomainName[];
  readonly kubeconfig: Kubeconfig | undefined;
  readonly noendpoints: boolean;
  /** zonelog: imports with an address of their own name no endpoint of one cluster. */
  readonly strict: boolean;
  /** Zones whose missing names are passed on; the root for all, undefined for none. */
  readonly fallthrough: readonly DomainName[] | undefined;
  readonly file: string;
  readonly line: number;
}

/** `multicluster [ZONES…] { kubeconfig FILE [CONTEXT]; noendpoints; strict; fallthrough [ZONES…] }`; stanzas are a chain. */
export function parseMulticluster(stanzas: readonly Directive[], block: BlockContext): Outcome<MulticlusterOptions[]> {
  const c = new Controller('multicluster', stanzas);
  const all: MulticlusterOptions[] = [];
  for (const { file, line } of stanzas) {
    c.next();
    const zones = normalizeZones(c.remainingArgs(), block.zones);
    let kubeconfig: Kubeconfig | undefined;
    let noendpoints = false;
    let strict = false;
    let fallthrough: readonly DomainName[] | undefined;
    while (c.nextBlock()) {
      switch (c.value) {
        case 'kubeconfig':
          kubeconfig = readKubeconfig(c);
          break;
        case 'noendpoints':
          c.noArgs();
          noendpoints = true;
          break;
        case 'strict':
          c.noArgs();
          strict = true;
          break;
        case 'fallthrough':
          fallthrough = c.fallthrough();
          break;
        default:
          c.unknownProperty();
      }
    }
    all.push({ zones, kubeconfig, noendpoints, strict, fallthrough, file, line });
  }
  return c.finish(all);
}
