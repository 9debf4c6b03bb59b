// k6: RATE requests a second for SECONDS to TARGET, each with BODY; fails when one is lost or late to start, or is not
// answered with EXPECTED.
import { check } from 'k6';
import http from 'k6/http';

export const options = {
  scenarios: {
    steady: {
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.RATE),
      timeUnit: '1s',
      duration: `${__ENV.SECONDS}s`,
      preAllocatedVUs: 50,
      maxVUs: 500,
    },
  },
  thresholds: {
    http_req_failed: ['rate==0'],
    checks: ['rate==1'],
    dropped_iterations: ['count==0'],
  },
};

export default function () {
  const response = http.post(__ENV.TARGET, __ENV.BODY, { timeout: '30s' });
  check(response, {
    'the answer is the right one': ({ status, body }) => status === 200 && body === __ENV.EXPECTED,
  });
}

export function handleSummary({ metrics }) {
  const { http_reqs: requests, http_req_failed: failed, http_req_duration: duration } = metrics;
  const milliseconds = (name) => `${name} ${duration.values[name].toFixed(0)} ms`;
  const percentiles = ['med', 'p(95)', 'max'].map(milliseconds).join(', ');
  return {
    stdout: `${requests.values.count} requests, ${failed.values.passes} failed, ${percentiles}\n`,
  };
}
