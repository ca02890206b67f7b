/** The case files: recorded questions and CoreDNS's answers to them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface EdnsQuery {
  readonly size?: number;
  readonly do?: boolean;
  readonly version?: number;
  readonly nsid?: boolean;
  /** Code, data in hex. */
  readonly options?: readonly (readonly [number, string])[];
}

export interface Query {
  readonly name?: string;
  readonly type?: string;
  readonly class?: string;
  /** Header flags that are set; default `rd`. */
  readonly flags?: readonly string[];
  readonly opcode?: string;
  readonly proto?: 'tcp' | 'udp';
  /** Name of a `{{port:…}}`; default the port of `-dns.port`. */
  readonly port?: string;
  /** Source and destination addresses. */
  readonly from?: string;
  readonly to?: string;
  readonly edns?: EdnsQuery;
  /** The message after the id, hex. */
  readonly raw?: string;
  readonly timeout_ms?: number;
}

export interface TransferQuery {
  readonly zone: string;
  /** The serial that an IXFR client holds; absent: AXFR. */
  readonly serial?: number | 'current';
  readonly from?: string;
}

/** Records as `name ttl class type rdata`. */
export type Section = 'answer' | 'authority' | 'additional';
export const SECTIONS: readonly Section[] = ['answer', 'authority', 'additional'];

/** An answer, as recorded or as observed: fields are absent where there was nothing of the kind. */
export interface Observed {
  readonly rcode?: string;
  readonly aa?: boolean | null;
  readonly tc?: boolean;
  readonly rd?: boolean;
  readonly ra?: boolean;
  readonly ad?: boolean;
  readonly cd?: boolean;
  readonly opcode?: string;
  /** Only where it is not the echo of what was asked. */
  readonly question?: readonly string[];
  readonly answer?: readonly string[];
  readonly authority?: readonly string[];
  readonly additional?: readonly string[];
  readonly edns?: { readonly version: number; readonly size: number; readonly do: boolean; readonly options?: unknown };
  /** Of a transfer: all records, sorted. */
  readonly records?: readonly string[];
  readonly soa_first_last?: boolean;
  /** Of an HTTP request. */
  readonly status?: number;
  readonly body?: string;
  /** Of a server that must not start. */
  readonly exits?: boolean;
  readonly no_answer?: string;
  readonly error?: string;
}

export interface Expected extends Observed {
  /** The whole answer, where the recorded one is truncated. */
  readonly full?: { readonly [section in Section]?: readonly string[] };
  readonly ttl_slack?: number;
  readonly order?: 'exact';
  /** Any answer will do. */
  readonly any?: boolean;
}

/** One question with its recorded answer. */
export interface Question {
  readonly query?: Query;
  readonly axfr?: TransferQuery;
  readonly http?: { readonly port: string; readonly path: string };
  readonly expect: Expected;
  /** Why the recorded answer is wrong; then those in `alt` pass as well. */
  readonly peer_bug?: string;
  readonly alt?: readonly Expected[];
}

export interface Step extends Partial<Question> {
  readonly start?: 'fails';
  readonly pipeline?: readonly Question[];
  readonly apply?: { readonly cluster: string; readonly objects: readonly Record<string, unknown>[] };
  readonly control?: { readonly cluster: string; readonly op: string };
  readonly write?: { readonly file: string; readonly text: string };
  readonly signal?: NodeJS.Signals;
  readonly wait_ms?: number;
  /** After a change: how long the recorded server took to settle. */
  readonly settle_ms?: number;
  /** Ask a single time, also after a change. */
  readonly once?: boolean;
}

export type Probe = Query & { readonly any_rcode?: boolean };

export interface Case {
  readonly name: string;
  readonly group: string;
  readonly about: string;
  readonly corefile: string;
  /** Fixture file of each cluster. */
  readonly clusters?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  /** Addresses with prefix length that the host must have. */
  readonly addrs?: readonly string[];
  readonly probes?: readonly Probe[];
  readonly start?: 'fails';
  readonly steps: readonly Step[];
}

const FOLDER = import.meta.dirname;

/** All cases of a folder, by group and name. */
export function loadCases(folder = join(FOLDER, 'cases')): Case[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return files.sort().map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Case);
}

/** The objects of a fixture, as text. */
export function readFixture(path: string): string {
  return readFileSync(join(FOLDER, path), 'utf8');
}

/** The questions of a step, in the order in which their answers come. */
export function questionsOf(step: Step): readonly Question[] {
  if (step.pipeline !== undefined) return step.pipeline;
  return step.expect === undefined ? [] : [{ ...step, expect: step.expect }];
}

/** Does the step change what the server should answer? */
export function isChange(step: Step): boolean {
  return [step.apply, step.control, step.write, step.signal].some((part) => part !== undefined);
}
