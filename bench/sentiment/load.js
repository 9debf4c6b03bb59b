// k6: a closed loop against `POST /predict`. VUS connections send lists of texts for DURATION; every answer is
// checked, and what its x-cache says is counted.
//
//   VUS=10 DURATION=20s CACHE_RATE=0.95 TARGET=http://127.0.0.1:8080/project/predict k6 run bench/sentiment/load.js
//
// CACHE_RATE and MODE are those of autotests/sentiment/load.js, but MODE is `new` by default: what is no hit is
// really computed. SUMMARY is a file for the figures as JSON.

import { check } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';
import { Counter, Trend } from 'k6/metrics';

import { summarize } from '../lib/k6-common.js';
import { CACHE_THRESHOLDS, cacheCounts, newRun, predict } from '../lib/k6-predict.js';
import { PREDICT_CHECKS } from '../lib/predict.js';
import { textsOf } from '../lib/predict-texts.js';

const settings = { cacheRate: Number(__ENV.CACHE_RATE ?? 0.95), mode: __ENV.MODE ?? 'new' };
const answered = new Trend('answered_ms');
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
  summaryTrendStats: ['avg', 'min', 'med', 'p(95)', 'p(99)', 'p(99.99)', 'max'],
  thresholds: CACHE_THRESHOLDS,
};

export const setup = newRun;

export default function ({ run }) {
  const id = { run, user: exec.vu.idInTest, iteration: exec.vu.iterationInInstance };
  const reply = predict(http, __ENV.TARGET, textsOf(settings, id));
  if (!check(reply, PREDICT_CHECKS)) failed.add(1);
  answered.add(Date.now() - exec.scenario.startTime);
}

export function handleSummary({ metrics, root_group: root }) {
  const { values } = metrics.answered_ms;
  const answers = metrics.iterations.values.count;
  const broken = root.checks.filter(({ fails }) => fails > 0);
  return summarize({
    answers,
    seconds: values.max / 1000,
    requestsPerSecond: answers / (values.max / 1000),
    failed: metrics.failed_answers?.values.count ?? 0,
    latencyMs: metrics.http_req_duration.values,
    cache: cacheCounts(metrics),
    failedChecks: Object.fromEntries(broken.map(({ name, fails }) => [name, fails])),
  });
}
