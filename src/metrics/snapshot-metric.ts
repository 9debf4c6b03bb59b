/**
 * A metric whose samples are computed when it is scraped.
 *
 * prom-client's registry asks a metric for `get()` and prints what comes back; this is the smallest
 * object that answers. It keeps no values.
 */

import type { MetricObjectWithValues, Metric, MetricValue, Registry } from 'prom-client';

import type { Exemplar, HistogramSnapshot } from '../engine/engine.js';

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** For histograms: the metric's name with `_bucket`, `_sum` or `_count`. */
  readonly metricName?: string;
  /** As prom-client's own histograms have it: shown in the OpenMetrics format alone. */
  readonly exemplar?: {
    readonly labelSet: Readonly<Record<string, string>>;
    readonly value: number;
    readonly timestamp: number;
  };
}

export class SnapshotMetric {
  readonly aggregator = 'sum';

  constructor(
    readonly name: string,
    readonly help: string,
    readonly type: 'counter' | 'gauge' | 'histogram',
    readonly labelNames: readonly string[],
    private readonly samples: () => Sample[],
  ) {}

  register(registry: Registry): void {
    // The types name prom-client's own classes; the registry needs only `name` and `get`.
    registry.registerMetric(this as unknown as Metric);
  }

  get(): Promise<MetricObjectWithValues<MetricValue<string>>> {
    const { name, help, type, aggregator } = this;
    const values = this.samples() as MetricValue<string>[];
    return Promise.resolve({ name, help, type, aggregator, values } as unknown as Awaited<
      ReturnType<SnapshotMetric['get']>
    >);
  }

  reset(): void {
    // Nothing is kept.
  }
}

/** A snapshot as Prometheus has it: cumulative buckets up to `+Inf`, then sum and count. */
export function histogramSamples(
  name: string,
  { upperBounds, counts, sum, exemplars }: HistogramSnapshot,
  labels: Readonly<Record<string, string>>,
): Sample[] {
  let cumulative = 0;
  const buckets = counts.map((count, index) => {
    cumulative += count;
    const le = upperBounds[index];
    const exemplar = exemplars?.[index];
    return {
      metricName: `${name}_bucket`,
      labels: { ...labels, le: le === undefined ? '+Inf' : String(le) },
      value: cumulative,
      ...(exemplar && { exemplar: exemplarSample(exemplar) }),
    };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: cumulative },
  ];
}

function exemplarSample({ traceId, value, seconds }: Exemplar): NonNullable<Sample['exemplar']> {
  return { labelSet: { trace_id: traceId }, value, timestamp: seconds };
}
