/** What `rewrite` does with replies: names, TTLs and codes changed, or changed back. */
import type { AnswerRule, NameMatch } from '../../../corefile/config.ts';
import { type DomainName, parseName } from '../../../dns/name.ts';
import type { Rdata, ResourceRecord } from '../../../dns/rrset.ts';
import type { Reply } from '../../chain.ts';
import { compileMatcher, fillGroups } from '../../match-pattern.ts';

/** Changes a reply; its lists are new where something in them is. */
export type ReplyRule = (reply: Reply) => Reply;

/** @returns the new text, or the old one */
type Rename = (name: DomainName) => string;

/** The rules that a name rule adds: those that it states, whatever the question was. @throws OperatorError */
export function compileAnswerRules(answers: readonly AnswerRule[]): ReplyRule[] {
  return answers.flatMap((answer) => {
    if (answer.kind === 'auto') return [];
    const matcher = compileMatcher(answer.pattern);
    const to = answer.to.toLowerCase();
    const rename: Rename = (name) => {
      const match = matcher.find(name);
      return match === undefined ? name : fillGroups(to, match);
    };
    return [answer.kind === 'name' ? renameOwners(rename) : renameTargets(rename)];
  });
}

/** Back from the name that a question was given to the one that it had, names below it included. */
export function renameBack(given: DomainName, original: DomainName): ReplyRule {
  const rename: Rename = (name) => {
    if (name === given) return original;
    const at = name.length - given.length;
    return at > 0 && name[at - 1] === '.' && name.endsWith(given) ? name.slice(0, at) + original : name;
  };
  return both(rename);
}

/** Back from the suffix that questions are given to the one that they had. */
export function renameSuffixBack(match: NameMatch, to: string): ReplyRule {
  const original = match.kind === 'regex' ? '' : match.text;
  return both((name) => (name.endsWith(to) ? name.slice(0, name.length - to.length) + original : name));
}

function both(rename: Rename): ReplyRule {
  const owners = renameOwners(rename);
  const targets = renameTargets(rename);
  return (reply) => targets(owners(reply));
}

function renameOwners(rename: Rename): ReplyRule {
  return eachRecord((record) => {
    const owner = renamed(record.owner, rename);
    return owner === record.owner ? record : { ...record, owner };
  });
}

function renameTargets(rename: Rename): ReplyRule {
  return eachRecord((record) => {
    const rdata = withTarget(record.rdata, rename);
    return rdata === record.rdata ? record : { ...record, rdata };
  });
}

function withTarget(rdata: Rdata, rename: Rename): Rdata {
  switch (rdata.type) {
    case 'NS':
    case 'CNAME':
    case 'PTR': {
      const target = renamed(rdata.target, rename);
      // Without the spelling that the old name had.
      return target === rdata.target ? rdata : { type: rdata.type, target };
    }
    case 'SRV':
    case 'MX': {
      const target = renamed(rdata.target, rename);
      return target === rdata.target ? rdata : { ...rdata, target };
    }
    case 'SOA': {
      const mname = renamed(rdata.mname, rename);
      return mname === rdata.mname ? rdata : { ...rdata, mname };
    }
    default:
      return rdata;
  }
}

/** What is no legal name is left as it was. */
function renamed(name: DomainName, rename: Rename): DomainName {
  const text = rename(name);
  return text === name ? name : (parseName(text) ?? name);
}

/** Brings all TTLs into a range, seconds. */
export function clampTtls(min: number, max: number): ReplyRule {
  const clamp = eachRecord((record) => {
    const ttl = Math.min(Math.max(record.ttl, min), max);
    return ttl === record.ttl ? record : { ...record, ttl };
  });
  return (reply) => {
    // What ages says its TTL itself.
    const { aging: _, ...rest } = reply;
    return clamp(rest);
  };
}

/** @param from undefined: any */
export function changeRcode(from: number | undefined, to: number): ReplyRule {
  return (reply) => (from === undefined || reply.rcode === from ? { ...reply, rcode: to } : reply);
}

function eachRecord(change: (record: ResourceRecord) => ResourceRecord): ReplyRule {
  const changeAll = (records: readonly ResourceRecord[]): readonly ResourceRecord[] => {
    const changed = records.map(change);
    return changed.some((record, i) => record !== records[i]) ? changed : records;
  };
  return (reply) => ({
    ...reply,
    answer: changeAll(reply.answer),
    authority: changeAll(reply.authority),
    additional: changeAll(reply.additional),
  });
}
