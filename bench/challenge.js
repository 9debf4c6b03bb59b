// k6: the challenge's own load, its four stages with their rates, users and times (1712n/infra-challenge,
// autotests/app/src/main.js). The last stage decides: ten users in a closed loop for two minutes.
//
//   TEXTS=texts.jsonl TARGET=http://127.0.0.1:8080/process k6 run bench/challenge.js
//
// The texts come from a file instead of a generator, so that two runs send the same; every answer is
// checked as there. SCALE=0.05 makes every stage a twentieth as long, for a look; the summary says so.

import { check } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';

import { challengeStages, leastScale, TIMEOUT } from './lib/challenge-stages.js';
import { CHECKPOINT_LABELS, checks, MODELS } from './lib/contract.js';
import { loadTexts, perScenario, send, summarize } from './lib/k6-common.js';

const texts = loadTexts(__ENV.TEXTS);
const scale = leastScale(__ENV.SCALE ?? 1);
const promised = checks(MODELS, CHECKPOINT_LABELS);

const scenarios = challengeStages(scale);

export const options = {
  scenarios,
  summaryTrendStats: ['avg', 'min', 'med', 'p(95)', 'p(99)', 'max'],
  thresholds: {
    checks: ['rate==1'],
    ...perScenario(scenarios, {
      http_req_duration: ['max>=0'],
      http_reqs: ['count>=0'],
      dropped_iterations: ['count>=0'],
    }),
  },
};

export default function () {
  const text = texts[exec.scenario.iterationInTest % texts.length];
  check(send(http, text, undefined, TIMEOUT), promised);
}

export function handleSummary({ metrics, root_group: root }) {
  const stage = (name) => {
    const count = metrics[`http_reqs{scenario:${name}}`]?.values.count ?? 0;
    const closedLoop = name === 'stress_speed_test';
    return {
      answers: count,
      // A closed loop drops what it did not get to, by design: only open stages count drops.
      ...(closedLoop
        ? { requestsPerSecond: count / (120 * scale) }
        : { dropped: metrics[`dropped_iterations{scenario:${name}}`]?.values.count ?? 0 }),
      latencyMs: metrics[`http_req_duration{scenario:${name}}`]?.values,
    };
  };
  return summarize({
    scale:
      scale === 1 ? 'full length' : `every stage ${scale} of its length: a smoke run, not a result`,
    stages: Object.fromEntries(Object.keys(scenarios).map((name) => [name, stage(name)])),
    checks: Object.fromEntries(
      root.checks.map(({ name, passes, fails }) => [name, { passes, fails }]),
    ),
  });
}
