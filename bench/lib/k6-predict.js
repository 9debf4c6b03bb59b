// What the k6 scripts of `POST /predict` share: the request, and the count of what its cache said. Runs inside
// k6 only.

import { Counter } from 'k6/metrics';

import { CACHE_STATES, cacheState, readReply } from './predict.js';

const states = new Counter('x_cache');

/** Posts the texts, without a content type as the common script does; gives what `readReply` gives. */
export function predict(http, url, texts) {
  const response = http.post(url, JSON.stringify({ text: texts }), {
    timeout: '120s',
    tags: { name: 'predict' },
  });
  states.add(1, { state: cacheState(response.headers['X-Cache']) });
  return readReply(response, texts);
}

/** k6 keeps a figure for each state only where a threshold asks for it; these always hold. */
export const CACHE_THRESHOLDS = Object.fromEntries(
  CACHE_STATES.map((state) => [`x_cache{state:${state}}`, ['count>=0']]),
);

/** `{state: count}` from the metrics that k6 hands to handleSummary. */
export function cacheCounts(metrics) {
  const count = (state) => metrics[`x_cache{state:${state}}`]?.values.count ?? 0;
  return Object.fromEntries(CACHE_STATES.map((state) => [state, count(state)]));
}

/** A number for this run that the runs before did not have; for `setup`, which k6 calls once. */
export function newRun() {
  return { run: Date.now() };
}
