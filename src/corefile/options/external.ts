import type { DomainName } from '../../dns/name.ts';
import type { BlockContext } from '../controller.ts';
import { Controller } from '../controller.ts';
import { normalizeZones } from '../keys.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';

/** `k8s_external [ZONES…] { apex NAME; ttl N; headless; fallthrough [ZONES…] }` */
export interface ExternalOptions {
  readonly zones: readonly DomainName[];
  /** The label of the apex's name servers. */
  readonly apex: string;
  /** Seconds. */
  readonly ttl: number;
  readonly headless: boolean;
  readonly fallthrough: readonly DomainName[] | undefined;
}

/** `autopath [ZONES…] FILE|@PLUGIN` */
export interface AutopathOptions {
  readonly zones: readonly DomainName[];
  /** Where the search list comes from: a directive that knows pods, or a file like resolv.conf relative to `root`. */
  readonly source: { readonly kind: 'plugin' | 'file'; readonly name: string };
}

/** `k8s_external`, one for a block; the last word on each option counts. */
export function parseExternal(stanzas: readonly Directive[], block: BlockContext): Outcome<ExternalOptions> {
  const c = new Controller('k8s_external', stanzas);
  let options: ExternalOptions = { zones: [], apex: 'dns', ttl: 5, headless: false, fallthrough: undefined };
  while (c.next()) {
    options = { ...options, zones: normalizeZones(c.remainingArgs(), block.zones) };
    while (c.nextBlock()) {
      if (c.value === 'apex') options = { ...options, apex: c.args(1)[0] ?? '' };
      else if (c.value === 'headless') options = { ...options, headless: true };
      else if (c.value === 'fallthrough') options = { ...options, fallthrough: c.fallthrough() };
      else if (c.value === 'ttl') {
        options = { ...options, ttl: c.integer(0, 3600, (n) => `ttl must be in range [0, 3600]: ${n}`) };
      } else c.unknownProperty();
    }
  }
  return c.finish(options);
}

/** `autopath`, one for a block. */
export function parseAutopath(stanzas: readonly Directive[], block: BlockContext): Outcome<AutopathOptions> {
  const c = new Controller('autopath', stanzas);
  let zones: readonly DomainName[] = [];
  let source: AutopathOptions['source'] = { kind: 'file', name: '' };
  while (c.next()) {
    const words = c.remainingArgs();
    const last = words.pop();
    if (last === undefined || last === '') c.err('no resolv-conf specified');
    else source = last.startsWith('@') ? { kind: 'plugin', name: last.slice(1) } : { kind: 'file', name: last };
    zones = normalizeZones(words, block.zones);
    c.noBlock();
  }
  return c.finish({ zones, source });
}
