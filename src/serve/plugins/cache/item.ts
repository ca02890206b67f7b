/** One reply in the cache: octets, and what of it is not in them. */
import { MAX_MESSAGE, type MessageEncoder } from '../../../dns/encode.ts';
import type { ResourceRecord } from '../../../dns/rrset.ts';
import { readMessage } from '../../../dns/wire.ts';
import type { ExtendedError, Reply, Request } from '../../chain.ts';
import { isCurrent, type Layout, layoutOf, writeTtls } from '../../encoded-sections.ts';
import { type CacheType, isAnswering } from './kind.ts';

export interface CacheItem {
  readonly key: string;
  readonly type: CacheType;
  readonly rcode: number;
  readonly isAuthoritative: boolean;
  readonly isRecursionAvailable: boolean;
  readonly isAuthenticData: boolean;
  readonly ede: ExtendedError | undefined;
  readonly writer: string;
  /** Without an OPT record; all TTLs are `ttl`. Never written to. */
  readonly message: Buffer;
  readonly layout: Layout;
  /** Seconds. */
  readonly ttl: number;
  /** Seconds, monotonic. */
  readonly storedAt: number;
  /** It was answered from a zone of clusters. */
  readonly isOfZone: boolean;
  /** It has what was asked for. */
  readonly isAnswering: boolean;
  /** It is still in the cache: nothing newer has come, and it was not thrown out. */
  isCurrent: boolean;
  /** Hits without a long gap between two, and when the last one was. */
  hits: number;
  lastHit: number;
  /** Somebody is asking anew already. */
  isRefreshing: boolean;
  /** Nobody is asked anew before: a failure was not long ago. Seconds. */
  quietUntil: number;
}

/** What is known of the reply beside its content. */
export interface ItemPlace {
  readonly key: string;
  readonly type: CacheType;
  readonly ttl: number;
  readonly storedAt: number;
  readonly isOfZone: boolean;
}

/** @returns undefined when the reply is too large for a message */
export function makeItem(
  place: ItemPlace,
  reply: Reply,
  request: Request,
  encoder: MessageEncoder,
): CacheItem | undefined {
  const octets = octetsOf(reply, request, encoder);
  const layout = octets && layoutOf(octets);
  if (octets === undefined || layout === undefined) return undefined;
  // Of its own: a piece of a shared slab would keep all of that as long as it lives.
  const message = Buffer.allocUnsafeSlow(layout.end);
  octets.copy(message, 0, 0, layout.end);
  writeTtls(message, layout.ttlOffsets, place.ttl);
  return {
    ...place,
    rcode: reply.rcode,
    isAuthoritative: reply.isAuthoritative,
    isRecursionAvailable: reply.isRecursionAvailable === true,
    isAuthenticData: reply.isAuthenticData === true,
    ede: reply.ede,
    writer: reply.writer ?? '',
    message,
    layout,
    isAnswering: isAnswering(reply, request.question),
    isCurrent: true,
    hits: 0,
    lastHit: 0,
    isRefreshing: false,
    quietUntil: 0,
  };
}

function octetsOf(reply: Reply, request: Request, encoder: MessageEncoder): Buffer | undefined {
  if (reply.encoded !== undefined && isCurrent(reply.encoded, reply)) return reply.encoded.message;
  const { message, isTruncated } = encoder.encodeReply(request, { ...reply, rcode: 0 }, MAX_MESSAGE);
  return isTruncated ? undefined : message;
}

/** The TTL at a moment, seconds; 0 or less: it is over. */
export function ttlOf(item: CacheItem, now: number): number {
  return item.ttl - Math.floor(now - item.storedAt);
}

/** The reply that the item is, with this TTL. */
export function replyOf(item: CacheItem, ttl: number): Reply {
  const { layout, rcode, isAuthoritative, isRecursionAvailable, isAuthenticData, ede, writer } = item;
  const message = Buffer.from(item.message);
  writeTtls(message, layout.ttlOffsets, ttl);
  const read = readMessage(message);
  if (read === undefined) throw new Error('a message in the cache can not be read');
  const { answer, authority, additional } = read;
  return {
    kind: 'reply',
    rcode,
    isAuthoritative,
    isRecursionAvailable,
    isAuthenticData,
    answer,
    authority,
    additional,
    encoded: { message, layout, answer, authority, additional },
    isLowerCase: true,
    writer,
    ...(ede && { ede }),
  };
}

/** The reply that an item was just made of, with the item's TTL. */
export function replyAsKept(reply: Reply, { message, layout, ttl }: CacheItem): Reply {
  const sections = withTtl(reply, ttl);
  const { answer, authority, additional } = sections;
  return { ...sections, encoded: { message, layout, answer, authority, additional } };
}

/** The reply with one TTL for all records. */
export function withTtl(reply: Reply, ttl: number): Reply {
  const isSame = (records: readonly ResourceRecord[]) => records.every((record) => record.ttl === ttl);
  const { answer, authority, additional } = reply;
  if (isSame(answer) && isSame(authority) && isSame(additional)) return reply;
  const set = (records: readonly ResourceRecord[]) => records.map((record) => ({ ...record, ttl }));
  return { ...reply, answer: set(answer), authority: set(authority), additional: set(additional) };
}
