// k6: a closed loop against the contract `retrieve`; every answer must be a line of the corpus.
//
//   VUS=8 DURATION=6s TEXTS=queries.jsonl TARGET=http://127.0.0.1:8080/process k6 run bench/retrieval/load.js
//
// TEXTS has {"text":…} on each line. SUMMARY is a file for the figures as JSON.

import exec from 'k6/execution';
import http from 'k6/http';

import { loadRows, summarize } from '../lib/k6-common.js';
import { closedLoop, count, figuresOf } from '../lib/k6-figures.js';

const bodies = loadRows(__ENV.TEXTS, ({ text }) => JSON.stringify({ instances: [text] }));
const HEADERS = { 'content-type': 'application/json' };

const CHECKS = {
  'retrieve: status is 200': ({ status }) => status === 200,
  'retrieve: there is a match': ({ status, body }) =>
    status !== 200 || /^\{"match":"(?:[^"\\]|\\.)+"\}$/.test(body),
};

export const options = {
  scenarios: { load: closedLoop() },
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
};

export default function () {
  const body = bodies[exec.scenario.iterationInTest % bodies.length];
  const response = http.post(__ENV.TARGET, body, { headers: HEADERS, timeout: '60s' });
  const { status, error } = response;
  if (status !== 200) {
    const seconds = (Date.now() - exec.scenario.startTime) / 1000;
    console.warn(`after ${seconds.toFixed(1)} s: ${error || `status ${status}`}`);
  }
  count({ status, body: response.body }, CHECKS);
}

export function handleSummary(data) {
  return summarize(figuresOf(data));
}
