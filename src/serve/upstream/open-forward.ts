/** The `forward` stanzas of a server block, made ready: files read, addresses known, nothing sent yet. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createSecureContext } from 'node:tls';
import type { ForwardOptions } from '../../corefile/config.ts';
import { MessageEncoder } from '../../dns/encode.ts';
import { OperatorError } from '../../errors.ts';
import type { HandlerTools, ServingBlock } from '../blocks.ts';
import type { Handler } from '../chain.ts';
import { createForward } from '../plugins/forward.ts';
import { systemTimer } from '../timer.ts';
import { Forwarder } from './forwarder.ts';
import { createFindAddresses } from './host-names.ts';
import { createProxyMetrics } from './proxy-metrics.ts';
import type { TlsSettings } from './stream-exchange.ts';
import { listTargets } from './targets.ts';

/** @throws OperatorError when a file or a name in a stanza is of no use */
export function openForward(
  { options }: ServingBlock,
  { logger, now, random }: Pick<HandlerTools, 'logger' | 'now' | 'random'>,
): Handler {
  const root = options.root ?? '';
  const readFile = (name: string) => readFileSync(path.resolve(root, name), 'utf8');
  const metrics = createProxyMetrics('forward');
  const encoder = new MessageEncoder();
  const prepared = (options.forward ?? []).map((forward) => ({
    forward,
    targets: listTargets(forward, readFile),
    tls: readTls(forward, readFile),
  }));
  const stanzas = prepared.map(({ forward, targets, tls }) => ({
    options: forward,
    forwarder: new Forwarder(
      { forward, targets, tls, findAddresses: createFindAddresses(forward.resolver), metrics, logger, encoder },
      { random, now, timer: systemTimer },
    ),
  }));
  return createForward(stanzas, () => metrics.snapshot());
}

/** `tls [CA]`, `tls CERT KEY [CA]` */
function readTls({ tls = [] }: ForwardOptions, readFile: (name: string) => string): Omit<TlsSettings, 'serverName'> {
  const read = (name: string | undefined): string | undefined => {
    if (name === undefined) return undefined;
    try {
      return readFile(name);
    } catch (error) {
      throw new OperatorError(error instanceof Error ? error.message : String(error));
    }
  };
  const [first, key, ca] = tls;
  const settings = key === undefined ? { ca: first } : { cert: first, key, ca };
  const files = { ca: read(settings.ca), cert: read(settings.cert), key: read(settings.key) };
  try {
    const { ca, cert, key } = files;
    createSecureContext({ ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) });
  } catch (error) {
    throw new OperatorError(`tls ${tls.join(' ')}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return files;
}
