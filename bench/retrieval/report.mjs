// What `bench/retrieval.mjs` has measured, as Markdown.

import { describeMachine } from '../lib/machine.mjs';
import { figure, mebibytes, times, titled } from '../lib/markdown.mjs';
import { median, sum } from '../lib/statistics.mjs';

const QUALITY = ['Corpus', 'Precision', 'accuracy@1', 'MRR@10'];
const SPEED = [
  ...['Connections', 'Service', 'req/s', 'ratio', 'p50', 'p99', 'CPU a request', 'cores', 'RSS'],
  'failed',
];

const PARTS = ['tokenization', 'queue', 'inference', 'search', 'total'];

/** `rows`: of the corpus of the load; the last of `targets` is the one that the others are compared with. */
export function report({ quality, speed, parts, targets, connections, rows }) {
  const found = quality.map(({ what, precision, accuracy, mrr }) => [
    ...[what, precision, `${(accuracy * 100).toFixed(1)} %`, mrr.toFixed(3)],
  ]);
  const lines = connections.flatMap((count) => {
    const reference = cell(speed, targets.at(-1), count);
    return targets.map((target) => line(count, target, cell(speed, target, count), reference));
  });
  return [
    `Measured ${new Date().toISOString().slice(0, 10)}: all-MiniLM-L6-v2; the corpus of the load is ${rows} questions in English, German and Spanish`,
    '',
    ...describeMachine(),
    '',
    ...titled('What is found', QUALITY, found),
    '',
    ...titled('Requests of one question', SPEED, lines),
    '',
    ...titled(
      'Where the time of a question goes that is asked alone, in ms (medians; client: with HTTP, as its client sees it)',
      ['Service', ...PARTS, 'client'],
      targets.filter((target) => parts.some((each) => each.target === target)).map((target) => {
        const own = parts.filter((each) => each.target === target);
        const middle = (part) => figure(median(own.map((each) => each[part])));
        return [target, ...[...PARTS, 'client'].map(middle)];
      }),
    ),
  ].join('\n');
}

function line(count, target, { rps, p50, p99, cpuMs, cores, rss, failed }, reference) {
  return [
    ...[count, target, figure(rps), times(rps / reference.rps)],
    ...[`${figure(p50)} ms`, `${figure(p99)} ms`, `${figure(cpuMs)} ms`, figure(cores)],
    ...[mebibytes(rss), failed],
  ];
}

/** Medians of the rounds, and all that failed. */
function cell(speed, target, count) {
  const own = speed.filter((each) => each.target === target && each.count === count);
  const middle = (key) => median(own.map((each) => each[key]));
  const keys = ['rps', 'p50', 'p99', 'cpuMs', 'cores', 'rss'];
  const failed = sum(own.map((each) => each.failed));
  return { ...Object.fromEntries(keys.map((key) => [key, middle(key)])), failed };
}
