/** `log`: a line for each query that was answered, in a format of placeholders. */
import type { BlockOptions } from '../../corefile/config.ts';
import { isSubdomain } from '../../dns/name.ts';
import { Rcode, RRType } from '../../dns/rrset.ts';
import { classText, rcodeText, typeText } from '../../dns/type-text.ts';
import { escapeControls, type LogFields, type QueryEntry } from '../../logger.ts';
import type { Handler, Request, Sent } from '../chain.ts';
import { typesOfAuthority } from '../encoded-sections.ts';
import type { FindLabel } from '../labels.ts';

export type LogRules = NonNullable<BlockOptions['log']>;

/** Stands for what is not known. */
const EMPTY = '-';

/**
 * @param write takes what is to be shown of a query
 * @param findLabel for the fields `{/KEY}`
 */
export function createLog(
  rules: LogRules,
  write: (entry: QueryEntry) => void,
  findLabel: FindLabel = () => undefined,
): Handler {
  const compiled = rules.map((rule) => ({ ...rule, format: compileFormat(rule.format, findLabel) }));
  return {
    name: 'log',
    isPure: true,
    handle: (request, next) => next(request),
    observe(request, sent) {
      const rule = compiled.find(({ zone }) => isSubdomain(request.question.name, zone));
      if (!rule) return;
      const { classes, format } = rule;
      if (!classes.has('all') && !classes.has(classOf(request, sent))) return;
      write({ text: () => format.text(request, sent), fields: () => format.fields(request, sent) });
    },
  };
}

/** How CoreDNS sorts replies. A transfer, a NOTIFY, and no reply at all count as errors there. */
export function classOf({ question, opcode }: Request, sent: Sent): 'success' | 'denial' | 'error' {
  const { rcode, answers } = sent;
  const isTransfer = question.type === RRType.AXFR || question.type === RRType.IXFR;
  if (rcode === undefined || opcode !== 0 || isTransfer) return 'error';
  if (rcode === Rcode.NXDOMAIN) return answers > 0 ? 'error' : 'denial';
  if (rcode !== Rcode.NOERROR) return 'error';
  return answers === 0 && typesOfAuthority(sent.message).includes(RRType.SOA) ? 'denial' : 'success';
}

type Field = (request: Request, sent: Sent) => LogFields[string];

const FIELDS: ReadonlyMap<string, Field> = new Map<string, Field>([
  ['type', ({ question }) => typeText(question.type)],
  ['name', ({ question }) => question.name],
  ['class', ({ question }) => classText(question.class)],
  ['proto', ({ transport }) => (transport === 'udp' ? 'udp' : 'tcp')],
  ['size', (_, sent) => sent.requestSize],
  ['remote', ({ remote }) => bracketed(remote.address)],
  ['port', ({ remote }) => remote.port],
  ['local', ({ local }) => bracketed(local.address)],
  ['rcode', (_, { rcode }) => (rcode === undefined ? EMPTY : rcodeText(rcode))],
  ['rsize', (_, sent) => sent.size],
  // Seconds; as text with that unit.
  ['duration', (_, sent) => Number(sent.seconds.toFixed(9))],
  ['>rflags', (_, { rcode, flags }) => (rcode === undefined ? EMPTY : flagsOf(flags))],
  ['>id', ({ id }) => id],
  ['>opcode', ({ opcode }) => opcode],
  ['>do', ({ edns }) => edns?.isDnssecOk ?? false],
  ['>bufsize', ({ edns, transport }) => (transport === 'udp' ? Math.max(512, edns?.udpSize ?? 0) : 65_535)],
]);

export interface CompiledFormat {
  /** The line. */
  text(request: Request, sent: Sent): string;
  /** What the format names, by name: `remote`, `rflags`, `kubernetes/client-namespace`. */
  fields(request: Request, sent: Sent): LogFields;
}

/** Literal text, and fields between it. Fields that nobody knows stay as they are written. */
export function compileFormat(format: string, findLabel: FindLabel = () => undefined): CompiledFormat {
  const named: (readonly [name: string, field: Field])[] = [];
  const parts = format.split(/(\{[^{}]*\})/).map((part): string | Field => {
    if (!part.startsWith('{')) return part;
    const written = part.slice(1, -1);
    const field = written.startsWith('/')
      ? (request: Request) => findLabel(request, written.slice(1)) ?? EMPTY
      : FIELDS.get(written);
    if (field === undefined) return part;
    named.push([written.replace(/^[/>]/, ''), field]);
    return written === 'duration' ? (_request, sent) => `${sent.seconds.toFixed(9).replace(/\.?0+$/, '')}s` : field;
  });
  return {
    text: (request, sent) =>
      escapeControls(parts.map((part) => (typeof part === 'string' ? part : part(request, sent))).join('')),
    fields: (request, sent) => Object.fromEntries(named.map(([name, field]) => [name, field(request, sent)])),
  };
}

const FLAGS = [
  [0x8000, 'qr'],
  [0x0400, 'aa'],
  [0x0200, 'tc'],
  [0x0100, 'rd'],
  [0x0080, 'ra'],
  [0x0040, 'z'],
  [0x0020, 'ad'],
  [0x0010, 'cd'],
] as const;

function flagsOf(flags: number): string {
  const names = FLAGS.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  return names.join(',');
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
