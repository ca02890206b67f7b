/** What another server sent, as the reply to a client. */
import { type EdnsOption, EXTENDED_ERROR_OPTION, readExtendedError } from '../../dns/encode.ts';
import { type Message, readMessage } from '../../dns/wire.ts';
import type { ExtendedError, Reply, Request } from '../chain.ts';
import { type EncodedSections, layoutOf } from '../encoded-sections.ts';

/** What is wrong with a message: it can't be read, or it answers another question. */
export type PassedReply = Reply | 'malformed' | 'mismatch';

/**
 * The message as a reply to the request: all of it is read, so that nothing malformed goes on to a client; what is sent
 * are its octets.
 * @param isDatagram it came by UDP: a truncated message whose end is missing still says that it is truncated
 * @param writer the plugin that has the reply
 */
export function passReply(octets: Buffer, request: Request, isDatagram: boolean, writer: string): PassedReply {
  const message = readMessage(octets);
  if (message === undefined) {
    const isTruncated = isDatagram && ((octets[2] as number) & 0x02) !== 0;
    return isTruncated ? truncatedReply(writer) : 'malformed';
  }
  if (!isAnswerTo(message, request)) return 'mismatch';
  const encoded = encodedSections(octets, message);
  const { told, options } = splitOptions(message.edns?.options);
  return {
    kind: 'reply',
    rcode: message.rcode,
    isAuthoritative: message.isAuthoritative,
    isRecursionAvailable: message.isRecursionAvailable,
    isTruncated: message.isTruncated,
    isAuthenticData: message.isAuthenticData,
    answer: message.answer,
    authority: message.authority,
    additional: message.additional,
    recordClass: request.question.class,
    writer,
    ...(encoded && { encoded }),
    ...(options && { ednsOptions: options }),
    ...(told && { ede: told }),
  };
}

/** What the server said of its answer, which is kept with it, and its other options, which are not. */
function splitOptions(all: readonly EdnsOption[] | undefined): {
  readonly told: ExtendedError | undefined;
  readonly options: readonly EdnsOption[] | undefined;
} {
  const option = all?.find(({ code }) => code === EXTENDED_ERROR_OPTION);
  const told = option && readExtendedError(option);
  return { told, options: told === undefined ? all : all?.filter((one) => one !== option) };
}

/** A reply, with the same opcode and question: one that isn't may be forged (RFC 5452 §9.1). */
function isAnswerTo({ questions, isResponse, opcode }: Message, request: Request): boolean {
  const [question] = questions;
  return (
    isResponse &&
    opcode === request.opcode &&
    questions.length === 1 &&
    question?.name === request.question.name &&
    question.type === request.question.type &&
    question.class === request.question.class
  );
}

/** The octets without their OPT record; undefined when that isn't the last one. */
function encodedSections(octets: Buffer, message: Message): EncodedSections | undefined {
  const layout = layoutOf(octets);
  if (layout === undefined || message.tsigOffset !== undefined) return undefined;
  const { answer, authority, additional } = message;
  if (layout.optStart < 0) return { message: octets, layout, answer, authority, additional };
  const last = layout.ttlOffsets.at(-1) ?? 0;
  if (layout.optStart < last) return undefined;
  const plain = Buffer.from(octets.subarray(0, layout.optStart));
  plain.writeUInt16BE(plain.readUInt16BE(10) - 1, 10);
  return { message: plain, layout: { ...layout, optStart: -1, end: layout.optStart }, answer, authority, additional };
}

/** Empty, with TC: the client asks again by TCP. */
function truncatedReply(writer: string): Reply {
  return {
    kind: 'reply',
    rcode: 0,
    isAuthoritative: false,
    isTruncated: true,
    answer: [],
    authority: [],
    additional: [],
    writer,
  };
}
