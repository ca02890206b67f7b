/** From what stands after `forward FROM` to servers that can be asked. */
import { type ForwardOptions, splitHostPort, type Upstream } from '../../corefile/config.ts';
import { OperatorError } from '../../errors.ts';
import { hostPort } from './exchange.ts';
import { readNameservers } from './resolv-conf.ts';

/** One server. */
export type Target =
  | {
      readonly kind: 'dns' | 'tls';
      readonly address: string;
      readonly port: number;
      /** Of this server alone; undefined: what `tls_servername` says. */
      readonly serverName: string | undefined;
    }
  | { readonly kind: 'https'; readonly url: URL };

/** A host name in place of an address. */
export interface NamedTarget {
  readonly kind: 'name';
  readonly transport: 'dns' | 'tls';
  readonly name: string;
  readonly port: number;
  readonly serverName: string | undefined;
}

/** How a server is named in metrics and messages: `1.2.3.4:53`. */
export function labelOf(target: Target): string {
  if (target.kind !== 'https') return hostPort(target.address, target.port);
  const { hostname, port } = target.url;
  return `${hostname}:${port === '' ? '443' : port}`;
}

/**
 * The servers of a stanza, files read, each once.
 * @param readFile reads a file named in the Corefile. Throws when it can't be read
 * @throws OperatorError when a file can't be read or names no server, a URL is none, or TLS names contradict each other
 */
export function listTargets(
  { to, tlsServerName }: ForwardOptions,
  readFile: (name: string) => string,
): (Target | NamedTarget)[] {
  const targets = to.flatMap((upstream) => targetsOf(upstream, readFile));
  const seen = new Set<string>();
  const unique = targets.filter((target) => {
    const key = `${target.kind} ${target.kind === 'name' ? `${target.name}:${target.port}` : labelOf(target)}`;
    return !seen.has(key) && seen.add(key);
  });
  for (const target of unique) {
    if (target.kind === 'https' || target.serverName === undefined || tlsServerName === undefined) continue;
    const where = target.kind === 'name' ? target.name : labelOf(target);
    throw new OperatorError(
      `both forward ('${tlsServerName}') and proxy level ('${target.serverName}') TLS servernames are set for upstream proxy '${where}'`,
    );
  }
  return unique;
}

function targetsOf(upstream: Upstream, readFile: (name: string) => string): (Target | NamedTarget)[] {
  switch (upstream.kind) {
    case 'address': {
      const { transport, address, port, serverName } = upstream;
      return [{ kind: transport, address, port, serverName }];
    }
    case 'https':
      return [{ kind: 'https', url: readUrl(upstream.url) }];
    case 'file':
      return serversOf(upstream.text, readFile).map((address) => ({
        kind: 'dns',
        address,
        port: 53,
        serverName: undefined,
      }));
    case 'name':
      return [readNamed(upstream.text)];
  }
}

function readUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.hash !== '') throw new OperatorError(`not a URL: "${text}"`);
  return url;
}

function serversOf(file: string, readFile: (name: string) => string): string[] {
  let text: string;
  try {
    text = readFile(file);
  } catch {
    throw new OperatorError(`not an IP address or file: "${file}"`);
  }
  const servers = readNameservers(text);
  if (servers.length === 0) throw new OperatorError(`no nameservers found in ${file}`);
  return servers;
}

/** `[tls://]HOST[%SERVERNAME][:PORT]` */
function readNamed(text: string): NamedTarget {
  const [, scheme, host = '', serverName, port = ''] = /^(tls:\/\/)?([^%:]*)(?:%([^:]*))?(:\d+)?$/.exec(text) ?? [];
  const transport = scheme === undefined ? 'dns' : 'tls';
  const split = splitHostPort(host + (port === '' ? `:${transport === 'tls' ? 853 : 53}` : port));
  if (typeof split === 'string' || !/^[\w-]+(\.[\w-]+)*\.?$/.test(split.host)) {
    throw new OperatorError(`not an IP address or file: "${text}"`);
  }
  return { kind: 'name', transport, name: split.host, port: split.port, serverName };
}
