// k6: a closed loop. VUS connections send one text after another for DURATION; every answer is checked.
//
//   VUS=10 DURATION=20s TEXTS=texts.jsonl TARGET=http://127.0.0.1:8080/process k6 run bench/load.js
//
// TEXTS has a JSON string or an object with `text` on each line. OFFSET moves the first text, MODELS
// (comma separated) names the keys of the answer, SUMMARY is a file for the figures as JSON. After
// DURATION nothing is sent any more and what is under way is waited for, so no request is lost and
// the rate is: answers divided by the time until the last one.

import exec from 'k6/execution';
import http from 'k6/http';
import { Trend } from 'k6/metrics';

import { CHECKPOINT_LABELS, checks, MODELS } from './lib/contract.js';
import { loadTexts, send, summarize } from './lib/k6-common.js';
import { closedLoop, count, figuresOf } from './lib/k6-figures.js';

const texts = loadTexts(__ENV.TEXTS);
const offset = Number(__ENV.OFFSET ?? 0);
const promised = checks(__ENV.MODELS ? __ENV.MODELS.split(',') : MODELS, CHECKPOINT_LABELS);
const length = new Trend('text_length');

export const options = {
  scenarios: { load: closedLoop() },
  summaryTrendStats: ['avg', 'min', 'med', 'p(95)', 'p(99)', 'max'],
};

export default function () {
  const text = texts[(offset + exec.scenario.iterationInTest) % texts.length];
  const reply = send(http, text);
  length.add(text.length);
  count(reply, promised);
}

export function handleSummary(data) {
  return summarize({
    ...figuresOf(data),
    meanLength: data.metrics.text_length.values.avg,
  });
}
