/** A `forward` plugin with real sockets and a clock of its own. */
import type { TestContext } from 'node:test';
import { MessageEncoder } from '../../src/dns/encode.ts';
import { createLogger } from '../../src/logger.ts';
import { emptyReply, type Handler, type Outcome, type Request } from '../../src/serve/chain.ts';
import { createForward } from '../../src/serve/plugins/forward.ts';
import { Forwarder } from '../../src/serve/upstream/forwarder.ts';
import type { FindAddresses } from '../../src/serve/upstream/host-names.ts';
import { createProxyMetrics } from '../../src/serve/upstream/proxy-metrics.ts';
import type { TlsSettings } from '../../src/serve/upstream/stream-exchange.ts';
import { listTargets } from '../../src/serve/upstream/targets.ts';
import { optionsOf } from './corefile.ts';
import { FakeClock } from './fake-clock.ts';
import { type Answerer, addressReply, startUpstream, type Upstream } from './upstream.ts';

export interface Forwarding {
  readonly handler: Handler;
  readonly clock: FakeClock;
  readonly lines: string[];
  /** What comes back; `next` is REFUSED by a plugin named `next`. */
  ask(request: Request): Promise<string>;
  outcome(request: Request): Promise<Outcome>;
  /** The sum of a counter's samples, of those that have all these labels. */
  count(name: string, ...labels: readonly string[]): number;
}

const NO_TLS = { ca: undefined, cert: undefined, key: undefined };

/** @param corefile the `forward` directives */
export function forwarding(
  corefile: string,
  parts: {
    readonly tls?: Omit<TlsSettings, 'serverName'>;
    readonly findAddresses?: FindAddresses;
    readonly random?: () => number;
  } = {},
): Forwarding {
  const clock = new FakeClock();
  const lines: string[] = [];
  const metrics = createProxyMetrics('forward');
  const encoder = new MessageEncoder();
  const stanzas = (optionsOf(corefile).forward ?? []).map((forward) => ({
    options: forward,
    forwarder: new Forwarder(
      {
        forward,
        targets: listTargets(forward, () => ''),
        tls: parts.tls ?? NO_TLS,
        findAddresses: parts.findAddresses ?? (() => Promise.reject(new Error('no names'))),
        metrics,
        logger: createLogger((line) => lines.push(line)),
        encoder,
      },
      { random: parts.random ?? Math.random, now: clock.now, timer: clock.timer },
    ),
  }));
  const handler = createForward(stanzas, () => metrics.snapshot());
  const outcome = async (request: Request) => handler.handle(request, () => ({ ...emptyReply(5), writer: 'next' }));
  return {
    handler,
    clock,
    lines,
    outcome,
    async ask(request) {
      const reply = await outcome(request);
      if (reply.kind !== 'reply') return reply.kind;
      if (reply.writer === 'next') return 'next';
      const addresses = reply.answer.map(({ rdata }) => (rdata.type === 'A' ? rdata.address : rdata.type));
      return [reply.rcode, ...(reply.isTruncated ? ['TC'] : []), ...addresses].join(' ');
    },
    count(name, ...labels) {
      const family = metrics.snapshot().find((one) => one.name === name);
      if (!family) throw new Error(`no metric ${name}`);
      let sum = 0;
      for (const sample of family.samples) {
        if (!labels.every((label) => sample.labels.includes(label))) continue;
        const { value } = sample;
        sum += typeof value === 'number' ? value : value.counts.reduce((a, b) => a + b, 0);
      }
      return sum;
    },
  };
}

/** As `forwarding`, until the end of the test. */
export function forwardingOf(t: TestContext, ...args: Parameters<typeof forwarding>): Forwarding {
  const made = forwarding(...args);
  t.after(() => {
    made.handler.close?.();
    // Who still waits for a reply waits no longer.
    made.clock.advance(10_000);
  });
  return made;
}

/** A server to forward to, until the end of the test. */
export async function upstreamOf(t: TestContext, answer: Answerer = (asked) => addressReply(asked)): Promise<Upstream> {
  const upstream = await startUpstream(answer);
  t.after(() => upstream.stop());
  return upstream;
}
