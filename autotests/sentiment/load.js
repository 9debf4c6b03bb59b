// k6: the load of a sentiment service. Ten users in a closed loop ask for its health and then for predictions, ten
// minutes with the ramps; most requests are the same, so that a cache has something to do. Every answer is
// checked, thresholds decide the exit code, and a report comes out in Markdown.
//
//   k6 run -e api_host=http://127.0.0.1:8080 autotests/sentiment/load.js
//
//   api_host          the service's address without a path
//   NAMESPACE         instead of it: the address is https://NAMESPACE.DOMAIN
//   DOMAIN            (default mids255.com)
//   PREFIX            where the service's paths begin (default /project; / for none)
//   ROUTE             the path of predictions below it (default /predict; the common script has /bulk-predict)
//   CACHE_RATE        how often three fixed texts are sent (default 0.95)
//   MODE              what is sent otherwise: ten texts `shuffled` (default), or three `new` ones, which nobody
//                     sent before
//   SCALE             length of the stages: 1 is ten minutes, 0.02 a look
//   PARTICIPANT_NAME  tag `testid` of every figure
//   REPORT            folder for report.md and summary.json; the report always goes to stdout

import { check } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';

import { CACHE_THRESHOLDS, newRun, predict } from '../../bench/lib/k6-predict.js';
import { PREDICT_CHECKS } from '../../bench/lib/predict.js';
import { textsOf } from '../../bench/lib/predict-texts.js';
import { LATENCIES, outputs } from '../app/src/report.js';
import { sentimentReport } from './report.js';
import { baseUrl, load, stages } from './settings.js';

const base = baseUrl(__ENV);
const { cacheRate, mode, route, scale } = load(__ENV);

export const options = {
  stages: stages(scale),
  tags: { testid: __ENV.PARTICIPANT_NAME || 'chorus' },
  summaryTrendStats: LATENCIES,
  thresholds: {
    checks: ['rate==1'],
    http_req_failed: ['rate<0.01'],
    http_req_duration: ['p(99)<2000'],
    // So that k6 keeps them apart.
    'http_req_duration{name:health}': ['max>=0'],
    'http_req_duration{name:predict}': ['max>=0'],
    'http_reqs{name:health}': ['count>=0'],
    'http_reqs{name:predict}': ['count>=0'],
    ...CACHE_THRESHOLDS,
  },
};

export const setup = newRun;

export default function ({ run }) {
  const health = http.get(`${base}/health`, { tags: { name: 'health' } });
  check(health, {
    'health: status is 200': ({ status }) => status === 200,
    'health: says healthy': isHealthy,
  });
  const id = { run, user: exec.vu.idInTest, iteration: exec.vu.iterationInInstance };
  const texts = textsOf({ cacheRate, mode }, id);
  check(predict(http, `${base}${route}`, texts), PREDICT_CHECKS);
}

function isHealthy({ body }) {
  try {
    return JSON.parse(body).status === 'healthy';
  } catch {
    return false;
  }
}

export function handleSummary(data) {
  const report = sentimentReport(data, { target: `${base}${route}`, cacheRate, mode, scale });
  return outputs(report, data);
}
