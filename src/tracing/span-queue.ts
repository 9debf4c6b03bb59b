/**
 * The exporter with an account: how many spans wait, how many arrived, how many were lost and why.
 *
 * It decides who is let in, a request's spans all or none, so that a collector that is slow or gone costs a bounded
 * amount of memory and whoever looks at a trace sees all of it.
 */

import { ExportResultCode, type ExportResult } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';

import type { SpanCounts, SpanLoss } from '../http/trace.js';
import type { Logger } from '../log/logger.js';

export class SpanQueue implements SpanExporter {
  readonly #dropped: Record<SpanLoss, number> = { export_failed: 0, queue_full: 0 };
  #exported = 0;
  #pending = 0;
  #isFailing = false;

  constructor(
    private readonly exporter: SpanExporter,
    private readonly capacity: number,
    private readonly logger: Logger,
  ) {}

  /** Spans that were let in and neither sent nor lost. */
  get pending(): number {
    return this.#pending;
  }

  get counts(): SpanCounts {
    return { exported: this.#exported, dropped: { ...this.#dropped } };
  }

  /** Whether so many spans may be ended; otherwise they are counted as lost. */
  letIn(spans: number): boolean {
    const isFree = this.#pending + spans <= this.capacity;
    if (isFree) this.#pending += spans;
    else this.#dropped.queue_full += spans;
    return isFree;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.exporter.export(spans, (result) => {
      this.#pending -= spans.length;
      if (result.code === ExportResultCode.SUCCESS) this.#exported += spans.length;
      else this.#dropped.export_failed += spans.length;
      this.tell(result);
      done(result);
    });
  }

  async forceFlush(): Promise<void> {
    await this.exporter.forceFlush?.();
  }

  shutdown(): Promise<void> {
    return this.exporter.shutdown();
  }

  /** Once when it begins to fail, and once when it is over: the metric counts. */
  private tell({ code, error }: ExportResult): void {
    const isFailing = code !== ExportResultCode.SUCCESS;
    if (isFailing === this.#isFailing) return;
    this.#isFailing = isFailing;
    if (isFailing) this.logger.warn({ err: error }, 'the collector takes no spans: they are lost');
    else this.logger.info({}, 'the collector takes spans again');
  }
}
