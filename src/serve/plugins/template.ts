/** `template`: replies made of Go templates, for names that match regular expressions. */
import type { TemplateOptions } from '../../corefile/config.ts';
import { type DomainName, isSubdomain } from '../../dns/name.ts';
import { Rcode, type ResourceRecord, RRClass, RRType } from '../../dns/rrset.ts';
import { classText, typeText } from '../../dns/type-text.ts';
import { type CounterSet, createCounters } from '../../metrics.ts';
import {
  emptyReply,
  type Handler,
  type MaybePromise,
  type Next,
  type Outcome,
  type Reply,
  type Request,
} from '../chain.ts';
import type { FindLabel } from '../labels.ts';
import { serverOf } from '../listen-point.ts';
import type { Match } from '../match-pattern.ts';
import type { AskServer } from '../static-zone/answer.ts';
import { type CompiledTemplate, compileTemplate, type Matched, type RecordTemplate } from './template-compiled.ts';

export interface TemplateTools {
  readonly askServer: AskServer;
  readonly findLabel: FindLabel;
  /** The name of the block's view, for the metrics. */
  readonly view: string;
}

const MATCHES = ['server', 'zone', 'view', 'class', 'type'];
const FAILURES = [...MATCHES, 'section', 'template'];

interface Counters {
  readonly matches: CounterSet;
  readonly templateFailures: CounterSet;
  readonly recordFailures: CounterSet;
}

/** @throws OperatorError for a template, an expression or a regular expression that is wrong or not supported */
export function createTemplate(stanzas: readonly TemplateOptions[], tools: TemplateTools): Handler {
  const templates = stanzas.map((stanza) => compileTemplate(stanza));
  const counters: Counters = {
    matches: createCounters('coredns_template_matches_total', 'Requests that a template has matched.', MATCHES),
    templateFailures: createCounters(
      'coredns_template_template_failures_total',
      'Templates that could not be carried out.',
      FAILURES,
    ),
    recordFailures: createCounters('coredns_template_rr_failures_total', 'Results that were no record.', FAILURES),
  };
  return {
    name: 'template',
    // What it answers itself has no source. Expressions may ask who the client is, and with that decide who answers.
    isPure: stanzas.every(({ variables, expressions }) => variables.length === 0 && expressions.length === 0),
    handle: (request, next) => handle(templates, request, next, tools, counters),
    metrics: () => Object.values(counters).map((counter: CounterSet) => counter.family()),
  };
}

function handle(
  templates: readonly CompiledTemplate[],
  request: Request,
  next: Next,
  tools: TemplateTools,
  counters: Counters,
): MaybePromise<Outcome> {
  const { name } = request.question;
  for (const template of templates) {
    const { options } = template;
    const zone = longestZone(options.zones, name);
    if (zone === undefined || !isForQuestion(options, request)) continue;
    const matched = matchName(template, zone, request, tools.findLabel);
    if (matched === undefined) {
      if (options.fallthrough?.some((one) => isSubdomain(name, one))) continue;
      return emptyReply(Rcode.SERVFAIL);
    }
    counters.matches.add(labelsOf(matched, request, tools));
    if (options.rcode === Rcode.SERVFAIL) return emptyReply(Rcode.SERVFAIL);
    return makeReply(template, matched, request, tools, counters);
  }
  return next(request);
}

function longestZone(zones: readonly DomainName[], name: DomainName): DomainName | undefined {
  let longest: DomainName | undefined;
  for (const zone of zones) {
    if (isSubdomain(name, zone) && zone.length > (longest?.length ?? 0)) longest = zone;
  }
  return longest;
}

function isForQuestion(options: TemplateOptions, { question }: Request): boolean {
  const { class: wantedClass, type: wantedType } = options;
  return (
    (wantedClass === undefined || question.class === RRClass.ANY || question.class === wantedClass) &&
    (wantedType === undefined || question.type === RRType.ANY || question.type === wantedType)
  );
}

const WHOLE: (name: string) => Match = (name) => ({
  start: 0,
  end: name.length,
  groups: [name],
  named: new Map(),
});

/** The first pattern that fits, if the conditions hold then. */
function matchName(
  template: CompiledTemplate,
  zone: DomainName,
  request: Request,
  findLabel: FindLabel,
): Matched | undefined {
  const { name } = request.question;
  const { patterns, options } = template;
  const classOf = options.class !== undefined && request.question.class === RRClass.ANY;
  const typeOf = options.type !== undefined && request.question.type === RRType.ANY;
  const common = {
    zone,
    request,
    findLabel,
    class: classText(classOf ? (options.class as number) : request.question.class),
    type: typeText(typeOf ? (options.type as number) : request.question.type),
  };
  if (patterns.length === 0) return template.evaluate({ ...common, pattern: '.*', match: WHOLE(name) });
  for (const { source, matcher } of patterns) {
    const match = matcher.find(name);
    if (match !== undefined) return template.evaluate({ ...common, pattern: source, match });
  }
  return undefined;
}

function labelsOf(matched: Matched, request: Request, { view }: TemplateTools): string[] {
  return [serverOf(request), matched.zone, view, matched.class, matched.type];
}

function makeReply(
  template: CompiledTemplate,
  matched: Matched,
  request: Request,
  tools: TemplateTools,
  counters: Counters,
): MaybePromise<Outcome> {
  const { options } = template;
  const made: Record<'answer' | 'additional' | 'authority', ResourceRecord[]> = {
    answer: [],
    additional: [],
    authority: [],
  };
  for (const section of ['answer', 'additional', 'authority'] as const) {
    for (const record of template[section]) {
      const result = record.make(matched);
      if (result.ok) made[section].push(result.value);
      else return failed(section, record, result.error, labelsOf(matched, request, tools), counters);
    }
  }
  const reply: Reply = {
    ...emptyReply(options.rcode),
    ...made,
    isAuthoritative: true,
    isLowerCase: true,
    // As the peer has it, its OPT has DO set, and none of the client's options.
    ...(options.extendedError && { ede: options.extendedError, isDnssecOk: true, ednsOptions: [] }),
  };
  return followAliases(reply, request, tools.askServer);
}

function failed(
  section: string,
  { text }: RecordTemplate,
  error: { readonly kind: 'template' | 'record'; readonly why: string },
  labels: readonly string[],
  { templateFailures, recordFailures }: Counters,
): Reply {
  (error.kind === 'template' ? templateFailures : recordFailures).add([...labels, section, text]);
  return emptyReply(Rcode.SERVFAIL, `plugin/template: ${error.why}`);
}

/** Behind each CNAME of the answer, what the server itself has for its target. */
function followAliases(reply: Reply, request: Request, askServer: AskServer): MaybePromise<Outcome> {
  const { type } = request.question;
  const isAddress = type === RRType.A || type === RRType.AAAA;
  if (!isAddress || !reply.answer.some((record) => record.rdata.type === 'CNAME')) return reply;
  return (async () => {
    const answer: ResourceRecord[] = [];
    let isTruncated = false;
    const { packet: _, ...rest } = request;
    for (const record of reply.answer) {
      answer.push(record);
      if (record.rdata.type !== 'CNAME') continue;
      const { target } = record.rdata;
      const found = await askServer({ ...rest, question: { ...request.question, name: target, spelling: target } });
      if (found?.kind !== 'reply') continue;
      answer.push(...found.answer);
      isTruncated ||= found.isTruncated === true;
    }
    return { ...reply, answer, ...(isTruncated && { isTruncated }) };
  })();
}
