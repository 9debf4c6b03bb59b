// The challenge's four stages with their rates, users and times (1712n/infra-challenge,
// autotests/app/src/main.js), as k6 scenarios of the same names. The last decides: ten users in a closed loop for two minutes.

/** What the challenge's requests have, which name none: k6's own. */
export const TIMEOUT = '60s';

/** k6 takes no stage below a second, and the first has sixty. */
export function leastScale(wanted) {
  return Math.max(1 / 60, Number(wanted));
}

/** The scenarios, every time multiplied by `scale`; the rates stay. */
export function challengeStages(scale = 1) {
  const seconds = (length) => `${Math.round(length * 1000 * scale)}ms`;
  const ramp = (start, stages) => ({
    executor: 'ramping-arrival-rate',
    startTime: seconds(start),
    preAllocatedVUs: 10,
    maxVUs: 50,
    timeUnit: '1s',
    startRate: 1,
    stages: stages.map(([target, length]) => ({ target, duration: seconds(length) })),
  });
  return {
    does_it_even_work: {
      executor: 'constant-arrival-rate',
      rate: 1,
      timeUnit: '1s',
      duration: seconds(60),
      preAllocatedVUs: 1,
      maxVUs: 1,
    },
    highload_scenario: ramp(61, [
      [10, 5],
      [30, 5],
      [60, 10],
      [60, 60],
      [40, 60],
      [60, 10],
      [10, 30],
      [0, 5],
    ]),
    spike_scenario: ramp(247, [
      [10, 5],
      [30, 5],
      [200, 10],
      [200, 120],
      [0, 5],
    ]),
    stress_speed_test: {
      executor: 'shared-iterations',
      startTime: seconds(392),
      vus: 10,
      iterations: 1000000,
      maxDuration: seconds(120),
    },
  };
}

/** How long a scenario of these lasts, in seconds. */
export function stageSeconds({ duration, maxDuration, stages = [] }) {
  const times = [duration, maxDuration, ...stages.map((stage) => stage.duration)];
  return times.reduce((sum, time) => sum + (time ? Number.parseInt(time, 10) : 0), 0) / 1000;
}
