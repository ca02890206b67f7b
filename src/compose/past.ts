/** Questions about the past in DNS (`asof`): put by a serving thread, answered in the thread of the history. */
import { type DomainName, isSubdomain } from '../dns/name.ts';
import { Rcode, RRClass, RRType } from '../dns/rrset.ts';
import { typeText } from '../dns/type-text.ts';
import type { HistoryProblem } from '../history/problem.ts';
import type { History } from '../history/questions.ts';
import type { Zone } from '../projection/zone.ts';
import { answer } from '../serve/answer.ts';
import { emptyReply, type Reply, type Request } from '../serve/chain.ts';
import type { PastQuestion, PastReply } from '../serve/plugins/asof.ts';

/** RFC 8914 §4.1, §4.15. */
const EDE_OTHER = 0;
const EDE_NOT_READY = 14;
/** Octets of one text of a TXT record. */
const MOST_TEXT = 255;

export function answerPast(history: History, question: PastQuestion): PastReply {
  return question.kind === 'why' ? explain(history, question) : answerThen(history, question);
}

/** What was answered then. */
function answerThen(history: History, { zone: id, name, type, at }: PastQuestion): PastReply {
  const zone = history.zoneForName(id, name, type, at);
  if (!zone.ok) return problemReply(zone.error);
  return replyFrom(zone.value, name, type);
}

/** What a version of a zone answers by itself. */
export function replyFrom(zone: Zone, name: DomainName, type: RRType): PastReply {
  const outcome = answer(zone, requestFor(name, type), {
    // Where another zone or server had to be asked, nobody knows what it said.
    resolve: () => undefined,
    isOwn: (other) => isSubdomain(other, zone.apex),
  });
  if (outcome instanceof Promise) throw new Error('an answer from a zone alone is made at once');
  if (outcome.kind === 'reply') return plain(outcome);
  const text = `the zone ${zone.id} handed the name on (fallthrough): what came after it is in no log`;
  return { ...plain(emptyReply(Rcode.SERVFAIL)), ede: { code: EDE_OTHER, text } };
}

/** Why it was answered so, in one line. */
function explain(history: History, { zone, name, type, at }: PastQuestion): PastReply {
  const told = history.why({ name, zone, at, type: typeText(type) });
  if (!told.ok) return problemReply(told.error);
  const texts = told.value.map(({ summary }) => summary).join(' | ');
  const rdata = { type: 'TXT', texts: textsOf(texts) } as const;
  return {
    ...plain(emptyReply(Rcode.NOERROR)),
    isAuthoritative: true,
    answer: [{ owner: name, type: RRType.TXT, ttl: 0, rdata }],
  };
}

/** In pieces that fit; what is no plain text is a question mark. */
function textsOf(text: string): string[] {
  const octets = text.replace(/[^\x20-\x7e]/g, '?');
  return octets.match(new RegExp(`.{1,${MOST_TEXT}}`, 'g')) ?? [''];
}

function problemReply({ kind, message }: HistoryProblem): PastReply {
  const code = kind === 'notComplete' || kind === 'noLog' ? EDE_NOT_READY : EDE_OTHER;
  const isOurs = kind === 'damaged' || kind === 'unusable' || code === EDE_NOT_READY;
  return { ...plain(emptyReply(isOurs ? Rcode.SERVFAIL : Rcode.REFUSED)), ede: { code, text: message } };
}

function plain({ rcode, isAuthoritative, answer: records, authority, additional, ede }: Reply): PastReply {
  return { rcode, isAuthoritative, answer: records, authority, additional, ...(ede && { ede }) };
}

function requestFor(name: DomainName, type: RRType): Request {
  return {
    id: 0,
    opcode: 0,
    isRecursionDesired: false,
    isCheckingDisabled: false,
    isAuthenticData: false,
    question: { name, spelling: name, type, class: RRClass.IN },
    authority: [],
    edns: undefined,
    transport: 'udp',
    remote: { address: '127.0.0.1', port: 0 },
    local: { address: '127.0.0.1', port: 0 },
    serverZone: name,
  };
}
