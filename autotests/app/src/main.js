// k6: the challenge's autotest. Four stages against `api_host`, every field of every answer checked, thresholds
// that decide the exit code, and a report in Markdown.
//
//   k6 run -e api_host=http://127.0.0.1:8080/process autotests/app/src/main.js
//
//   api_host          the service's address with its path
//   PARTICIPANT_NAME  tag `testid` of every figure
//   SCALE             length of the stages: 1 is 8.5 minutes, 0.05 a look
//   MAX_P99_MS        what the first stage, one request each second, must stay below (default 2000)
//   MAX_DROPPED       requests that each of the first three stages may leave unsent (default 0: what was not sent proves nothing)
//   REPORT            folder for report.md and summary.json; the report always goes to stdout
//
// The stages and the checks are those of bench/, which measures with them; nothing of them is written twice.

import { check } from 'k6';
import http from 'k6/http';

import { challengeStages, leastScale, TIMEOUT } from '../../../bench/lib/challenge-stages.js';
import { checks } from '../../../bench/lib/contract.js';
import { perScenario, send } from '../../../bench/lib/k6-common.js';
import { CLOSED_LOOP, LATENCIES, markdownReport, outputs } from './report.js';
import { randomText } from './texts.js';

const target = __ENV.api_host || 'http://127.0.0.1:8080/process';
const scale = leastScale(__ENV.SCALE || 1);
const promised = checks();
const scenarios = challengeStages(scale);

const dropped = { dropped_iterations: [`count<=${__ENV.MAX_DROPPED || 0}`] };
const open = Object.fromEntries(
  Object.entries(scenarios).filter(([stage]) => stage !== CLOSED_LOOP),
);

export const options = {
  scenarios,
  tags: { testid: __ENV.PARTICIPANT_NAME || 'chorus' },
  summaryTrendStats: LATENCIES,
  thresholds: {
    checks: ['rate==1'],
    http_req_failed: ['rate==0'],
    ...perScenario(scenarios, {
      http_req_duration: ['max>=0'],
      http_reqs: ['count>=0'],
      checks: ['rate==1'],
    }),
    'http_req_duration{scenario:does_it_even_work}': [`p(99)<${__ENV.MAX_P99_MS || 2000}`],
    ...perScenario(open, dropped),
  },
};

export default function () {
  check(send(http, randomText(), target, TIMEOUT), promised);
}

export function handleSummary(data) {
  return outputs(markdownReport(data, { target, scale, scenarios }), data);
}
