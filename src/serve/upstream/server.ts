/** One server that questions are forwarded to: its sockets, by transport, and its health. */
import type { ForwardOptions } from '../../corefile/config.ts';
import { DohExchange } from './doh-exchange.ts';
import type { Exchange, ExchangeOptions, ExchangeResult, ExchangeTools } from './exchange.ts';
import { Health } from './health.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';
import { StreamExchange, type TlsSettings, tcpConnector, tlsConnector } from './stream-exchange.ts';
import { labelOf, type Target } from './targets.ts';
import { UdpExchange } from './udp-exchange.ts';

/** A probe has to be answered in this time, milliseconds. */
const PROBE_MS = 1000;

export interface ServerOptions {
  readonly forward: ForwardOptions;
  /** Without a name: that is the server's. */
  readonly tls: Omit<TlsSettings, 'serverName'>;
  /** The question that a server is probed with. */
  readonly probe: Buffer;
  readonly metrics: ProxyMetrics;
}

export type ServerTools = Omit<ExchangeTools, 'counts'>;

export class UpstreamServer {
  /** As in metrics. */
  readonly label: string;
  readonly health: Health;
  readonly #overUdp: Exchange;
  readonly #overTcp: Exchange;

  constructor(target: Target, { forward, tls, probe, metrics }: ServerOptions, tools: ServerTools) {
    this.label = labelOf(target);
    const { label } = this;
    const exchangeTools: ExchangeTools = {
      ...tools,
      counts: {
        countSocket: (proto, isReused) => metrics.countSocket(label, proto, isReused),
        countStray: () => metrics.countFault(label, 'stray'),
      },
    };
    const exchanges = openExchanges(target, forward, tls, exchangeTools);
    this.#overUdp = exchanges.udp;
    this.#overTcp = exchanges.tcp;
    this.health = new Health({
      probe: async () => (await this.ask(probe, forward.forceTcp, PROBE_MS)).ok,
      intervalMs: forward.healthCheck.intervalMs,
      maxFails: forward.maxFails,
      timer: tools.timer,
      onFailure: () => metrics.countFailedProbe(label),
    });
  }

  /** @param isTcp as against UDP; where the server is asked by TLS or HTTPS, it is so in either case */
  ask(query: Buffer, isTcp: boolean, timeoutMs: number): Promise<ExchangeResult> {
    return (isTcp ? this.#overTcp : this.#overUdp).ask(query, timeoutMs);
  }

  /** Do questions go by datagrams? */
  isDatagram(isTcp: boolean): boolean {
    return (isTcp ? this.#overTcp : this.#overUdp).proto === 'udp';
  }

  close(): void {
    this.health.close();
    this.#overUdp.close();
    this.#overTcp.close();
  }
}

function openExchanges(
  target: Target,
  forward: ForwardOptions,
  tls: Omit<TlsSettings, 'serverName'>,
  tools: ExchangeTools,
): { readonly udp: Exchange; readonly tcp: Exchange } {
  const { expireMs, dohMethod: method } = forward;
  if (target.kind === 'https') {
    const settings = { ...tls, serverName: forward.tlsServerName };
    const only = new DohExchange({ url: target.url, method, tls: settings, expireMs }, tools);
    return { udp: only, tcp: only };
  }
  const { address, port, serverName } = target;
  const options: ExchangeOptions = {
    address,
    port,
    sourceAddress: forward.sourceAddress,
    expireMs,
    maxAgeMs: forward.maxAgeMs,
    maxIdle: forward.maxIdleConns,
  };
  if (target.kind === 'tls') {
    const settings = { ...tls, serverName: serverName ?? forward.tlsServerName };
    const only = new StreamExchange(tlsConnector(options, settings), options, tools);
    return { udp: only, tcp: only };
  }
  return {
    udp: new UdpExchange(options, tools),
    tcp: new StreamExchange(tcpConnector(options), options, tools),
  };
}
