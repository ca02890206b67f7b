/** `log`: a line for each query that was answered, in a format of placeholders. */
import type { BlockOptions } from '../../corefile/config.ts';
import { isSubdomain } from '../../dns/name.ts';
import { Rcode } from '../../dns/rrset.ts';
import { classText, rcodeText, typeText } from '../../dns/type-text.ts';
import { escapeControls } from '../../logger.ts';
import type { Handler, Request, Sent } from '../chain.ts';
import type { FindLabel } from '../labels.ts';

export type LogRules = NonNullable<BlockOptions['log']>;

/** Stands for what is not known. */
const EMPTY = '-';

/**
 * @param writeLine takes a whole line with its line break
 * @param findLabel for the fields `{/KEY}`
 */
export function createLog(
  rules: LogRules,
  writeLine: (line: string) => void,
  findLabel: FindLabel = () => undefined,
): Handler {
  const compiled = rules.map((rule) => ({ ...rule, write: compileFormat(rule.format, findLabel) }));
  return {
    name: 'log',
    isPure: true,
    handle: (request, next) => next(request),
    observe(request, sent) {
      const rule = compiled.find(({ zone }) => isSubdomain(request.question.name, zone));
      if (!rule || !sent) return;
      const { classes } = rule;
      if (classes.has('all') || classes.has(classOf(sent))) writeLine(`[INFO] ${rule.write(request, sent)}\n`);
    },
  };
}

/** How CoreDNS sorts replies. */
export function classOf(sent: Sent): 'success' | 'denial' | 'error' {
  const isDenialOfOurs = sent.authorities > 0 && sent.answers === 0 && (sent.flags & 0x0400) !== 0;
  if (sent.rcode === Rcode.NOERROR) return isDenialOfOurs ? 'denial' : 'success';
  return sent.rcode === Rcode.NXDOMAIN && sent.authorities > 0 ? 'denial' : 'error';
}

type Field = (request: Request, sent: Sent) => string;

const FIELDS: ReadonlyMap<string, Field> = new Map<string, Field>([
  ['type', ({ question }) => typeText(question.type)],
  ['name', ({ question }) => question.name],
  ['class', ({ question }) => classText(question.class)],
  ['proto', ({ transport }) => (transport === 'udp' ? 'udp' : 'tcp')],
  ['size', (_, sent) => String(sent.requestSize)],
  ['remote', ({ remote }) => bracketed(remote.address)],
  ['port', ({ remote }) => String(remote.port)],
  ['local', ({ local }) => bracketed(local.address)],
  ['rcode', (_, sent) => rcodeText(sent.rcode)],
  ['rsize', (_, sent) => String(sent.size)],
  ['duration', (_, sent) => `${sent.seconds.toFixed(9).replace(/\.?0+$/, '')}s`],
  ['>rflags', (_, sent) => flagsOf(sent.flags)],
  ['>id', ({ id }) => String(id)],
  ['>opcode', ({ opcode }) => String(opcode)],
  ['>do', ({ edns }) => String(edns?.isDnssecOk ?? false)],
  ['>bufsize', ({ edns, transport }) => String(transport === 'udp' ? Math.max(512, edns?.udpSize ?? 0) : 65_535)],
]);

/** A function for a format: literal text between the fields. Fields that nobody knows stay as they are written. */
export function compileFormat(format: string, findLabel: FindLabel = () => undefined): Field {
  const parts = format.split(/(\{[^{}]*\})/).map((part): string | Field => {
    if (!part.startsWith('{')) return part;
    const name = part.slice(1, -1);
    if (name.startsWith('/')) return (request) => findLabel(request, name.slice(1)) ?? EMPTY;
    return FIELDS.get(name) ?? part;
  });
  return (request, sent) =>
    escapeControls(parts.map((part) => (typeof part === 'string' ? part : part(request, sent))).join(''));
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
  return names.length > 0 ? names.join(',') : EMPTY;
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
