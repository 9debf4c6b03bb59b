// k6: a closed loop against `POST /predict`. VUS connections send lists of texts for DURATION; every answer is
// checked, and what its x-cache says is counted.
//
//   VUS=10 DURATION=20s CACHE_RATE=0.95 TARGET=http://127.0.0.1:8080/project/predict k6 run bench/sentiment/load.js
//
// CACHE_RATE and MODE are those of autotests/sentiment/load.js, but MODE is `new` by default: what is no hit is
// really computed. SUMMARY is a file for the figures as JSON.

import exec from 'k6/execution';
import http from 'k6/http';

import { summarize } from '../lib/k6-common.js';
import { closedLoop, count, figuresOf } from '../lib/k6-figures.js';
import { CACHE_THRESHOLDS, cacheCounts, newRun, predict } from '../lib/k6-predict.js';
import { PREDICT_CHECKS } from '../lib/predict.js';
import { textsOf } from '../lib/predict-texts.js';

const settings = { cacheRate: Number(__ENV.CACHE_RATE ?? 0.95), mode: __ENV.MODE ?? 'new' };

export const options = {
  scenarios: { load: closedLoop() },
  summaryTrendStats: ['avg', 'min', 'med', 'p(95)', 'p(99)', 'p(99.99)', 'max'],
  thresholds: CACHE_THRESHOLDS,
};

export const setup = newRun;

export default function ({ run }) {
  const id = { run, user: exec.vu.idInTest, iteration: exec.vu.iterationInInstance };
  count(predict(http, __ENV.TARGET, textsOf(settings, id)), PREDICT_CHECKS);
}

export function handleSummary(data) {
  return summarize({ ...figuresOf(data), cache: cacheCounts(data.metrics) });
}
