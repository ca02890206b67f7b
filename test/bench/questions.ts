/** The questions that are asked, all with different names, and what a right answer to each looks like. */
import { type FixtureService, type FixtureSize, services } from './fixture.ts';
import { addressBytes, type Message, type QuestionType } from './message.ts';

export interface Question {
  /** With the final dot. */
  readonly name: string;
  readonly type: QuestionType;
  readonly expected: Expectation;
}

export type Expectation =
  | { readonly kind: 'nxdomain' | 'nodata' | 'records' }
  /** Among others. */
  | { readonly kind: 'address'; readonly address: string };

export const ZONE = 'cluster.local.';
const NXDOMAIN = 3;

/** Parts of the whole, in percent. */
const MIX = { nxdomain: 5, ptr: 10, srv: 15, aaaa: 15 };

/**
 * A mixture in random (but always the same) order: A 55 %, AAAA and SRV 15 % each, PTR 10 %, names that don't exist 5 %.
 * ExternalNames are not asked for: CoreDNS would look their targets up elsewhere.
 */
export function questions(size: FixtureSize, count: number): Question[] {
  const random = generator(1);
  const part = (percent: number) => Math.round((count * percent) / 100);
  const all = shuffle([...services(size)], random);
  const named = all.filter((service) => service.kind !== 'externalName');
  const withAddress = all.filter((service) => service.kind === 'clusterIP');
  const endpoints = shuffle(all.flatMap(endpointQuestions), random);

  const aaaa = named.slice(0, part(MIX.aaaa)).map(aaaaQuestion);
  const ptr = [...withAddress.slice(0, part(MIX.ptr) / 2).map(ptrQuestion), ...all.flatMap(endpointPtrQuestion)];
  const chosen: Question[] = [
    ...aaaa,
    ...withAddress.slice(0, part(MIX.srv)).map(srvQuestion),
    ...ptr.slice(0, part(MIX.ptr)),
    ...named.slice(0, part(MIX.nxdomain)).map(missingQuestion),
  ];
  const a = [...named.slice(aaaa.length).map(aQuestion), ...endpoints];
  const chosenA = a.slice(0, count - chosen.length);
  return shuffle([...chosen, ...chosenA], random);
}

/** Some questions about services from all over the lists: when all have the right answer, a server is in sync. */
export function samples(size: FixtureSize, count: number): Question[] {
  const all = [...services(size)].filter((service) => service.kind !== 'externalName');
  const step = (all.length - 1) / (count - 1);
  return Array.from({ length: count }, (_, i) => aQuestion(all[Math.round(i * step)] as FixtureService));
}

export function isRight({ expected }: Question, answer: Message): boolean {
  switch (expected.kind) {
    case 'nxdomain':
      return answer.rcode === NXDOMAIN;
    case 'nodata':
      return answer.rcode === 0 && answer.answers === 0;
    case 'records':
      return answer.rcode === 0 && answer.answers > 0;
    case 'address':
      return answer.rcode === 0 && answer.body.includes(addressBytes(expected.address));
  }
}

/** As dnsperf wants them. */
export function questionFile(list: readonly Question[]): string {
  return list.map(({ name, type }) => `${name} ${type}\n`).join('');
}

function nameOf({ name, namespace }: FixtureService): string {
  return `${name}.${namespace}.svc.${ZONE}`;
}

function aQuestion(service: FixtureService): Question {
  const name = nameOf(service);
  if (service.kind === 'externalName') throw new Error('no address');
  const address = service.kind === 'clusterIP' ? service.addresses[0] : service.endpoints[0]?.address;
  return { name, type: 'A', expected: address === undefined ? { kind: 'nodata' } : { kind: 'address', address } };
}

function aaaaQuestion(service: FixtureService): Question {
  const isDual = service.kind === 'clusterIP' && service.addresses.length > 1;
  return { name: nameOf(service), type: 'AAAA', expected: { kind: isDual ? 'records' : 'nodata' } };
}

function srvQuestion(service: FixtureService): Question {
  return { name: `_http._tcp.${nameOf(service)}`, type: 'SRV', expected: { kind: 'records' } };
}

function missingQuestion(service: FixtureService): Question {
  return { name: `no-${nameOf(service)}`, type: 'A', expected: { kind: 'nxdomain' } };
}

function ptrQuestion(service: FixtureService): Question {
  const address = service.kind === 'clusterIP' ? service.addresses[0] : undefined;
  return { name: reverse(address ?? ''), type: 'PTR', expected: { kind: 'records' } };
}

/** Only first endpoints: the addresses of last ones change while the benchmark runs. */
function endpointPtrQuestion(service: FixtureService): Question[] {
  const first = service.kind === 'headless' && service.endpoints.length > 1 ? service.endpoints[0] : undefined;
  return first ? [{ name: reverse(first.address), type: 'PTR', expected: { kind: 'records' } }] : [];
}

/** The first three of each headless service, which are never the last of a slice. */
function endpointQuestions(service: FixtureService): Question[] {
  if (service.kind !== 'headless' || service.endpoints.length < 4) return [];
  return service.endpoints.slice(0, 3).map(({ hostname, address }) => ({
    name: `${hostname}.${nameOf(service)}`,
    type: 'A',
    expected: { kind: 'address', address },
  }));
}

function reverse(address: string): string {
  return `${address.split('.').reverse().join('.')}.in-addr.arpa.`;
}

function shuffle<T>(list: T[], random: () => number): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1));
    [list[i], list[other]] = [list[other] as T, list[i] as T];
  }
  return list;
}

/** mulberry32 */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
