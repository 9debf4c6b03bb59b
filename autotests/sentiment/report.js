// What a run of load.js found, as Markdown.

import { cacheCounts } from '../../bench/lib/k6-predict.js';
import { checkTable, LATENCIES, table, verdict } from '../app/src/report.js';

const OTHERWISE = { shuffled: 'ten texts in a new order', new: 'three texts that are new' };

/** `data` is what k6 hands to handleSummary. */
export function sentimentReport(data, { target, cacheRate, mode, scale }) {
  return [
    `# Load test of ${target}`,
    verdict(data, scale),
    `Three fixed texts in ${percent(cacheRate)} of the requests, otherwise ${OTHERWISE[mode]}.`,
    table(
      ['requests', 'count', 'per second', ...LATENCIES.map((name) => `${name}, ms`)],
      ['predict', 'health'].map((name) => requestRow(data, name)),
    ),
    cacheTable(cacheCounts(data.metrics)),
    checkTable(data),
    '',
  ].join('\n\n');
}

function requestRow({ metrics, state }, name) {
  const latency = metrics[`http_req_duration{name:${name}}`]?.values;
  const count = metrics[`http_reqs{name:${name}}`]?.values.count ?? 0;
  return [
    name,
    count,
    (count / (state.testRunDurationMs / 1000)).toFixed(1),
    ...LATENCIES.map((statistic) => (latency?.[statistic] ?? 0).toFixed(1)),
  ];
}

function cacheTable(counts) {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const rows = Object.entries(counts).map(([state, count]) => [
    state,
    count,
    percent(all > 0 ? count / all : 0),
  ]);
  return table(['x-cache', 'answers', 'share'], rows);
}

function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}
