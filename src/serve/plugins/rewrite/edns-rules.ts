/** Rules of `rewrite` about EDNS options of the question: they go to the servers behind, not back to the client. */
import type { RewriteChange } from '../../../corefile/config.ts';
import { unmapAddress } from '../../../dns/address.ts';
import type { Edns, EdnsOption } from '../../../dns/encode.ts';
import { OperatorError } from '../../../errors.ts';
import type { Request } from '../../chain.ts';
import { plainAddress } from '../../expression/request-names.ts';
import type { FindLabel } from '../../labels.ts';
import { octetsOf } from '../../networks.ts';

type EdnsRule = Extract<RewriteChange, { readonly field: 'edns0' }>;

const NSID = 3;
/** RFC 7871. */
const SUBNET = 8;
/** The payload size of an OPT that the question did not have, octets. */
const NEW_OPT: Edns = { version: 0, udpSize: 4096, isDnssecOk: false, options: [] };

/** What a rule makes of a request. */
export interface ChangedEdns {
  readonly request: Request;
  /** Undoes it in the options of a reply (`revert`); absent: they are as they come. */
  readonly undo?: (options: readonly EdnsOption[]) => readonly EdnsOption[];
}

/** @returns undefined when the rule does not apply to the request */
export type ChangeEdns = (request: Request) => ChangedEdns | undefined;

/** Does the outcome depend on who asks, or on what plugins know of it? */
export function dependsOnClient({ option, action, args }: EdnsRule): boolean {
  return action !== 'unset' && (option === 'subnet' || (option === 'local' && isVariable(args[1] ?? '')));
}

/** @throws OperatorError for a variable or data that can't be had */
export function compileEdnsRule(rule: EdnsRule, findLabel: FindLabel): ChangeEdns {
  const { option, action, args, revert } = rule;
  const code = option === 'local' ? Number(args[0]) : option === 'nsid' ? NSID : SUBNET;
  if (action === 'unset') {
    return (request) => {
      const options = request.edns?.options.filter((one) => one.code !== code);
      return { request: options === undefined ? request : withOptions(request, options) };
    };
  }
  const makeData = dataMaker(rule, findLabel);
  return (request) => {
    const data = makeData(request);
    if (data === undefined) return undefined;
    const options = request.edns?.options ?? [];
    const at = options.findIndex((one) => one.code === code);
    const isAdded = at < 0 ? action !== 'replace' : action === 'append' && option === 'local';
    if (!isAdded && (at < 0 || action === 'append')) return undefined;
    const changed = withOptions(request, isAdded ? [...options, { code, data }] : options.with(at, { code, data }));
    return revert ? { request: changed, undo: undoing(code, isAdded ? undefined : options[at]) } : { request: changed };
  };
}

/** In the place of the first option of that code: the one before; undefined: none. */
function undoing(code: number, before: EdnsOption | undefined): ChangedEdns['undo'] & object {
  return (options) => {
    const at = options.findIndex((one) => one.code === code);
    if (at < 0) return options;
    return before === undefined ? options.toSpliced(at, 1) : options.with(at, before);
  };
}

function withOptions(request: Request, options: readonly EdnsOption[]): Request {
  return { ...request, edns: { ...(request.edns ?? NEW_OPT), options } };
}

type MakeData = (request: Request) => Uint8Array | undefined;

function dataMaker({ option, args }: EdnsRule, findLabel: FindLabel): MakeData {
  if (option === 'nsid') return () => new Uint8Array();
  if (option === 'subnet') {
    const [v4, v6] = args.map(Number);
    return ({ remote }) => subnetData(plainAddress(remote.address), v4 as number, v6 as number);
  }
  const text = args[1] ?? '';
  if (isVariable(text)) return variableMaker(text.slice(1, -1), findLabel);
  const data = text.startsWith('0x') ? hexData(text.slice(2)) : Buffer.from(text, 'utf8');
  return () => data;
}

function isVariable(text: string): boolean {
  return text.startsWith('{') && text.endsWith('}');
}

function hexData(digits: string): Uint8Array {
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits))
    throw new OperatorError(`no hexadecimal data: 0x${digits}`);
  return Buffer.from(digits, 'hex');
}

const VARIABLES: ReadonlyMap<string, MakeData> = new Map<string, MakeData>([
  ['qname', ({ question }) => Buffer.from(question.spelling, 'latin1')],
  ['qtype', ({ question }) => u16(question.type)],
  ['client_ip', ({ remote }) => octetsOf(plainAddress(remote.address))],
  ['client_port', ({ remote }) => u16(remote.port)],
  ['protocol', ({ transport }) => Buffer.from(transport === 'udp' ? 'udp' : 'tcp')],
  ['server_ip', ({ local }) => octetsOf(unmapAddress(local.address))],
  ['server_port', ({ local }) => u16(local.port)],
]);

function variableMaker(name: string, findLabel: FindLabel): MakeData {
  const known = VARIABLES.get(name);
  if (known !== undefined) return known;
  if (!/^[^/]+\/.+$/.test(name)) throw new OperatorError(`unsupported variable name "{${name}}"`);
  return (request) => {
    const value = findLabel(request, name);
    return value === undefined || value === '' ? undefined : Buffer.from(value, 'utf8');
  };
}

function u16(value: number): Uint8Array {
  return Buffer.of(value >> 8, value & 255);
}

/** The client's network (RFC 7871 §6): family, prefix length, no scope, and as many octets as the prefix has. */
function subnetData(address: string, v4Bits: number, v6Bits: number): Uint8Array | undefined {
  const octets = octetsOf(address);
  if (octets === undefined) return undefined;
  const bits = octets.length === 4 ? v4Bits : v6Bits;
  const kept = Buffer.from(octets.subarray(0, Math.ceil(bits / 8)));
  const rest = bits % 8;
  if (rest !== 0) kept[kept.length - 1] = (kept.at(-1) as number) & (0xff << (8 - rest)) & 0xff;
  return Buffer.concat([Buffer.of(0, octets.length === 4 ? 1 : 2, bits, 0), kept]);
}
