/** The `to` lines of `transfer`: who may have the zones, and who is told of them. */
import { type DomainName, parseName } from '../../dns/name.ts';
import { parseAddress, parseNetwork, splitHostPort } from '../addresses.ts';
import type { Controller } from '../controller.ts';
import { formatSelector, parseSelector } from '../selectors.ts';

/** Whom a zone may be handed to. Those with a port get NOTIFY. */
export type TransferTarget = (
  | { readonly kind: 'any' }
  | { readonly kind: 'address'; readonly address: string; readonly port: number }
  | { readonly kind: 'network'; readonly address: string; readonly prefix: number }
  | FoundTarget
) & {
  /** The TSIG key that a request must be signed with, and that NOTIFY is signed with; undefined: unsigned will do. */
  readonly key: DomainName | undefined;
  /** The certificate that the client must have shown; absent: none will do. */
  readonly certificate?: WantedCertificate;
};

/** Addresses that a cluster tells: of the ready endpoints of a Service, or of the pods that a selector chooses. */
export interface FoundTarget {
  readonly kind: 'service' | 'pods';
  readonly namespace: string;
  /** The name of the Service, or a label selector. */
  readonly which: string;
  readonly port: number;
}

/** A client's certificate: one for this name that the authority of `tls` vouches for, or any with this public key. */
export type WantedCertificate =
  | { readonly kind: 'name'; readonly name: string }
  /** Base64 of the SHA-256 of the SubjectPublicKeyInfo, as in RFC 7858 §4.2. */
  | { readonly kind: 'pin'; readonly sha256: string };

/** The targets of one line. */
export function readTargets(c: Controller): TransferTarget[] {
  const words = c.args(1);
  const credentials = readCredentials(c, words);
  if (words.length === 0) return [{ kind: 'any', ...credentials }];
  if (words[0] === 'service' || words[0] === 'pods') return readFound(c, words[0], words.slice(1), credentials);
  const targets: TransferTarget[] = [];
  for (const word of words) {
    const target = readTarget(word, credentials);
    if (target) targets.push(target);
    else c.err(`must specify an IP address: \`${word}'`);
  }
  return targets;
}

/** What a client must show besides its address. */
type Credentials = Pick<TransferTarget, 'key' | 'certificate'>;

/** Takes `key NAME` and `cert WHICH` off the end of the words. */
function readCredentials(c: Controller, words: string[]): Credentials {
  let credentials: Credentials = { key: undefined };
  if (words.at(-1) === 'key' || words.at(-1) === 'cert') c.argErr();
  for (let word = words.at(-2); word === 'key' || word === 'cert'; word = words.at(-2)) {
    const [, text = ''] = words.splice(-2);
    if (word === 'cert') credentials = { ...credentials, certificate: readCertificate(c, text) };
    else credentials = { ...credentials, key: parseName(text) };
    if (word === 'key' && credentials.key === undefined) c.err(`invalid key name ${JSON.stringify(text)}`);
  }
  return credentials;
}

/** Base64 of 32 octets. */
const PIN = /^sha256\/([A-Za-z0-9+/]{43}=)$/;

function readCertificate(c: Controller, text: string): WantedCertificate {
  const [, sha256] = PIN.exec(text) ?? [];
  if (sha256 !== undefined) return { kind: 'pin', sha256 };
  const name = parseName(text);
  if (name === undefined || text.includes('/')) c.err(`invalid certificate name or pin ${JSON.stringify(text)}`);
  return { kind: 'name', name: text.toLowerCase().replace(/\.$/, '') };
}

/** `service NAMESPACE NAME [PORT]`, `pods NAMESPACE SELECTOR [PORT]`. */
function readFound(
  c: Controller,
  kind: FoundTarget['kind'],
  [namespace = '', which = '', portText = '53', ...more]: readonly string[],
  credentials: Credentials,
): TransferTarget[] {
  if (which === '' || more.length > 0) c.argErr();
  if (!LABEL.test(namespace)) c.err(`invalid namespace ${JSON.stringify(namespace)}`);
  if (kind === 'service' && !LABEL.test(which)) c.err(`invalid service ${JSON.stringify(which)}`);
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : 0;
  if (port < 1 || port > 65_535) c.err(`invalid port ${JSON.stringify(portText)}`);
  return [{ kind, namespace, which: kind === 'pods' ? readSelector(c, which) : which, port, ...credentials }];
}

function readSelector(c: Controller, text: string): string {
  const selector = parseSelector(text);
  if (selector.ok) return formatSelector(selector.value);
  c.err(`invalid selector ${JSON.stringify(text)}: ${selector.error.message}`);
  return text;
}

/** A name of a namespace or of a Service (RFC 1123). */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

function readTarget(word: string, credentials: Credentials): TransferTarget | undefined {
  if (word === '*') return { kind: 'any', ...credentials };
  const network = parseNetwork(word);
  if (network) return { kind: 'network', address: network.text, prefix: network.prefix, ...credentials };
  const target = readAddressPort(word, 53);
  return target && { kind: 'address', address: target.host, port: target.port, ...credentials };
}

/** `IP`, `IP:PORT`, `[IP]:PORT` or `[IP]`, the address in canonical text. */
export function readAddressPort(text: string, defaultPort: number): { host: string; port: number } | undefined {
  const bare = parseAddress(text.replace(/^\[(.*)\]$/, '$1'));
  if (bare) return { host: bare.text, port: defaultPort };
  const split = splitHostPort(text);
  if (typeof split === 'string') return undefined;
  const address = parseAddress(split.host);
  return address && { host: address.text, port: split.port };
}

/** `source`: the address that questions to other servers come from. */
export function readSource(c: Controller, previous: string | undefined): string | undefined {
  const text = c.oneArg();
  if (previous !== undefined) c.err('source already specified');
  const address = parseAddress(text);
  if (!address) c.err(`invalid source address ${JSON.stringify(text)}`);
  return address?.text;
}
