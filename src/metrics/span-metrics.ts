/**
 * What became of spans, where requests are traced; the counters are there, and 0, where they are not.
 */

import type { Registry } from 'prom-client';

import type { SpanCounts } from '../http/trace.js';
import { SnapshotMetric } from './snapshot-metric.js';

const NONE: SpanCounts = { exported: 0, dropped: { export_failed: 0, queue_full: 0 } };

export class SpanMetrics {
  #source: { readonly counts: SpanCounts } | undefined;

  constructor(registry: Registry) {
    new SnapshotMetric(
      'chorus_spans_exported_total',
      'Spans of requests that the collector took',
      'counter',
      [],
      () => [{ labels: {}, value: this.#counts.exported }],
    ).register(registry);
    new SnapshotMetric(
      'chorus_spans_dropped_total',
      'Spans that were lost: export_failed, queue_full',
      'counter',
      ['reason'],
      () =>
        Object.entries(this.#counts.dropped).map(([reason, value]) => ({
          labels: { reason },
          value,
        })),
    ).register(registry);
  }

  /** `source` is read at every scrape from now on. */
  read(source: { readonly counts: SpanCounts } | undefined): void {
    this.#source = source;
  }

  get #counts(): SpanCounts {
    return this.#source?.counts ?? NONE;
  }
}
