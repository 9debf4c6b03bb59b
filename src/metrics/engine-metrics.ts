/**
 * The engine's figures as metrics: one table, read at every scrape.
 *
 * The engine counts in Rust and hands out a snapshot; nothing is counted here. prom-client's own
 * histograms cannot be set from finished buckets, so each row becomes a `SnapshotMetric`.
 */

import type { Registry } from 'prom-client';

import type { EngineStats, ModelStats } from '../engine/engine.js';
import { cacheRows } from './cache-metrics.js';
import type { Row } from './row.js';
import { histogramSamples, SnapshotMetric } from './snapshot-metric.js';

const laneBusy = perModel(
  'counter',
  'chorus_lane_busy_seconds_total',
  'Time that lanes spent on a model',
  (m) => m.busySeconds,
);
const lanes = single(
  'gauge',
  'chorus_lanes',
  'Lanes, each running one batch at a time',
  (s) => s.lanes,
);
const lastProgress = single(
  'gauge',
  'chorus_last_progress_timestamp_seconds',
  'When a batch last ended; now, while nothing is pending',
  (s) => Date.now() / 1000 - s.secondsSinceProgress,
);

const engineRows: readonly Row[] = [
  perModelAnd('outcome', {
    name: 'chorus_texts_total',
    help: 'Texts that a model was asked about, by outcome: done, failed, cancelled',
    read: ({ textsDone, textsFailed, textsCancelled }) => ({
      done: textsDone,
      failed: textsFailed,
      cancelled: textsCancelled,
    }),
  }),
  perModel('gauge', 'chorus_queue_depth', 'Texts waiting', (m) => m.queuedTexts),
  perModel('gauge', 'chorus_queue_tokens', 'Tokens waiting', (m) => m.queuedTokens),
  perModelHistogram(
    'chorus_queue_wait_seconds',
    'Time a text waited before its batch ran',
    (m) => m.queueWaitSeconds,
  ),
  perModelHistogram(
    'chorus_inference_duration_seconds',
    'Time a batch ran',
    (m) => m.inferenceSeconds,
  ),
  perModelHistogram('chorus_batch_size', 'Texts in a batch', (m) => m.batchSize),
  perModel('counter', 'chorus_batch_tokens_total', 'Tokens of texts run', (m) => m.batchTokens),
  perModel(
    'counter',
    'chorus_batch_padded_tokens_total',
    'Tokens run, padding included',
    (m) => m.batchPaddedTokens,
  ),
  perModelAnd('reason', {
    name: 'chorus_batches_closed_total',
    help: 'Batches, by what ended their collection: drained, padding, shared, token_budget',
    read: (m) => m.batchesClosed,
  }),
  perModelAnd('reason', {
    name: 'chorus_inference_errors_total',
    help: 'Texts that a model failed on: non_finite, not_loaded, panic, runtime, unreadable',
    read: (m) => m.errors,
  }),
  perModel('gauge', 'chorus_model_loaded', '1 while the model is in memory', (m) =>
    m.loaded ? 1 : 0,
  ),
  perModel(
    'gauge',
    'chorus_model_bytes',
    'Memory that a model takes while it is loaded: packed weights, or the files of a graph; 0 on a GPU',
    (m) => m.bytes,
  ),
  perModelAnd('outcome', {
    name: 'chorus_model_loads_total',
    help: 'Loads of a model that is loaded when it is asked for, by outcome: done, failed',
    read: ({ loadsDone, loadsFailed }) => ({ done: loadsDone, failed: loadsFailed }),
  }),
  perModel(
    'counter',
    'chorus_model_evictions_total',
    'How often a model had to go for another',
    (m) => m.evictions,
  ),
  perModelHistogram(
    'chorus_model_load_seconds',
    'Time to load a model when it was asked for',
    (m) => m.loadSeconds,
  ),
  single(
    'gauge',
    'chorus_model_memory_bytes',
    'Memory of all models that are loaded or being loaded',
    (s) => s.modelMemory,
  ),
  single(
    'gauge',
    'chorus_model_memory_limit_bytes',
    'Most that it may be: --model-memory; +Inf: any',
    (s) => s.modelMemoryLimit ?? Infinity,
  ),
  laneBusy,
  lanes,
  lastProgress,
  single(
    'counter',
    'chorus_native_panics_total',
    'Steps of lanes and tokenizer threads that panicked',
    (s) => s.panics,
  ),
  single(
    'gauge',
    'chorus_pending_texts',
    'Texts accepted and not yet answered',
    (s) => s.pendingTexts,
  ),
  single(
    'gauge',
    'chorus_queue_capacity',
    'Texts accepted and not yet answered, at most',
    (s) => s.queueCapacity,
  ),
  single(
    'gauge',
    'chorus_queue_expected_wait_seconds',
    'Wait of a request that came now, as the engine expects it from its last batches',
    (s) => s.expectedWaitSeconds,
  ),
  single(
    'gauge',
    'chorus_queue_wait_limit_seconds',
    'Longest expected wait that is let in: --max-wait, or less while clients go away sooner; +Inf: any',
    (s) => s.waitLimitSeconds ?? Infinity,
  ),
  {
    name: 'chorus_tokenization_duration_seconds',
    help: 'Time to tokenize a text, with every tokenizer that its models need',
    type: 'histogram',
    samples: (s) =>
      histogramSamples('chorus_tokenization_duration_seconds', s.tokenizationSeconds, {}),
  },
  {
    name: 'chorus_input_tokens',
    help: 'Tokens of a text, as far as they are read',
    type: 'histogram',
    samples: (s) => histogramSamples('chorus_input_tokens', s.inputTokens, {}),
  },
  single(
    'counter',
    'chorus_input_truncated_total',
    'Texts that a model read only the beginning of',
    (s) => s.truncatedTexts,
  ),
  // Lanes were workers once. For one release both names count.
  renamed(laneBusy, 'chorus_worker_busy_seconds_total'),
  renamed(lanes, 'chorus_workers'),
  renamed(lastProgress, 'chorus_worker_last_progress_timestamp_seconds'),
  single(
    'counter',
    'chorus_worker_restarts_total',
    'Deprecated: always 0, since a lane that panics goes on',
    () => 0,
  ),
];

/** Registers every row; without stats (the engine still loads) a row has no samples. */
export function registerEngineMetrics(
  registry: Registry,
  stats: () => EngineStats | undefined,
): void {
  for (const { name, help, type, labels = [], samples } of [...engineRows, ...cacheRows]) {
    new SnapshotMetric(name, help, type, labels, () => {
      const current = stats();
      return current === undefined ? [] : samples(current);
    }).register(registry);
  }
}

function single(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  read: (stats: EngineStats) => number,
): Row {
  return { name, help, type, samples: (stats) => [{ labels: {}, value: read(stats) }] };
}

function renamed(row: Row, formerName: string): Row {
  return { ...row, name: formerName, help: `Deprecated: now ${row.name}` };
}

function perModel(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  read: (model: ModelStats) => number,
): Row {
  return {
    name,
    help,
    type,
    labels: ['model'],
    samples: ({ models }) =>
      models.map((model) => ({ labels: { model: model.name }, value: read(model) })),
  };
}

function perModelAnd(
  label: string,
  row: {
    name: string;
    help: string;
    read(model: ModelStats): Readonly<Record<string, number>>;
  },
): Row {
  return {
    name: row.name,
    help: row.help,
    type: 'counter',
    labels: ['model', label],
    samples: ({ models }) =>
      models.flatMap((model) =>
        Object.entries(row.read(model)).map(([key, value]) => ({
          labels: { model: model.name, [label]: key },
          value,
        })),
      ),
  };
}

function perModelHistogram(
  name: string,
  help: string,
  read: (model: ModelStats) => EngineStats['inputTokens'],
): Row {
  return {
    name,
    help,
    type: 'histogram',
    labels: ['model'],
    samples: ({ models }) =>
      models.flatMap((model) => histogramSamples(name, read(model), { model: model.name })),
  };
}
