/** The servers of one `forward` stanza, and how a question finds the one that answers it. */
import type { ForwardOptions } from '../../corefile/config.ts';
import type { MessageEncoder } from '../../dns/encode.ts';
import { Rcode, RRType } from '../../dns/rrset.ts';
import type { Logger } from '../../logger.ts';
import { type ExtendedError, emptyReply, type Reply, type Request } from '../chain.ts';
import type { FindAddresses } from './host-names.ts';
import { passReply } from './passed-reply.ts';
import { createPolicy, type Policy } from './policy.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';
import { encodeProbe, encodeQuery } from './query-message.ts';
import { type ServerTools, UpstreamServer } from './server.ts';
import type { TlsSettings } from './stream-exchange.ts';
import type { NamedTarget, Target } from './targets.ts';

/** For one question in all, seconds. */
const DEADLINE = 5;
/** Servers are asked so often for one question, when nothing else is said. */
const ATTEMPTS_PER_SERVER = 2;
/** … and when it is said that there is no limit: a server that refuses at once would be asked without end. */
const MAX_ATTEMPTS = 100;
/** Questions in work, whatever the Corefile says. */
const MAX_IN_WORK = 20_000;
/** Between two attempts to find the addresses of a name, milliseconds. */
const LOOKUP_EVERY_MS = 5000;

/** RFC 8914 §4.23, §4.24. */
const NO_REACHABLE_AUTHORITY = 22;
const NETWORK_ERROR = 23;

const WRITER = 'forward';

export interface ForwarderOptions {
  readonly forward: ForwardOptions;
  readonly targets: readonly (Target | NamedTarget)[];
  readonly tls: Omit<TlsSettings, 'serverName'>;
  readonly findAddresses: FindAddresses;
  readonly metrics: ProxyMetrics;
  readonly logger: Logger;
  readonly encoder: MessageEncoder;
}

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #tools: ServerTools;
  readonly #policy: Policy;
  /** Of each target: none as long as its addresses are not known. */
  readonly #found: UpstreamServer[][];
  #servers: readonly UpstreamServer[];
  /** Questions in work, by their octets. */
  readonly #inWork = new Map<string, Promise<Reply>>();
  readonly #lookups = new Set<() => void>();
  #count = 0;
  #isClosed = false;

  constructor(options: ForwarderOptions, tools: ServerTools) {
    this.#options = options;
    this.#tools = tools;
    this.#policy = createPolicy(options.forward.policy, tools.random);
    this.#found = options.targets.map((target) => (target.kind === 'name' ? [] : [this.#open(target)]));
    this.#servers = this.#found.flat();
    options.targets.forEach((target, at) => {
      if (target.kind === 'name') void this.#lookUp(target, at);
    });
  }

  /** The reply of a server, or one of ours with a `failure` that says why there is none. */
  async ask(request: Request): Promise<Reply> {
    const { forward, metrics } = this.#options;
    const limit = forward.maxConcurrent > 0 ? Math.min(forward.maxConcurrent, MAX_IN_WORK) : MAX_IN_WORK;
    if (this.#count >= limit) {
      metrics.countRejected();
      return { ...emptyReply(Rcode.REFUSED, `concurrent queries exceeded maximum ${limit}`), writer: '' };
    }
    this.#count += 1;
    try {
      return await this.#share(request);
    } finally {
      this.#count -= 1;
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const cancel of this.#lookups) cancel();
    for (const server of this.#servers) server.close();
  }

  /**
   * Equal questions at one time are sent once: more of them in work would be as many more chances for who forges replies
   * (RFC 5452 §5).
   */
  #share(request: Request): Promise<Reply> {
    const query = encodeQuery(this.#options.encoder, request);
    const isTcp = this.#isTcp(request);
    // `loop` has to see its question as often as it comes round.
    if (request.question.type === RRType.HINFO) return this.#exchange(request, query, isTcp);
    const key = `${isTcp ? 't' : 'u'}${query.toString('latin1', 2)}`;
    const other = this.#inWork.get(key);
    if (other !== undefined) {
      this.#options.metrics.countShared();
      return other;
    }
    const reply = this.#exchange(request, query, isTcp).finally(() => this.#inWork.delete(key));
    this.#inWork.set(key, reply);
    return reply;
  }

  #isTcp(request: Request): boolean {
    const { forceTcp, preferUdp } = this.#options.forward;
    return forceTcp || (!preferUdp && request.transport !== 'udp');
  }

  async #exchange(request: Request, query: Buffer, isTcp: boolean): Promise<Reply> {
    const { forward, metrics } = this.#options;
    const { now } = this.#tools;
    const deadline = now() + DEADLINE;
    const servers = this.#policy(this.#servers);
    const limit = forward.maxConnectAttempts ?? ATTEMPTS_PER_SERVER * servers.length;
    let why = this.#servers.length === 0 ? 'no upstream has an address yet' : 'no healthy proxies';
    let ede: ExtendedError = { code: NO_REACHABLE_AUTHORITY, text: why };
    let at = 0;
    let down = 0;
    let passedOver = 0;
    for (let attempts = 0; servers.length > 0 && attempts < (limit || MAX_ATTEMPTS) && now() < deadline; ) {
      if (at >= servers.length) {
        at = 0;
        down = 0;
      }
      let server = servers[at] as UpstreamServer;
      at += 1;
      if (server.health.isDown) {
        down += 1;
        if (down < servers.length) continue;
        metrics.countBroken();
        if (forward.failfastAllUnhealthy) break;
        // Rather the probes are wrong than all servers.
        server = servers[Math.floor(this.#tools.random() * servers.length)] as UpstreamServer;
      }
      const reply = await this.#askServer(server, request, query, isTcp, deadline);
      if (typeof reply === 'string') {
        why = reply;
        // Without the address that this server had there.
        ede = { code: NETWORK_ERROR, text: `${server.label}: ${reply.slice(reply.lastIndexOf(': ') + 1).trim()}` };
        server.health.check();
        attempts += 1;
        if (down >= servers.length) break;
        continue;
      }
      if (forward.failover.includes(reply.rcode) && ++passedOver < servers.length) continue;
      return reply;
    }
    return { ...emptyReply(Rcode.SERVFAIL, why), ede, writer: '' };
  }

  /** @returns why there is no reply, if there is none */
  async #askServer(
    server: UpstreamServer,
    request: Request,
    query: Buffer,
    isTcp: boolean,
    deadline: number,
  ): Promise<Reply | string> {
    const { forward, metrics } = this.#options;
    const { now } = this.#tools;
    const started = now();
    const timeoutMs = Math.min(forward.readTimeoutMs, (deadline - started) * 1000);
    const result = await server.ask(query, isTcp, timeoutMs);
    if (!result.ok) return result.error;
    const isDatagram = server.isDatagram(isTcp);
    const reply = passReply(result.value, request, isDatagram, WRITER);
    if (reply === 'malformed') {
      metrics.countFault(server.label, 'malformed');
      return `${server.label}: malformed reply`;
    }
    if (reply === 'mismatch') {
      metrics.countFault(server.label, 'mismatch');
      return { ...emptyReply(Rcode.FORMERR), writer: WRITER };
    }
    metrics.countReply(server.label, reply.rcode, now() - started);
    const isAskedAgain = reply.isTruncated === true && forward.preferUdp && isDatagram && now() < deadline;
    return isAskedAgain ? this.#askServer(server, request, query, true, deadline) : reply;
  }

  #open(target: Target): UpstreamServer {
    const { forward, tls, metrics, encoder } = this.#options;
    const { domain, recursion } = forward.healthCheck;
    const probe = encodeProbe(encoder, domain, recursion);
    return new UpstreamServer(target, { forward, tls, probe, metrics }, this.#tools);
  }

  /** Finds the addresses of a name, and tries until it has some. */
  async #lookUp(target: NamedTarget, at: number): Promise<void> {
    const { findAddresses, logger } = this.#options;
    const { transport, name, port } = target;
    try {
      const addresses = await findAddresses(name);
      if (this.#isClosed) return;
      const serverName =
        target.serverName ?? (transport === 'tls' && !this.#options.forward.tlsServerName ? name : undefined);
      this.#found[at] = addresses.map((address) => this.#open({ kind: transport, address, port, serverName }));
      this.#servers = this.#found.flat();
    } catch (error) {
      if (this.#isClosed) return;
      logger.warning(`failed to resolve "${name}": ${error instanceof Error ? error.message : String(error)}`);
      const cancel = this.#tools.timer(() => {
        this.#lookups.delete(cancel);
        void this.#lookUp(target, at);
      }, LOOKUP_EVERY_MS);
      this.#lookups.add(cancel);
    }
  }
}
