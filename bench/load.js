// k6: a closed loop. VUS connections send one text after another for DURATION; every answer is checked.
//
//   VUS=10 DURATION=20s TEXTS=texts.jsonl TARGET=http://127.0.0.1:8080/process k6 run bench/load.js
//
// TEXTS has a JSON string or an object with `text` on each line. OFFSET moves the first text, MODELS
// (comma separated) names the keys of the answer, SUMMARY is a file for the figures as JSON. After
// DURATION nothing is sent any more and what is under way is waited for, so no request is lost and
// the rate is: answers divided by the time until the last one.

import { check } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';
import { Counter, Trend } from 'k6/metrics';

import { checks, MODELS } from './lib/contract.js';
import { loadTexts, send, summarize } from './lib/k6-common.js';

const texts = loadTexts(__ENV.TEXTS);
const offset = Number(__ENV.OFFSET ?? 0);
const promised = checks(__ENV.MODELS ? __ENV.MODELS.split(',') : MODELS);
const answered = new Trend('answered_ms');
const length = new Trend('text_length');
const failed = new Counter('failed_answers');

export const options = {
  scenarios: {
    load: {
      executor: 'constant-vus',
      vus: Number(__ENV.VUS ?? 10),
      duration: __ENV.DURATION ?? '20s',
      gracefulStop: '300s',
    },
  },
  summaryTrendStats: ['avg', 'min', 'med', 'p(95)', 'p(99)', 'max'],
};

export default function () {
  const text = texts[(offset + exec.scenario.iterationInTest) % texts.length];
  const reply = send(http, text);
  if (!check(reply, promised)) failed.add(1);
  length.add(text.length);
  answered.add(Date.now() - exec.scenario.startTime);
}

export function handleSummary(data) {
  const { values } = data.metrics.answered_ms;
  const answers = data.metrics.iterations.values.count;
  return summarize({
    answers,
    seconds: values.max / 1000,
    requestsPerSecond: answers / (values.max / 1000),
    meanLength: data.metrics.text_length.values.avg,
    failed: data.metrics.failed_answers?.values.count ?? 0,
    latencyMs: data.metrics.http_req_duration.values,
    failedChecks: failedChecks(data.root_group),
  });
}

function failedChecks(group) {
  const broken = group.checks.filter(({ fails }) => fails > 0);
  return Object.fromEntries(broken.map(({ name, fails }) => [name, fails]));
}
