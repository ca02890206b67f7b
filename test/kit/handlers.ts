/** Handlers without a server: requests as plugins see them, replies as text. */

import type { BlockOptions } from '../../src/corefile/config.ts';
import { RRType } from '../../src/dns/rrset.ts';
import { parseType, rcodeText } from '../../src/dns/type-text.ts';
import { parseZoneText, recordText } from '../../src/dns/zonefile.ts';
import { createLogger, TEXT_STYLE } from '../../src/logger.ts';
import type { HandlerTools, ServingBlock } from '../../src/serve/blocks.ts';
import type { Handler, Next, Outcome, Reply, Request } from '../../src/serve/chain.ts';
import { emptyReply } from '../../src/serve/chain.ts';
import { nameOf } from './serving.ts';

/** A question by UDP from 192.0.2.1, spelled as given. */
export function requestOf(spelling: string, type: string, parts: Partial<Request> = {}): Request {
  const number = parseType(type);
  if (number === undefined) throw new Error(`no type: ${type}`);
  return requestFor(spelling, number, parts);
}

/** As `requestOf`, with the type's number. */
export function requestFor(spelling: string, type: number = RRType.A, parts: Partial<Request> = {}): Request {
  const text = spelling.endsWith('.') ? spelling : `${spelling}.`;
  return {
    id: 1,
    opcode: 0,
    isRecursionDesired: true,
    isCheckingDisabled: false,
    isAuthenticData: false,
    question: { name: nameOf(text), spelling: text, type, class: 1 },
    authority: [],
    edns: undefined,
    transport: 'udp',
    remote: { address: '192.0.2.1', port: 4000 },
    local: { address: '127.0.0.1', port: 53 },
    serverZone: nameOf('.'),
    ...parts,
  };
}

/** A reply as text: `rcode`, then the lines of each section, blanks for tabs. */
export interface ReplyText {
  readonly rcode: string;
  readonly aa: boolean;
  readonly answer: readonly string[];
  readonly authority: readonly string[];
  readonly additional: readonly string[];
}

export function textOf(outcome: Outcome): ReplyText {
  if (outcome.kind !== 'reply') throw new Error(`no reply but ${outcome.kind}`);
  const lines = (records: Reply['answer']) => records.map((record) => recordText(record).replaceAll('\t', ' '));
  return {
    rcode: rcodeText(outcome.rcode),
    aa: outcome.isAuthoritative,
    answer: lines(outcome.answer),
    authority: lines(outcome.authority),
    additional: lines(outcome.additional),
  };
}

/** What a handler makes of a question; without `next`, to hand it on is an error. */
export async function askHandler(handler: Handler, request: Request, next: Next = noNext): Promise<ReplyText> {
  return textOf(await handler.handle(request, next));
}

const noNext: Next = () => {
  throw new Error('the question was handed on');
};

/** A plugin behind: it answers with these records whoever asks, and notes the questions. */
export function nextWith(text: string, parts: Partial<Reply> = {}): { readonly next: Next; readonly asked: Request[] } {
  const asked: Request[] = [];
  const next: Next = (request) => {
    asked.push(request);
    return { ...emptyReply(0), answer: parseZoneText(text), ...parts };
  };
  return { next, asked };
}

export interface ToolsKit {
  readonly tools: HandlerTools;
  readonly lines: string[];
  /** How often kept answers were dropped. */
  readonly drops: () => number;
}

export function toolsOf(parts: Partial<HandlerTools> = {}): ToolsKit {
  const lines: string[] = [];
  let drops = 0;
  const tools: HandlerTools = {
    logger: createLogger((line) => lines.push(line)),
    now: () => 0,
    random: () => 0.5,
    hostName: 'host.test',
    version: 'zonelog-test',
    writeQuery: (entry) => lines.push(TEXT_STYLE.query(entry)),
    askServer: () => undefined,
    siblings: () => [],
    dropAnswers: () => {
      drops += 1;
    },
    ...parts,
  };
  return { tools, lines, drops: () => drops };
}

/** A block of the root zone with these options. */
export function blockOf(options: BlockOptions): ServingBlock {
  const zone = nameOf('.');
  return {
    keys: [{ transport: 'dns', zone, port: 53 }],
    zones: [zone],
    addresses: [],
    plugins: Object.keys(options),
    options,
  };
}
