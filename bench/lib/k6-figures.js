// What the k6 scripts of load count of every answer, and the figures that come of it. Runs inside k6 only.

import { check } from 'k6';
import exec from 'k6/execution';
import { Counter, Trend } from 'k6/metrics';

const answered = new Trend('answered_ms');
const failed = new Counter('failed_answers');

/** Counts an answer that has just come; `promised` are its checks by name. */
export function count(reply, promised) {
  if (!check(reply, promised)) failed.add(1);
  answered.add(Date.now() - exec.scenario.startTime);
}

/** `options` of a closed loop of VUS connections for DURATION: what is under way at its end is waited for. */
export function closedLoop() {
  return {
    executor: 'constant-vus',
    vus: Number(__ENV.VUS ?? 10),
    duration: __ENV.DURATION ?? '20s',
    gracefulStop: '300s',
  };
}

/** The figures of a run, from what k6 hands to handleSummary: the rate is that until the last answer. */
export function figuresOf({ metrics, root_group: root }) {
  const answers = metrics.iterations.values.count;
  const seconds = metrics.answered_ms.values.max / 1000;
  const broken = root.checks.filter(({ fails }) => fails > 0);
  return {
    answers,
    seconds,
    requestsPerSecond: answers / seconds,
    failed: metrics.failed_answers?.values.count ?? 0,
    latencyMs: metrics.http_req_duration.values,
    failedChecks: Object.fromEntries(broken.map(({ name, fails }) => [name, fails])),
  };
}
