/**
 * The figures of the index that is searched; without one, a row has no samples.
 */

import type { Registry } from 'prom-client';

import type { IndexStats } from '../retrieval/index-stats.js';
import type { ServedIndex } from '../retrieval/served-index.js';
import { histogramSamples, SnapshotMetric, type Sample } from './snapshot-metric.js';

interface IndexRow {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels?: readonly string[];
  readonly samples: (stats: IndexStats) => Sample[];
}

const SEARCH_SECONDS = 'chorus_index_search_duration_seconds';

const rows: readonly IndexRow[] = [
  {
    name: 'chorus_index_info',
    help: 'The generation that is served, as a label',
    type: 'gauge',
    labels: ['generation'],
    samples: ({ generation }) => [{ labels: { generation }, value: 1 }],
  },
  gauge('chorus_index_rows', 'Lines that can be found', ({ rows }) => rows),
  gauge('chorus_index_dimensions', 'Of a vector', ({ dimensions }) => dimensions),
  gauge('chorus_index_bytes', 'Of its files, which are mapped', ({ bytes }) => bytes),
  gauge(
    'chorus_index_behind',
    '1 while the pointer names another generation, which cannot be served',
    ({ isBehind }) => (isBehind ? 1 : 0),
  ),
  gauge(
    'chorus_index_approximate',
    '1 where a graph leads to what is found, which may miss what is near: chorus_index_recall; 0: it is exact',
    ({ search }) => (search === 'exact' ? 0 : 1),
  ),
  {
    name: 'chorus_index_recall',
    help: 'The share of what comparing all rows finds, of the first and of ten, when it was built',
    type: 'gauge',
    labels: ['at'],
    samples: ({ recallAt1, recallAt10 }) => [
      { labels: { at: '1' }, value: recallAt1 },
      { labels: { at: '10' }, value: recallAt10 },
    ],
  },
  {
    name: 'chorus_index_switches_total',
    help: 'Generations that the pointer named, by outcome: done, failed',
    type: 'counter',
    labels: ['outcome'],
    samples: ({ switches }) =>
      Object.entries(switches).map(([outcome, value]) => ({ labels: { outcome }, value })),
  },
  {
    name: 'chorus_index_search_failures_total',
    help: 'Searches that failed since no node of the store answered',
    type: 'counter',
    samples: ({ failedSearches }) => [{ labels: {}, value: failedSearches }],
  },
  {
    name: 'chorus_index_node_failures_total',
    help: 'Requests that a node of the store has not answered, after which another was asked',
    type: 'counter',
    labels: ['node'],
    samples: ({ nodes }) =>
      nodes.map(({ url, count }) => ({ labels: { node: url }, value: count })),
  },
  gauge(
    'chorus_index_expected_wait_seconds',
    'Wait for the searches before it of a text that came now, as the last ones show it',
    ({ expectedWaitSeconds }) => expectedWaitSeconds,
  ),
  {
    name: SEARCH_SECONDS,
    help: 'Time from vectors to lines, waiting for the searches before included',
    type: 'histogram',
    samples: ({ searchSeconds }) => histogramSamples(SEARCH_SECONDS, searchSeconds, {}),
  },
];

export class IndexMetrics {
  #index: ServedIndex | undefined;

  constructor(registry: Registry) {
    for (const { name, help, type, labels = [], samples } of rows) {
      new SnapshotMetric(name, help, type, labels, () => {
        return this.#index === undefined ? [] : samples(this.#index.stats());
      }).register(registry);
    }
  }

  /** Its figures are part of every scrape from now on. */
  serve(index: ServedIndex | undefined): void {
    this.#index = index;
  }
}

function gauge(name: string, help: string, value: (stats: IndexStats) => number): IndexRow {
  return { name, help, type: 'gauge', samples: (stats) => [{ labels: {}, value: value(stats) }] };
}
