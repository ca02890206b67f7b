/**
 * Metrics as plain data: each thread counts for itself, hands over a snapshot that can be cloned between threads, and
 * the main thread merges and renders them at a scrape.
 */

/** How the samples with equal labels of several threads become one. */
export type MergeRule = 'sum' | 'max';

export interface HistogramValue {
  /** Upper bounds, ascending; `+Inf` is not among them. */
  readonly bounds: readonly number[];
  /** Observations in each bucket alone (not cumulative); one more than `bounds`: the last is above all bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
}

export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labelNames: readonly string[];
  readonly merge: MergeRule;
  /** `labels` in the order of `labelNames`. */
  readonly samples: readonly { readonly labels: readonly string[]; readonly value: number | HistogramValue }[];
}

/** Everything that one thread counted. Structured-clonable. */
export type MetricsSnapshot = readonly MetricFamily[];

/** Families of one name become one, samples with equal labels become one. Families by ascending name. */
export function mergeSnapshots(snapshots: readonly MetricsSnapshot[]): MetricsSnapshot {
  const families = new Map<string, { head: MetricFamily; samples: Map<string, MetricFamily['samples'][number]> }>();
  for (const family of snapshots.flat()) {
    let merged = families.get(family.name);
    if (!merged) {
      merged = { head: family, samples: new Map() };
      families.set(family.name, merged);
    }
    for (const sample of family.samples) {
      const key = JSON.stringify(sample.labels);
      const other = merged.samples.get(key);
      merged.samples.set(
        key,
        other ? { labels: sample.labels, value: mergeValues(other.value, sample.value, family.merge) } : sample,
      );
    }
  }
  return [...families.values()]
    .map(({ head, samples }) => ({ ...head, samples: [...samples.values()] }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function mergeValues(a: number | HistogramValue, b: number | HistogramValue, rule: MergeRule): number | HistogramValue {
  if (typeof a === 'number' && typeof b === 'number') return rule === 'sum' ? a + b : Math.max(a, b);
  if (typeof a === 'number' || typeof b === 'number') throw new TypeError('a histogram has no single number');
  return { bounds: a.bounds, counts: a.counts.map((count, i) => count + (b.counts[i] ?? 0)), sum: a.sum + b.sum };
}

/** The text exposition format, version 0.0.4, of a merged snapshot. */
export async function renderMetrics(snapshot: MetricsSnapshot): Promise<string> {
  // Only who is scraped needs it.
  const { AggregatorRegistry } = (await import('prom-client')).default;
  return AggregatorRegistry.aggregate([snapshot.map(toPromClient)]).metrics();
}

interface PromClientValue {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The shape that prom-client's own metrics have in `getMetricsAsJSON`. */
function toPromClient(family: MetricFamily): object {
  const values: PromClientValue[] = [];
  for (const { labels: texts, value } of family.samples) {
    const labels = Object.fromEntries(family.labelNames.map((name, i) => [name, texts[i] ?? '']));
    if (typeof value === 'number') {
      values.push({ metricName: family.name, labels, value });
      continue;
    }
    let count = 0;
    value.counts.forEach((inBucket, i) => {
      count += inBucket;
      const le = i < value.bounds.length ? String(value.bounds[i]) : '+Inf';
      values.push({ metricName: `${family.name}_bucket`, labels: { ...labels, le }, value: count });
    });
    values.push({ metricName: `${family.name}_sum`, labels, value: value.sum });
    values.push({ metricName: `${family.name}_count`, labels, value: count });
  }
  return { name: family.name, help: family.help, type: family.type, values, aggregator: 'sum' };
}

/** Counters of one family, by label values. */
export interface CounterSet {
  /** @param labels values in the order of the family's label names */
  add(labels: readonly string[], amount?: number): void;
  /** Forgets the others: what comes and goes without end must not be counted without end. */
  keepOnly(isKept: (labels: readonly string[]) => boolean): void;
  family(): MetricFamily;
}

/** A counter family for code that counts seldom; the answer path has its own slots. */
export function createCounters(name: string, help: string, labelNames: readonly string[] = []): CounterSet {
  const samples = new Map<string, { labels: readonly string[]; value: number }>();
  if (labelNames.length === 0) samples.set('[]', { labels: [], value: 0 });
  return {
    add(labels, amount = 1) {
      const key = JSON.stringify(labels);
      const sample = samples.get(key);
      if (sample) sample.value += amount;
      else samples.set(key, { labels, value: amount });
    },
    keepOnly(isKept) {
      for (const [key, { labels }] of samples) if (!isKept(labels)) samples.delete(key);
    },
    family: () => ({
      name,
      help,
      type: 'counter',
      labelNames,
      merge: 'sum',
      samples: [...samples.values()].map((s) => ({ labels: s.labels, value: s.value })),
    }),
  };
}

/** A gauge family of one moment's values. */
export function gaugeFamily(
  name: string,
  help: string,
  labelNames: readonly string[],
  samples: readonly (readonly [labels: readonly string[], value: number])[],
  merge: MergeRule = 'sum',
): MetricFamily {
  return {
    name,
    help,
    type: 'gauge',
    labelNames,
    merge,
    samples: samples.map(([labels, value]) => ({ labels, value })),
  };
}

/** `coredns_build_info`, under the peer's label names: which program this is. */
export function buildInfo(version: string, revision: string, runtime: string): MetricFamily {
  const labels = ['version', 'revision', 'goversion'];
  return gaugeFamily(
    'coredns_build_info',
    'Version of the server.',
    labels,
    [[[version, revision, runtime], 1]],
    'max',
  );
}
