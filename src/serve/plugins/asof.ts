/**
 * `asof`: the past in DNS, for clients that may ask. A label right below a zone's apex says when
 * (`web.apps.svc.at-20261121T024500Z.cluster.local`), and `why` (`why-aaaa`) before a name says why it is answered as it is
 * (TXT). Such names are in no zone, so no transfer has them; what they stand for somebody else finds out, and nothing waits for it.
 */
import { isReverseZone, type Network } from '../../corefile/config.ts';
import { unmapAddress } from '../../dns/address.ts';
import { childOf, type DomainName, isSubdomain, labelsBelow } from '../../dns/name.ts';
import { Rcode, type Rdata, type ResourceRecord, RRType } from '../../dns/rrset.ts';
import { parseType } from '../../dns/type-text.ts';
import type { ZoneId } from '../../ingest/plan.ts';
import { createCounters } from '../../metrics.ts';
import { emptyReply, type Handler, mapOutcome, type Outcome, type Reply, type Request } from '../chain.ts';
import { isInNetwork, octetsOf } from '../networks.ts';

/** What is asked of the past. Structured-clonable. */
export interface PastQuestion {
  readonly kind: 'answer' | 'why';
  readonly zone: ZoneId;
  readonly apex: DomainName;
  /** Without the labels that ask for the past. */
  readonly name: DomainName;
  /** Of `why`: the type whose answer is to be explained. */
  readonly type: RRType;
  /** A moment as text; undefined: now. */
  readonly at: string | undefined;
}

/** What was answered then, about the names of then. Structured-clonable. */
export type PastReply = Pick<Reply, 'rcode' | 'isAuthoritative' | 'answer' | 'authority' | 'additional' | 'ede'>;

export interface AsofSettings {
  readonly networks: readonly Network[];
  /** The zones of the block, at this moment. */
  zones(): readonly { readonly id: ZoneId; readonly apex: DomainName }[];
  /** Undefined: nobody answered in time. */
  ask(question: PastQuestion): Promise<PastReply | undefined>;
}

/** Questions that are waited for at one time, in one serving thread. */
const MOST_WAITING = 32;
/** RFC 8914 §4.1, §4.24: other; no reachable authority. */
const EDE_OTHER = 0;

interface Asked extends PastQuestion {
  /** The label that says when; undefined: there is none. */
  readonly label: string | undefined;
  /** The label that asks why; undefined: nobody does. */
  readonly word: string | undefined;
}

export function createAsof({ networks, zones, ask }: AsofSettings): Handler {
  let waiting = 0;
  const counters = createCounters('zonelog_asof_requests_total', 'Questions about the past, by what became of them.', [
    'result',
  ]);
  const count = (result: 'answered' | 'failed' | 'refused') => counters.add([result]);
  const isAllowed = ({ remote }: Request) => {
    const octets = octetsOf(unmapAddress(remote.address.split('%', 1)[0] as string));
    return octets !== undefined && networks.some((network) => isInNetwork(octets, network));
  };
  const askPast = async (asked: Asked): Promise<Outcome> => {
    waiting += 1;
    try {
      const { label, word, ...question } = asked;
      const reply = await ask(question);
      count(reply === undefined ? 'failed' : 'answered');
      if (reply === undefined) return failed('the history did not answer in time');
      const said = word === undefined ? reply : under(word, reply);
      return { kind: 'reply', ...(label === undefined ? said : moved(said, asked.apex, label)) };
    } finally {
      waiting -= 1;
    }
  };
  return {
    name: 'asof',
    // What is said of the past has no source, and is never kept.
    isPure: true,
    handle(request, next) {
      const asked = readQuestion(request, zones());
      if (asked === undefined) return next(request);
      if (!isAllowed(request)) {
        count('refused');
        // To others it is a name like any; but what they get must not be kept for those who may ask.
        return mapOutcome(next(request), withoutSource);
      }
      if (waiting < MOST_WAITING) return askPast(asked);
      count('failed');
      return failed('too many questions about the past at one time');
    },
    metrics: () => [counters.family()],
  };
}

function failed(text: string): Reply {
  return { ...emptyReply(Rcode.SERVFAIL), ede: { code: EDE_OTHER, text } };
}

function withoutSource(outcome: Outcome): Outcome {
  if (outcome.kind !== 'reply') return outcome;
  const { source, aging, ...reply } = outcome;
  return reply;
}

/** The answer is about a name, and stands under the name that was asked for. */
function under(word: string, reply: PastReply): PastReply {
  return { ...reply, answer: reply.answer.map((record) => ({ ...record, owner: childOf(word, record.owner) })) };
}

/** A question about the past of one of these zones; undefined: it is none. */
function readQuestion({ question }: Request, zones: ReturnType<AsofSettings['zones']>): Asked | undefined {
  const { name, type } = question;
  // Most questions end here.
  if (!name.includes('at-') && !name.startsWith('why')) return undefined;
  const zone = zones
    .filter(({ apex }) => isSubdomain(name, apex))
    .reduce<(typeof zones)[number] | undefined>((a, b) => (a && a.apex.length >= b.apex.length ? a : b), undefined);
  const labels = zone && labelsBelow(name, zone.apex);
  if (zone === undefined || labels === undefined) return undefined;
  const at = momentOf(labels.at(-1) ?? '');
  const label = at === undefined ? undefined : labels.pop();
  const about = type === RRType.TXT ? whyType(labels[0] ?? '', zone.apex) : undefined;
  const word = about === undefined ? undefined : labels.shift();
  if (label === undefined && word === undefined) return undefined;
  const plain = labels.reduceRight<DomainName>((parent, one) => childOf(one, parent), zone.apex);
  const kind = word === undefined ? 'answer' : 'why';
  return { kind, zone: zone.id, apex: zone.apex, name: plain, type: about ?? type, at, label, word };
}

/** The type that `why` or `why-aaaa` asks about; undefined: it is no such label. */
function whyType(label: string, apex: DomainName): RRType | undefined {
  if (label === 'why') return isReverseZone(apex) ? RRType.PTR : RRType.A;
  return label.startsWith('why-') ? parseType(label.slice(4)) : undefined;
}

/** `at-20261121T024500Z`, `at-15m` (ago), `at-1795219203` (a serial), as moments are written elsewhere. */
function momentOf(label: string): string | undefined {
  const [, text = ''] = /^at-([0-9][0-9a-z]*)$/.exec(label) ?? [];
  if (/^\d{1,10}$/.test(text)) return text;
  if (/^(?:\d{1,9}[smhdw])+$/.test(text)) return `-${text}`;
  return /^\d{8}t\d{4}(?:\d\d)?z$/.test(text) ? text : undefined;
}

/** The names of the zone with the label of the moment: so an alias or a service leads on to what it was then. */
function moved(reply: PastReply, apex: DomainName, label: string): PastReply {
  const then = childOf(label, apex);
  const move = (name: DomainName) =>
    (labelsBelow(name, apex) ?? []).reduceRight<DomainName>((parent, one) => childOf(one, parent), then);
  const moveName = (name: DomainName) => (isSubdomain(name, apex) ? move(name) : name);
  const moveData = (rdata: Rdata): Rdata => {
    if (!('target' in rdata)) return rdata;
    const target = moveName(rdata.target);
    return target === rdata.target ? rdata : { ...rdata, target, ...('spelling' in rdata && { spelling: target }) };
  };
  const moveAll = (records: readonly ResourceRecord[]) =>
    records.map((record) => ({ ...record, owner: moveName(record.owner), rdata: moveData(record.rdata) }));
  const { answer, authority, additional } = reply;
  return { ...reply, answer: moveAll(answer), authority: moveAll(authority), additional: moveAll(additional) };
}
