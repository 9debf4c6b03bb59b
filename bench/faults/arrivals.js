// k6: an open loop for the fault matrix. RATE arrivals a second for DURATION, each a text of WORDS words; with RETRIES
// a client that is refused asks again at once, whatever Retry-After says, as bad ones do.
//
//   RATE=200 DURATION=5s WORDS=40 RETRIES=3 TARGET=http://127.0.0.1:8080/process k6 run bench/faults/arrivals.js
//
// Every answer must be 200, or 503 with Retry-After: another one, or none, is counted as `wrong`.

import exec from 'k6/execution';
import http from 'k6/http';
import { Counter } from 'k6/metrics';

const answered = new Counter('answered');
const refused = new Counter('refused');
const wrong = new Counter('wrong');
const rate = Number(__ENV.RATE);
const retries = Number(__ENV.RETRIES ?? 0);
const words = Number(__ENV.WORDS ?? 40);

export const options = {
  discardResponseBodies: true,
  scenarios: {
    arrivals: {
      executor: 'constant-arrival-rate',
      rate,
      duration: __ENV.DURATION,
      preAllocatedVUs: 500,
      maxVUs: 2000,
      gracefulStop: '30s',
    },
  },
};

export default function () {
  const text = `${exec.scenario.iterationInTest} ${'canary-2718281828 and so on '.repeat(words / 4)}`;
  for (let left = retries; left >= 0; left -= 1) {
    const { status, headers } = http.post(__ENV.TARGET, JSON.stringify(text));
    if (status === 200) {
      answered.add(1);
      return;
    }
    (status === 503 && headers['Retry-After'] ? refused : wrong).add(1);
  }
}

export function handleSummary({ metrics }) {
  const count = (name) => metrics[name]?.values.count ?? 0;
  const figures = { answered: count('answered'), refused: count('refused'), wrong: count('wrong') };
  return { stdout: JSON.stringify(figures) };
}
