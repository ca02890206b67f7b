/** `/health`, `/ready` and `/metrics` as the Corefile asks for them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlockOptions, Config } from '../corefile/config.ts';
import { OperatorError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { createCounters, type MetricsSnapshot, mergeSnapshots } from '../metrics.ts';
import { createHttp, type HttpEndpoint, type Readiness } from '../serve/http.ts';
import { formatGoDuration } from '../serve/plugins/errors.ts';
import { readWebConfig } from '../serve/secure/web-config.ts';

export interface HttpSideOptions {
  /** Everything that the threads counted. */
  readonly metrics: () => Promise<MetricsSnapshot>;
  /** Plugins that wait for something, and what. */
  readonly unready: () => readonly { readonly plugin: string; readonly reason: string }[];
  /** More for `/ready?verbose`: what is wrong though answers are given. */
  readonly troubles: () => readonly string[];
  /** Does the server answer queries? */
  readonly isServing: () => boolean;
  /** Seconds, monotonic. */
  readonly now: () => number;
  readonly logger: Logger;
}

export interface HttpSide {
  /** Goes over to the endpoints of a configuration. @throws OperatorError; then all is as before */
  configure(config: Config): Promise<void>;
  countFailedReload(): void;
  /** `/ready` closes, `/health` goes on for as long as its `lameduck` says. */
  lameDuck(config: Config): Promise<void>;
  stop(): Promise<void>;
}

const PROBE_EVERY_MS = 1_000;

export function createHttpSide(options: HttpSideOptions): HttpSide {
  const reloads = createCounters('coredns_reload_failed_total', 'Reloads that failed.');
  /** Plugins that were ready once: a probe asks them no more, unless it is to go on (`monitor continuously`). */
  const wasReady = new Set<string>();
  let isContinuous = false;

  const readiness = (): Readiness => {
    const waiting = options.unready();
    const unready = waiting.filter(({ plugin }) => isContinuous || !wasReady.has(plugin));
    if (options.isServing() && waiting.length === 0)
      wasReady.add('kubernetes').add('kubernetai').add('multicluster').add('k8s_gateway');
    const names = [...new Set(unready.map(({ plugin }) => plugin))];
    return {
      unready: options.isServing() ? names : [...names, 'server'].slice(0, Math.max(1, names.length)),
      details: [...waiting.map(({ plugin, reason }) => `${plugin}: ${reason}`), ...options.troubles()],
    };
  };
  const servers = createHttp({
    readiness,
    metrics: async () => mergeSnapshots([await options.metrics(), servers.snapshot(), [reloads.family()]]),
    now: options.now,
    logger: options.logger,
  });
  const probe = setInterval(() => void servers.probe(), PROBE_EVERY_MS);
  probe.unref();

  return {
    async configure(config) {
      isContinuous = config.serverBlocks.some((block) => block.options.ready?.monitor === 'continuously');
      const result = await servers.configure(endpointsOf(config));
      if (!result.ok) throw new OperatorError(result.error);
    },
    countFailedReload: () => reloads.add([]),
    async lameDuck(config) {
      await servers.closeReady();
      const times = config.serverBlocks.flatMap((block) => block.options.health ?? []).map((h) => h.lameduckMs);
      const longest = Math.max(0, ...times);
      if (longest === 0) return;
      options.logger.forPlugin('health').info(`Going into lameduck mode for ${formatGoDuration(longest)}`);
      await sleep(longest);
    },
    async stop() {
      clearInterval(probe);
      await servers.stop();
    },
  };
}

function endpointsOf(config: Config): HttpEndpoint[] {
  const endpoints = config.serverBlocks.flatMap(({ options }): HttpEndpoint[] => [
    ...(options.health ? [{ kind: 'health' as const, address: options.health.address }] : []),
    ...(options.ready ? [{ kind: 'ready' as const, address: options.ready.address }] : []),
    ...(options.prometheus ? [metricsEndpoint(options.prometheus)] : []),
  ]);
  const distinct = new Map(endpoints.map((endpoint) => [`${endpoint.kind} ${endpoint.address}`, endpoint]));
  return [...distinct.values()];
}

/** @throws OperatorError when the file of its `tls` can't be used */
function metricsEndpoint({ address, webConfig }: NonNullable<BlockOptions['prometheus']>): HttpEndpoint {
  const secure = webConfig === undefined ? undefined : readWebConfig(webConfig);
  return { kind: 'metrics', address, ...(secure && { secure }) };
}
