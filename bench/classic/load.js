// k6: a closed or an open loop against `POST /prediction`; every answer is compared with the label that its text must get.
//
//   VUS=8 DURATION=6s TEXTS=rows.jsonl TARGET=http://127.0.0.1:8080/prediction k6 run bench/classic/load.js
//
// TEXTS has {"text":…,"label":…} on each line. With RATE requests are sent so many times a second, whatever became of
// those before, by VUS connections at most: what finds none free is not sent, and counts as dropped. SUMMARY is a file for
// the figures as JSON.

import exec from 'k6/execution';
import http from 'k6/http';

import { loadRows, summarize } from '../lib/k6-common.js';
import { closedLoop, count, figuresOf } from '../lib/k6-figures.js';

/** Bodies and right answers, written out once: the load generator shares its cores with the service. */
const rows = loadRows(__ENV.TEXTS, ({ text, label }) => ({
  body: JSON.stringify({ text }),
  right: JSON.stringify({ label }),
}));
const HEADERS = { 'content-type': 'application/json' };

const CHECKS = {
  'prediction: status is 200': ({ status }) => status === 200,
  // What is refused has none, and is counted above.
  'prediction: the label is right': ({ status, body, right }) => status !== 200 || body === right,
};

function openLoop(rate) {
  const vus = Number(__ENV.VUS ?? 100);
  return {
    executor: 'constant-arrival-rate',
    rate,
    timeUnit: '1s',
    duration: __ENV.DURATION ?? '5s',
    preAllocatedVUs: vus,
    maxVUs: vus,
    gracefulStop: '60s',
  };
}

export const options = {
  scenarios: { load: __ENV.RATE ? openLoop(Number(__ENV.RATE)) : closedLoop() },
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
};

export default function () {
  const { body, right } = rows[exec.scenario.iterationInTest % rows.length];
  const response = http.post(__ENV.TARGET, body, { headers: HEADERS, timeout: '60s' });
  count({ status: response.status, body: response.body, right }, CHECKS);
}

export function handleSummary(data) {
  const dropped = data.metrics.dropped_iterations?.values.count ?? 0;
  return summarize({ ...figuresOf(data), dropped });
}
