/**
 * Tells secondaries of new versions (RFC 1996): once for many versions in a row, again and again until it is answered,
 * and never so that anything waits for it. No socket in here.
 */
import type { NotifyTiming } from '../corefile/config.ts';
import { canonicalAddress, unmapAddress } from '../dns/address.ts';
import { Flag, MessageEncoder, MIN_UDP } from '../dns/encode.ts';
import type { DomainName } from '../dns/name.ts';
import { Opcode } from '../dns/query.ts';
import { Rcode, RRClass, RRType } from '../dns/rrset.ts';
import type { Serial } from '../dns/serial.ts';
import { ReplyVerifier, type SignedRequest, signRequest } from '../dns/tsig-client.ts';
import type { TsigKey } from '../dns/tsig-key.ts';
import { rcodeText } from '../dns/type-text.ts';
import { type Message, readMessage } from '../dns/wire.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { Logger } from '../logger.ts';
import { createCounters, type MetricsSnapshot } from '../metrics.ts';
import type { SoaRecord } from '../projection/diff.ts';
import { Secondaries } from './secondaries.ts';

/** Who is told. */
export interface NotifyTarget {
  readonly address: string;
  readonly port: number;
  /** Signs what is sent; the answer must be signed with it too. */
  readonly key?: TsigKey;
  /** The address to send from; absent: the system chooses. */
  readonly source?: string;
}

export interface NotifyZone {
  readonly zone: ZoneId;
  readonly apex: DomainName;
  readonly timing: NotifyTiming;
  readonly targets: readonly NotifyTarget[];
}

export interface NotifierOptions {
  /** Sends a datagram; that it fails is no more than that it is lost. */
  readonly send: (message: Uint8Array, target: NotifyTarget) => void;
  /** Calls back once after so many milliseconds. @returns what takes it back */
  readonly after: (milliseconds: number, callback: () => void) => () => void;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Unix seconds. */
  readonly clock: () => number;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
  readonly logger: Logger;
}

/** Milliseconds until the first is sent again; doubled each time, up to the second. */
const RETRY_AFTER = 1000;
const RETRY_AFTER_MOST = 60_000;
/** Milliseconds without an answer to anything after which a target is said to be silent: five tries of one version. */
const SILENT_AFTER = 31_000;
/** Versions whose answer may still come, the one that is being told among them: an answer may take longer than a change. */
const MAX_OPEN = 8;

interface Attempt {
  readonly id: number;
  readonly serial: Serial;
  readonly message: Uint8Array;
  readonly signed: SignedRequest | undefined;
  tries: number;
  cancel: () => void;
}

interface TargetState {
  readonly target: NotifyTarget;
  acknowledged: Serial | undefined;
  /** Without an answer so far, from the oldest to the newest; only that one is sent again. */
  attempts: readonly Attempt[];
  /** When the first message since the last answer was sent; undefined: it has been answered. */
  silentSince: number | undefined;
  /** What was last logged of it. */
  isFailing: boolean;
}

interface ZoneState {
  definition: NotifyZone;
  newest: SoaRecord | undefined;
  /** Until the targets are told. */
  waiting: { readonly since: number; readonly cancel: () => void } | undefined;
  targets: Map<string, TargetState>;
}

export class Notifier {
  readonly #options: NotifierOptions;
  readonly #encoder = new MessageEncoder();
  readonly #zones = new Map<ZoneId, ZoneState>();
  /** What an answer is known by. */
  readonly #open = new Map<
    string,
    { readonly zone: ZoneState; readonly state: TargetState; readonly attempt: Attempt }
  >();
  readonly #sent = createCounters('zonelog_notify_sent_total', 'NOTIFY messages sent.', ['zone', 'target']);
  readonly #results = createCounters(
    'zonelog_notify_results_total',
    'What became of notifying a target of a version.',
    ['zone', 'target', 'result'],
  );
  readonly secondaries: Secondaries;

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.secondaries = new Secondaries(options.clock);
  }

  /** Goes over to these zones, all that are served, and their targets; those that stay keep what is known of them. */
  configure(zones: readonly NotifyZone[]): void {
    const ids = new Set(zones.map(({ zone }) => zone));
    for (const [id, zone] of this.#zones) {
      if (ids.has(id)) continue;
      zone.waiting?.cancel();
      for (const state of zone.targets.values()) this.#endAttempts(state, 0);
      this.#zones.delete(id);
      this.secondaries.drop(id);
    }
    for (const definition of zones) {
      const zone = this.#zoneState(definition.zone, definition);
      zone.definition = definition;
      const targets = new Map<string, TargetState>();
      for (const target of definition.targets) {
        const key = targetKey(target);
        const old = zone.targets.get(key);
        // A secret may have changed under its name.
        if (old !== undefined) this.#endAttempts(old, 0);
        targets.set(key, {
          target,
          acknowledged: old?.acknowledged,
          attempts: [],
          silentSince: old?.silentSince,
          isFailing: old?.isFailing ?? false,
        });
      }
      for (const [key, state] of zone.targets) if (!targets.has(key)) this.#endAttempts(state, 0);
      zone.targets = targets;
      this.secondaries.expect(definition.zone, definition.targets);
      if (zone.newest !== undefined) this.publish(definition.zone, zone.newest);
    }
    // Secondaries that are pods have new addresses all the time.
    const told = new Set<string>();
    for (const { definition, targets } of this.#zones.values())
      for (const state of targets.values()) told.add(`${definition.apex} ${nameOf(state)}`);
    for (const counters of [this.#sent, this.#results])
      counters.keepOnly(([zone, target]) => told.has(`${zone} ${target}`));
  }

  /** A version is there to be transferred. */
  publish(id: ZoneId, soa: SoaRecord): void {
    const zone = this.#zoneState(id, undefined);
    zone.newest = soa;
    if (zone.targets.size === 0) return;
    const now = this.#options.now();
    const since = zone.waiting?.since ?? now;
    zone.waiting?.cancel();
    const { delayMs, maxMs } = zone.definition.timing;
    const wait = Math.max(0, Math.min(delayMs, since + maxMs - now));
    zone.waiting = { since, cancel: this.#options.after(wait, () => this.#tellAll(zone)) };
  }

  /** Takes a datagram that came back. What is no answer to anything is dropped. */
  receive(packet: Uint8Array, from: { readonly address: string; readonly port: number }): void {
    const message = readMessage(packet);
    if (message === undefined || !message.isResponse || message.opcode !== Opcode.NOTIFY) return;
    const address = canonicalAddress(unmapAddress(from.address.replace(/%.*/, ''))) ?? from.address;
    const found = this.#open.get(openKey(message.id, address, from.port));
    if (found === undefined) return;
    const { zone, state, attempt } = found;
    const [question] = message.questions;
    if (question !== undefined && question.name !== zone.definition.apex) return;
    const problem = this.#problemOf(packet, message, attempt);
    state.silentSince = undefined;
    if (problem !== undefined) {
      // Sent again as if nothing had come: a secondary that starts may not know the zone yet.
      this.#fail(zone, state, 'refused', problem);
      return;
    }
    state.acknowledged = attempt.serial;
    this.secondaries.acknowledge(zone.definition.zone, state.target, attempt.serial);
    // Whoever knows of this version need not be told of those before it.
    this.#endAttempts(state, state.attempts.length - 1 - state.attempts.indexOf(attempt));
    this.#count(zone, state, 'acknowledged');
    if (state.isFailing)
      this.#options.logger.info(`notify for zone "${zone.definition.apex}" is accepted again by ${nameOf(state)}`);
    state.isFailing = false;
  }

  /** @param lagOf as in `Secondaries.snapshot` */
  snapshot(lagOf?: Parameters<Secondaries['snapshot']>[0]): MetricsSnapshot {
    return [this.#sent.family(), this.#results.family(), ...this.secondaries.snapshot(lagOf)];
  }

  /** Takes back all that waits. */
  close(): void {
    this.configure([]);
  }

  #zoneState(id: ZoneId, definition: NotifyZone | undefined): ZoneState {
    let zone = this.#zones.get(id);
    if (zone === undefined) {
      const none: NotifyZone = { zone: id, apex: id as DomainName, timing: { delayMs: 0, maxMs: 0 }, targets: [] };
      zone = { definition: definition ?? none, newest: undefined, waiting: undefined, targets: new Map() };
      this.#zones.set(id, zone);
    }
    return zone;
  }

  #tellAll(zone: ZoneState): void {
    zone.waiting = undefined;
    const { newest } = zone;
    if (newest === undefined) return;
    for (const state of zone.targets.values()) {
      if (state.acknowledged === newest.rdata.serial) continue;
      this.#noteSilence(zone, state);
      state.attempts.at(-1)?.cancel();
      this.#endAttempts(state, MAX_OPEN - 1);
      const attempt = this.#makeAttempt(zone, state, newest);
      state.attempts = [...state.attempts, attempt];
      this.#open.set(openKey(attempt.id, state.target.address, state.target.port), { zone, state, attempt });
      this.#try(zone, state, attempt);
    }
  }

  #makeAttempt(zone: ZoneState, { target }: TargetState, soa: SoaRecord): Attempt {
    const id = this.#freeId(target);
    const { apex } = zone.definition;
    const flags = Flag.AA | (Opcode.NOTIFY << 11);
    const question = { name: apex, spelling: apex, type: RRType.SOA, class: RRClass.IN };
    this.#encoder.begin(id, flags, Rcode.NOERROR, question, MIN_UDP);
    // A hint, which may be left out (RFC 1996 §3.7).
    this.#encoder.add('answer', soa.owner, soa.type, soa.ttl, soa.rdata);
    const message = this.#encoder.finishPart();
    const signed = target.key && signRequest(message, target.key, this.#options.clock());
    return { id, serial: soa.rdata.serial, message: signed?.message ?? message, signed, tries: 0, cancel: () => {} };
  }

  #freeId({ address, port }: NotifyTarget): number {
    const first = Math.floor(this.#options.random() * 65_536);
    let id = first;
    do {
      if (!this.#open.has(openKey(id, address, port))) return id;
      id = (id + 1) & 0xffff;
    } while (id !== first);
    return id;
  }

  #try(zone: ZoneState, state: TargetState, attempt: Attempt): void {
    const { send, after } = this.#options;
    attempt.tries += 1;
    state.silentSince ??= this.#options.now();
    this.#sent.add([zone.definition.apex, nameOf(state)]);
    send(attempt.message, state.target);
    attempt.cancel = after(Math.min(RETRY_AFTER_MOST, RETRY_AFTER * 2 ** (attempt.tries - 1)), () => {
      this.#noteSilence(zone, state);
      this.#try(zone, state, attempt);
    });
  }

  /** Versions may follow on each other so fast that no single one is given the time to be answered. */
  #noteSilence(zone: ZoneState, state: TargetState): void {
    const now = this.#options.now();
    if (state.silentSince === undefined || now - state.silentSince < SILENT_AFTER) return;
    state.silentSince = now;
    this.#fail(zone, state, 'unanswered', 'no answer');
  }

  /** What is wrong with an answer; undefined: nothing. */
  #problemOf(packet: Uint8Array, message: Message, { signed }: Attempt): string | undefined {
    if (signed !== undefined) {
      const verified = new ReplyVerifier(signed.signature, this.#options.clock).verify(packet, message.tsigOffset);
      if (verified !== 'good') return `${rcodeText(message.rcode)}, TSIG: ${verified}`;
    }
    return message.rcode === Rcode.NOERROR ? undefined : rcodeText(message.rcode);
  }

  /** Logged when it begins, not each time. */
  #fail(zone: ZoneState, state: TargetState, result: 'refused' | 'unanswered', problem: string): void {
    this.#count(zone, state, result);
    if (!state.isFailing) {
      this.#options.logger.warning(
        `notify for zone "${zone.definition.apex}" was not accepted by "${nameOf(state)}": ${problem}`,
      );
    }
    state.isFailing = true;
  }

  #count({ definition }: ZoneState, state: TargetState, result: string): void {
    this.#results.add([definition.apex, nameOf(state), result]);
  }

  /** @param left how many of the newest go on */
  #endAttempts(state: TargetState, left: number): void {
    const { attempts, target } = state;
    const ended = attempts.slice(0, Math.max(0, attempts.length - left));
    for (const { id, cancel } of ended) {
      cancel();
      this.#open.delete(openKey(id, target.address, target.port));
    }
    state.attempts = attempts.slice(ended.length);
  }
}

function openKey(id: number, address: string, port: number): string {
  return `${id} ${address} ${port}`;
}

function targetKey({ address, port, key, source = '' }: NotifyTarget): string {
  return `${address} ${port} ${key?.name ?? ''} ${source}`;
}

function nameOf({ target: { address, port } }: TargetState): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
