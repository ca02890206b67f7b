/** What expressions can ask of a request: the functions of CoreDNS's `view`. */
import { parseNetwork } from '../../corefile/addresses.ts';
import { unmapAddress } from '../../dns/address.ts';
import { classText, typeText } from '../../dns/type-text.ts';
import type { Request } from '../chain.ts';
import type { FindLabel } from '../labels.ts';
import { isInNetwork, octetsOf } from '../networks.ts';
import type { Signature, Type } from './types.ts';
import { asText, ExpressionError, type Names, type Scope, type Value } from './values.ts';

type RequestFunction = (request: Request, findLabel: FindLabel, ...args: readonly Value[]) => Value;

const FUNCTIONS: ReadonlyMap<string, RequestFunction> = new Map<string, RequestFunction>([
  ['type', ({ question }) => typeText(question.type)],
  ['name', ({ question }) => question.name],
  ['class', ({ question }) => classText(question.class)],
  ['proto', ({ transport }) => (transport === 'udp' ? 'udp' : 'tcp')],
  ['size', ({ packet }) => packet?.length ?? 0],
  ['client_ip', ({ remote }) => plainAddress(remote.address)],
  ['port', ({ remote }) => String(remote.port)],
  ['id', ({ id }) => id],
  ['opcode', ({ opcode }) => opcode],
  ['do', ({ edns }) => edns?.isDnssecOk === true],
  ['bufsize', ({ edns, transport }) => (transport === 'udp' ? Math.max(512, edns?.udpSize ?? 0) : 65_535)],
  ['server_ip', ({ local }) => plainAddress(local.address)],
  ['server_port', ({ local }) => String(local.port)],
  ['incidr', (_, __, address, block) => isInBlock(asText(address, 'an address'), asText(block, 'an address block'))],
  ['metadata', (request, findLabel, key) => findLabel(request, asText(key, 'a label')) ?? ''],
]);

const RESULTS: Readonly<Record<string, Type>> = { size: 'int', id: 'int', opcode: 'int', bufsize: 'int', do: 'bool' };
const SIGNATURES: Readonly<Record<string, Signature>> = {
  incidr: { args: ['string', 'string'], result: 'bool' },
  metadata: { args: ['string'], result: 'string' },
};

export const REQUEST_NAMES: ReadonlyMap<string, Signature> = new Map(
  [...FUNCTIONS.keys()].map((name) => [name, SIGNATURES[name] ?? { args: [], result: RESULTS[name] ?? 'string' }]),
);

/** @param more functions and variables beside these */
export function requestScope(request: Request, findLabel: FindLabel, more: Names = new Map<string, Value>()): Scope {
  return {
    names: {
      get: (name: string) => {
        const own = FUNCTIONS.get(name);
        return own === undefined ? more.get(name) : (...args: readonly Value[]) => own(request, findLabel, ...args);
      },
    },
  };
}

/** Without a zone index, and IPv4 as such. */
export function plainAddress(address: string): string {
  return unmapAddress(address.split('%', 1)[0] as string);
}

function isInBlock(address: string, block: string): boolean {
  const octets = octetsOf(address);
  const network = parseNetwork(block);
  if (octets === undefined) throw new ExpressionError(`${address} is no address`);
  if (network === undefined) throw new ExpressionError(`${block} is no address block`);
  return isInNetwork(octets, network);
}
