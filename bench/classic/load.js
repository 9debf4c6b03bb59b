// k6: a closed loop against `POST /prediction`; every answer is compared with the label that its text must get.
//
//   VUS=8 DURATION=6s TEXTS=rows.jsonl TARGET=http://127.0.0.1:8080/prediction k6 run bench/classic/load.js
//
// TEXTS has {"text":…,"label":…} on each line. SUMMARY is a file for the figures as JSON. The open loop is open-loop.mjs.

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

export const options = {
  scenarios: { load: closedLoop() },
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
};

export default function () {
  const { body, right } = rows[exec.scenario.iterationInTest % rows.length];
  const response = http.post(__ENV.TARGET, body, { headers: HEADERS, timeout: '60s' });
  count({ status: response.status, body: response.body, right }, CHECKS);
}

export function handleSummary(data) {
  return summarize({ ...figuresOf(data), dropped: 0 });
}
