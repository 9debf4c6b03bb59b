// `node bench/sentiment.mjs replicas`: what does one replica have of what another computed?
//
// Two servers of one target share a Redis. First everything is asked of the first and then the same of the second,
// which has computed nothing: its hits are what Redis is worth. Then closed loops go to both in turn.

import { startBalancer } from '../lib/balancer.mjs';
import { titled } from '../lib/markdown.mjs';
import { cacheState } from '../lib/predict.js';
import { newTexts } from '../lib/predict-texts.js';
import { sum } from '../lib/statistics.mjs';
import { percent } from './report.mjs';
import { ask, closedLoop, withServers } from './started.mjs';
import { PREFIX, TARGETS } from './targets.mjs';

const REPLICAS = 2;
/** Requests that are asked of one replica and then of the other. */
const HANDED_OVER = 100;

/** Gives `{text, figures, bad}`. */
export async function replicas(options) {
  const [target] = options.targets;
  return withServers(target, REPLICAS, options, async (started) => {
    const handover = await handOver(started.map(({ base }) => `${base}${options.route}`));
    const rates = [];
    for (const rate of options.rates) rates.push(await inTurn(started, rate, options));
    return {
      text: text(target, handover, rates),
      figures: { target, handover, rates },
      bad: rates.some(({ failed }) => failed > 0),
    };
  });
}

/** The x-cache of every answer, by replica. */
async function handOver(urls) {
  const run = Date.now();
  const lists = Array.from({ length: HANDED_OVER }, (_, iteration) =>
    newTexts({ run, user: 0, iteration }),
  );
  const told = [];
  for (const url of urls) {
    const counts = {};
    for (const texts of lists) {
      const state = cacheState((await ask(url, texts)).cache);
      counts[state] = (counts[state] ?? 0) + 1;
    }
    told.push(counts);
  }
  return told;
}

async function inTurn(started, rate, options) {
  const balancer = await startBalancer(started.map(({ server }) => server.port));
  try {
    const url = `http://127.0.0.1:${balancer.port}${PREFIX}${options.route}`;
    const line = await closedLoop(url, rate, options);
    const { requestsPerSecond, latencyMs, answers, failed } = line;
    return { rate, rps: requestsPerSecond, latencyMs, answers, failed, replicas: balancer.counts };
  } finally {
    await balancer.close();
  }
}

function text(target, handover, rates) {
  const shares = (counts) =>
    counts.map((count) => percent((count.hit ?? 0) / sum(Object.values(count))));
  const replica = (index) => `hits of replica ${index + 1}`;
  const heads = Array.from({ length: REPLICAS }, (_, index) => replica(index));
  const rows = rates.map(({ rate, rps, latencyMs, failed, replicas: counts }) => [
    rate,
    rps.toFixed(1),
    latencyMs.med.toFixed(1),
    latencyMs['p(99)'].toFixed(1),
    failed,
    ...shares(counts),
  ]);
  return [
    ...titled(
      `${REPLICAS} replicas, ${TARGETS[target].what}`,
      ['the same asked of each after the other', ...heads],
      [[`${HANDED_OVER} requests of new texts`, ...shares(handover)]],
    ),
    '',
    ...titled(
      'Requests in turn',
      ['cache rate', 'req/s', 'p50 ms', 'p99 ms', 'errors', ...heads],
      rows,
    ),
  ].join('\n');
}
