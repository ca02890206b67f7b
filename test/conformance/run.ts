/** Runs one case: its steps in order, and what was wrong with each answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Case, isChange, type Observed, type Probe, type Question, questionsOf, type Step } from './case.ts';
import { faultsOf } from './compare.ts';
import { ask, askPipeline, getHttp, transfer } from './exchange.ts';
import { Rig } from './rig.ts';
import type { ServerProcess } from './server.ts';

export interface QuestionResult {
  readonly step: number;
  readonly question: string;
  /** None: passed. */
  readonly faults: readonly string[];
}

export interface CaseResult {
  readonly results: readonly QuestionResult[];
  /** Why the case could not be run to its end. */
  readonly failed?: string;
  readonly questions: number;
}

/** Waited out only where a case fails. */
const READY_TIMEOUT = 60_000;
const REFUSAL_TIMEOUT = 60_000;
/** How long a server is watched that must not end. */
const STAY_TIMEOUT = 8000;
const ASK_AGAIN_AFTER = 50;
/** How long an answer may take to follow a change, ms. */
const SETTLE_TIMEOUT = 15_000;
/** The same, once several questions of the case ran into it. */
const SHORT_SETTLE_TIMEOUT = 500;
const MAX_LATE_QUESTIONS = 3;

/**
 * @param server started or not
 * @param command that starts it, without options
 */
export async function runCase(wanted: Case, server: ServerProcess, command: readonly string[]): Promise<CaseResult> {
  const results: QuestionResult[] = [];
  const questions = wanted.steps.reduce((sum, step) => sum + questionsOf(step).length, 0);
  const rig = await Rig.start(wanted, server, command);
  if (typeof rig === 'string') return { results, questions, failed: rig };
  try {
    if (wanted.start === 'fails') return { results: [await runRefusal(wanted, server)], questions };
    const why = await waitUntilReady(wanted, rig);
    if (why !== undefined) return { results, questions, failed: why };
    await runSteps(wanted, rig, results);
    if (server.exitCode === undefined) return { results, questions };
    return { results, questions, failed: `the server died with ${server.exitCode}: ${server.log}` };
  } finally {
    await rig.close();
  }
}

/** The server must not start with this Corefile. */
async function runRefusal(wanted: Case, server: ServerProcess): Promise<QuestionResult> {
  const exits = wanted.steps[0]?.expect?.exits;
  await server.endsWithin(exits === false ? STAY_TIMEOUT : REFUSAL_TIMEOUT);
  const got = { exits: server.exitCode !== undefined && server.exitCode !== 0 };
  const isSame = exits === got.exits;
  return { step: 0, question: 'start', faults: isSame ? [] : [`start: exited with ${server.exitCode}: ${server.log}`] };
}

/** Each probe must get an answer that is not SERVFAIL. Returns why it got none. */
async function waitUntilReady(wanted: Case, rig: Rig): Promise<string | undefined> {
  const { server } = rig;
  const end = performance.now() + READY_TIMEOUT;
  for (const { any_rcode, raw: _raw, from: _from, opcode: _opcode, edns: _edns, class: _class, ...probe } of probesOf(
    wanted,
  )) {
    for (;;) {
      if (server.exitCode !== undefined) return `the server exited with ${server.exitCode}: ${server.log}`;
      const got = await ask({ ...probe, timeout_ms: 500 }, (name) => rig.port(name));
      if (got.rcode !== undefined && (got.rcode !== 'SERVFAIL' || any_rcode)) break;
      if (performance.now() > end) return `not ready after ${READY_TIMEOUT} ms (${JSON.stringify(got)}): ${server.log}`;
      await sleep(ASK_AGAIN_AFTER);
    }
  }
  return undefined;
}

function probesOf(wanted: Case): readonly Probe[] {
  if (wanted.probes?.length) return wanted.probes;
  const first = wanted.steps.find((step) => step.query?.name !== undefined)?.query;
  if (first !== undefined) return [first];
  const zone = wanted.steps.find((step) => step.axfr !== undefined)?.axfr?.zone;
  return [zone === undefined ? { name: '.', any_rcode: true } : { name: zone, type: 'SOA' }];
}

async function runSteps(wanted: Case, rig: Rig, results: QuestionResult[]): Promise<void> {
  // A slow machine takes longer than the five seconds for which a start waits, and the probes don't tell of all clusters.
  const syncedBy = performance.now() + (rig.server.isUnsynced ? READY_TIMEOUT : 0);
  let isChanged = false;
  let patience = 0;
  let lateQuestions = 0;
  for (const [at, step] of wanted.steps.entries()) {
    if (isChange(step)) {
      isChanged = true;
      const patient = Math.max(SETTLE_TIMEOUT, (step.settle_ms ?? 0) * 2.5);
      patience = lateQuestions < MAX_LATE_QUESTIONS ? patient : SHORT_SETTLE_TIMEOUT;
      await change(step, rig);
    }
    if (step.wait_ms !== undefined) await sleep(step.wait_ms);
    const questions = questionsOf(step);
    const answers = await answersTo(step, questions, rig);
    for (const [i, question] of questions.entries()) {
      let faults = faultsOf(question, answers[i] ?? {}, wanted.corefile);
      const settledBy = performance.now() + (step.once || step.pipeline ? 0 : patience);
      while (faults.length > 0 && performance.now() < (isChanged ? settledBy : syncedBy)) {
        await sleep(ASK_AGAIN_AFTER);
        const [again = {}] = await answersTo(step, [question], rig);
        faults = faultsOf(question, again, wanted.corefile);
      }
      if (faults.length > 0 && patience > 0) {
        // A server that does not follow changes should not cost minutes.
        lateQuestions += 1;
        if (lateQuestions >= MAX_LATE_QUESTIONS) patience = SHORT_SETTLE_TIMEOUT;
      }
      const asked = question.query ?? question.axfr ?? question.http;
      results.push({ step: at, question: JSON.stringify(asked), faults });
    }
  }
}

async function change(step: Step, rig: Rig): Promise<void> {
  if (step.apply !== undefined) rig.apply(step.apply.cluster, step.apply.objects);
  if (step.control !== undefined) await rig.control(step.control.cluster, step.control.op);
  if (step.write !== undefined) rig.write(step.write.file, step.write.text);
  if (step.signal !== undefined) rig.server.signal(step.signal);
}

async function answersTo(step: Step, questions: readonly Question[], rig: Rig): Promise<readonly Observed[]> {
  const portOf = (name: string) => rig.port(name);
  if (step.pipeline !== undefined)
    return askPipeline(
      questions.map((question) => question.query ?? {}),
      portOf,
    );
  return Promise.all(
    questions.map(({ query, axfr, http }) => {
      if (query !== undefined) return ask(query, portOf);
      if (axfr !== undefined) return transfer(axfr, portOf);
      return http === undefined ? {} : getHttp(rig.port(http.port), http.path);
    }),
  );
}
