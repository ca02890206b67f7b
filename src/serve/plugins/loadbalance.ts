/** `loadbalance`: the addresses of an answer in another order each time, so that clients spread over them. */
import path from 'node:path';
import type { BlockOptions, Network } from '../../corefile/config.ts';
import { Rcode, type ResourceRecord, RRType } from '../../dns/rrset.ts';
import { OperatorError } from '../../errors.ts';
import type { HandlerTools, ServingBlock } from '../blocks.ts';
import { type Handler, mapOutcome, type Reply, type Request } from '../chain.ts';
import { isInNetwork, octetsOf } from '../networks.ts';
import { isBalanced } from '../rotation.ts';
import { systemTimer, type Timer } from '../timer.ts';
import { readFileNow, watchFile } from '../watched-file.ts';
import { parseWeights, type Weights, weightOf } from './weights.ts';

export type LoadbalanceOptions = NonNullable<BlockOptions['loadbalance']>;

const ROUND_ROBIN: LoadbalanceOptions = { policy: 'round_robin', weightFile: undefined, reloadMs: 0, prefer: [] };

/** @throws OperatorError when the file of weights is of no use */
export function openLoadbalance(
  { options }: ServingBlock,
  { random, logger }: Pick<HandlerTools, 'random' | 'logger'>,
  timer: Timer = systemTimer,
): Handler {
  const { loadbalance = ROUND_ROBIN, root } = options;
  const { weightFile, reloadMs, prefer } = loadbalance;
  if (weightFile === undefined) return createLoadbalance(prefer, random);
  const file = path.resolve(root ?? '', weightFile);
  const known = readFileNow(file);
  let weights: Weights = new Map();
  const take = (text: string): string | undefined => {
    const read = parseWeights(text, file);
    if (!read.ok) return read.error;
    weights = read.value;
    logger.info(`Successfully reloaded weight file ${file}`);
    return undefined;
  };
  if (!known.ok && reloadMs === 0) throw new OperatorError(known.error);
  if (!known.ok)
    logger.warning(`Failed to open weight file:${known.error}. Will try again in ${Math.round(reloadMs / 1000)}s`);
  const wrong = known.ok ? take(known.value.text) : undefined;
  if (wrong !== undefined) throw new OperatorError(wrong);
  const close = watchFile(file, reloadMs, timer, known.ok ? known.value : undefined, (changed) => {
    const error = changed.ok ? take(changed.value.text) : changed.error;
    if (error !== undefined) logger.error(error);
  });
  return { ...createWeighted(() => weights, prefer, random), close };
}

/**
 * @param prefer addresses in these networks come first
 * @param random from 0 up to, but not including, 1
 */
export function createLoadbalance(prefer: readonly Network[], random: () => number): Handler {
  return {
    name: 'loadbalance',
    isPure: true,
    handle(request, next) {
      return mapOutcome(next(request), (done) => {
        if (done.kind !== 'reply' || done.rcode !== Rcode.NOERROR || !isWorthIt(done.answer)) return done;
        const balanced: Reply = { ...done, answer: balance(done.answer, random), isOrderFree: true };
        return prefer.length === 0 ? balanced : preferred(balanced, prefer);
      });
    },
  };
}

/** One address comes first, the more often the more it weighs. What is first is drawn anew each time: nothing is kept. */
export function createWeighted(weights: () => Weights, prefer: readonly Network[], random: () => number): Handler {
  return {
    name: 'loadbalance',
    handle(request, next) {
      return mapOutcome(next(request), (done) => {
        if (done.kind !== 'reply' || done.rcode !== Rcode.NOERROR || !isWeighted(request)) return done;
        const { source: _, aging: __, ...reply } = done;
        const answer = withDrawnFirst(reply.answer, weights(), random);
        const additional = withDrawnFirst(reply.additional, weights(), random);
        const drawn: Reply = { ...reply, answer, additional };
        return prefer.length === 0 ? drawn : preferred(drawn, prefer);
      });
    },
  };
}

function isWeighted({ question: { type } }: Request): boolean {
  return type === RRType.A || type === RRType.AAAA || type === RRType.SRV;
}

/** CNAMEs, then the rest, then addresses with the one drawn in the first place, then MX, as the peer has it. */
function withDrawnFirst(
  records: readonly ResourceRecord[],
  weights: Weights,
  random: () => number,
): readonly ResourceRecord[] {
  const addresses = records.filter(isAddress);
  if (addresses.length === 0) return records;
  const shares = addresses.map(({ owner, rdata }) =>
    rdata.type === 'A' || rdata.type === 'AAAA' ? weightOf(weights, owner, rdata.address) : 1,
  );
  let left = Math.floor(random() * shares.reduce((sum, share) => sum + share, 0));
  let at = 0;
  while (left >= (shares[at] as number)) left -= shares[at++] as number;
  [addresses[0], addresses[at]] = [addresses[at] as ResourceRecord, addresses[0] as ResourceRecord];
  const others = records.filter((record) => !isAddress(record));
  return [
    ...others.filter(({ type }) => type === RRType.CNAME),
    ...others.filter(({ type }) => type !== RRType.CNAME && type !== RRType.MX),
    ...addresses,
    ...others.filter(({ type }) => type === RRType.MX),
  ];
}

function isAddress({ type }: ResourceRecord): boolean {
  return type === RRType.A || type === RRType.AAAA;
}

function isWorthIt(answer: readonly ResourceRecord[]): boolean {
  return answer.length > 1 && answer.some(({ type }, at) => isBalanced(type) || (type === RRType.CNAME && at > 0));
}

/** CNAMEs, then the rest, then addresses, then MX; the last two shuffled. */
function balance(answer: readonly ResourceRecord[], random: () => number): ResourceRecord[] {
  const of = (...types: readonly number[]) => answer.filter(({ type }) => types.includes(type));
  return [
    ...of(RRType.CNAME),
    ...answer.filter(({ type }) => type !== RRType.CNAME && !isBalanced(type)),
    ...shuffle(of(RRType.A), random),
    ...shuffle(of(RRType.AAAA), random),
    ...shuffle(of(RRType.MX), random),
  ];
}

/** Fisher and Yates. */
function shuffle<T>(items: T[], random: () => number): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [items[i], items[j]] = [items[j] as T, items[i] as T];
  }
  return items;
}

/** Addresses in the networks first, in the order of these. Such an order is not free: the reply is not kept. */
function preferred(reply: Reply, networks: readonly Network[]): Reply {
  const rank = ({ rdata }: ResourceRecord): number => {
    const octets = rdata.type === 'A' || rdata.type === 'AAAA' ? octetsOf(rdata.address) : undefined;
    const at = octets === undefined ? -1 : networks.findIndex((network) => isInNetwork(octets, network));
    return at < 0 ? networks.length : at;
  };
  const { source: _, aging: __, isOrderFree: ___, ...rest } = reply;
  const addresses = reply.answer.filter(isAddress);
  const sorted = addresses.toSorted((a, b) => rank(a) - rank(b));
  const first = reply.answer.findIndex(isAddress);
  if (first < 0) return rest;
  return { ...rest, answer: reply.answer.toSpliced(first, addresses.length, ...sorted) };
}
